import ArgumentParser
import Records

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Runs the body of a tool: every `run()` is one call of this.
///
/// An error that the body throws is printed as `NAME: message` and ends the tool with its exit status. When the reader
/// of stdout has gone away (`| head`), the tool ends with status 0 and without a word. Temporary files are removed when
/// a signal ends the tool.
/// - Parameters:
///   - name: The tool's name in messages.
///   - body: The work; its result is the exit status.
/// - Throws: `ExitCode` for a status other than 0, and what ArgumentParser prints itself, such as `ValidationError`.
public func runTool(_ name: String, _ body: () throws -> ExitCode) throws {
  signal(SIGPIPE, SIG_IGN)
  TemporaryFiles.removeOnSignals()
  do {
    let code = try body()
    if code != .success { throw code }
  } catch let error as FileError where error.kind == .closed {
    return
  } catch let error where error is ExitCode || error is CleanExit || error is ValidationError {
    throw error
  } catch {
    let error = ToolError(error)
    Diagnostics(tool: name, quiet: false).error(error.description)
    throw ExitCode(error.status.rawValue)
  }
}
