import ArgumentParser
import Records
import Tensors

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
/// a signal ends the tool. A mapped file that is changed meanwhile is an error, whether it is noticed at once (it was
/// shortened) or at the end.
/// - Parameters:
///   - name: The tool's name in messages.
///   - body: The work; its result is the exit status.
/// - Throws: `ExitCode` for a status other than 0, and what ArgumentParser prints itself, such as `ValidationError`.
public func runTool(_ name: String, _ body: () throws -> ExitCode) throws {
  reserveStandardDescriptors()
  signal(SIGPIPE, SIG_IGN)
  // A file that would become larger than allowed is an error of writing, not the end.
  signal(SIGXFSZ, SIG_IGN)
  TemporaryFiles.removeOnSignals()
  MappingFaults.endProcess(as: name)
  defer { PeakMemory.write() }
  do {
    let code = try body()
    if let path = MappingFaults.changedFile {
      throw ToolError(.transfer, "\(path): was changed while it was in use; what was made from it is not to be trusted")
    }
    // Some file systems, NFS among them, say only now that they had no room for the lines.
    if close(STDOUT_FILENO) != 0, errno != EBADF, errno != EINTR {
      throw FileError(path: "stdout", kind: .transfer, action: "close")
    }
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

/// Keeps stdin, stdout and stderr from being the next files that are opened, where the tool was started without them:
/// records would be written into an archive. The first two then fail when they are used.
private func reserveStandardDescriptors() {
  for (descriptor, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
  where fcntl(descriptor, F_GETFD) < 0 {
    // The lowest free number is taken, and those below are not free.
    _ = open("/dev/null", flags)
  }
}
