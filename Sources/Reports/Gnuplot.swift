#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Records

/// Draws plots with gnuplot, where there is one.
public struct Gnuplot: Sendable {
  /// The command.
  let command: String

  /// Looks for gnuplot; nil if it is not there.
  public init?(command: String = "gnuplot") {
    guard Self.run("\(command) --version > /dev/null 2>&1", input: "") == 0 else { return nil }
    self.command = command
  }

  /// Draws one plot.
  /// - Throws: `ReportError` if gnuplot fails, `FileError` if its drawing cannot be read.
  func draw(_ plot: Plot) throws -> Markup {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/nlft-report-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard descriptor >= 0 else { throw FileError(path: path, kind: .transfer, action: "create") }
    close(descriptor)
    defer { unlink(path) }
    let status = Self.run(command, input: plot.script(output: path))
    guard status == 0 else { throw ReportError("gnuplot could not draw the plot \"\(plot.name)\" (status \(status))") }
    let drawing = String(decoding: try WholeFile.bytes(path, limit: 1 << 26), as: UTF8.self)
    guard let markup = plot.markup(drawing) else {
      throw ReportError("gnuplot drew no SVG for the plot \"\(plot.name)\"")
    }
    return markup
  }

  /// Runs a command of the shell and gives it `input`.
  /// - Returns: its exit status; 127 if there is no such command.
  private static func run(_ command: String, input: String) -> Int32 {
    guard let pipe = popen(command, "w") else { return 127 }
    fputs(input, pipe)
    let status = pclose(pipe)
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
  }
}
