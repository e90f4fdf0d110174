import ArgumentParser
import Inspection
import Records
import Tensors
import ToolSupport

/// Archives, frame by frame.
struct ShownArchives {
  let paths: [String]
  let names: TokenNames?
  let json: Bool

  /// Shows the frames that `options` choose.
  func run(_ options: StreamOptions, quiet: Bool) throws -> ExitCode {
    let diagnostics = Diagnostics(tool: "nlft-show", quiet: quiet)
    let writer = RecordWriter()
    var selection = options.selection(idsAreUnique: false)
    var (done, failed) = (0, 0)
    func fail(_ error: any Error) {
      failed += 1
      diagnostics.error("\(error)")
    }
    for path in paths where !selection.isComplete {
      let frames = try ArchiveFrames(path: path)
      do {
        while !selection.isComplete, let reference = try frames.next() {
          do {
            let frame = InspectedFrame(reference: reference, file: try frames.read(reference))
            guard selection.takes(id: frame.origin.id) else { continue }
            let listing = try RecordListing(frame)
            try writer.write(lines: Array((json ? listing.jsonLines(names) : listing.text(names)).utf8))
            done += 1
          } catch let error as FileError {
            throw error
          } catch { fail(error) }
        }
      } catch let error as TensorError { fail(error) }
    }
    selection.warnings.forEach(diagnostics.warn)
    if let note = selection.note { diagnostics.note(note) }
    if done + failed == 0 { diagnostics.error("\(paths.joined(separator: ", ")): no frame was asked for") }
    diagnostics.note("done \(done), failed \(failed)")
    let isGood = done > 0 && (failed == 0 || options.keepGoing)
    return isGood ? .success : ExitCode(ToolError.Status.data.rawValue)
  }
}
