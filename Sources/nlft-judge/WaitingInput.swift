#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Whether the input has more, so that reading it does not keep records waiting that could be scored meanwhile.
struct WaitingInput {
  /// The input files; none is stdin.
  let files: [String]

  /// Whether a line, or the end, can be read at once. Named files are taken to be there.
  var isThere: Bool {
    guard files.isEmpty || files.contains("-") else { return true }
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&input, 1, 0) != 0
  }
}
