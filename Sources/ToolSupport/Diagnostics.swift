#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a tool says on stderr: errors and warnings always, notes and the progress line unless it is to be quiet.
///
/// Every message is one line, begins with the tool's name, and is written with one system call, so that the messages of
/// tools in a pipe do not run into each other.
public final class Diagnostics {
  private let tool: String
  private let isQuiet: Bool
  /// Whether there is a progress line.
  let showsProgress: Bool
  private let stdoutIsTerminal: Bool
  private var hasProgressLine = false
  private var lastProgress: ContinuousClock.Instant?

  /// Messages of `tool`; `quiet` leaves errors and warnings only.
  public init(tool: String, quiet: Bool) {
    self.tool = tool
    isQuiet = quiet
    showsProgress = !quiet && isatty(STDERR_FILENO) == 1
    stdoutIsTerminal = isatty(STDOUT_FILENO) == 1
  }

  deinit { clearProgress() }

  /// Says something that a person may want to know.
  public func note(_ message: String) {
    if !isQuiet { print(message) }
  }

  /// Says that something is probably not as intended.
  public func warn(_ message: String) { print("warning: " + message) }

  /// Says what failed.
  public func error(_ message: String) { print(message) }

  /// Shows a picture for the eye as it is, over several lines and with its escape sequences.
  public func show(_ picture: String) {
    clearProgress()
    write(picture)
  }

  /// Redraws the progress line, if there is one; at most ten times a second.
  /// - Parameter message: Called only if the line is drawn.
  public func progress(_ message: () -> String) {
    guard showsProgress else { return }
    let now = ContinuousClock.now
    if let lastProgress, now - lastProgress < .milliseconds(100) { return }
    lastProgress = now
    hasProgressLine = true
    // Carriage return, text, erase to the end of the line.
    write("\r\(tool): \(Self.printable(message()))\u{1B}[K")
  }

  /// Takes the progress line off before something is written to stdout, if that is a terminal too.
  func makeRoom() {
    if hasProgressLine, stdoutIsTerminal { clearProgress() }
  }

  private func clearProgress() {
    if hasProgressLine { write("\r\u{1B}[K") }
    hasProgressLine = false
  }

  private func print(_ message: String) {
    clearProgress()
    write("\(tool): \(Self.printable(message))\n")
  }

  /// A message shows at most so many bytes: what it quotes may be as long as a file.
  private static let longestMessage = 2000

  /// Control characters, which come from input, are shown as escapes: they must neither break the line nor reach the
  /// terminal. What is too long is cut.
  public static func printable(_ message: String) -> String {
    if message.utf8.count > longestMessage {
      return printable(String(decoding: message.utf8.prefix(longestMessage - 8), as: UTF8.self) + "…")
    }
    guard message.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return message }
    var text = ""
    for scalar in message.unicodeScalars {
      let isControl = scalar.properties.generalCategory == .control
      text += isControl ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return text
  }

  /// A closed or full stderr is nothing that a tool could report.
  private func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = unistdWrite(STDERR_FILENO, rest)
        if count < 0, errno != EINTR { return }
        if count > 0 { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
      }
    }
  }

  private func unistdWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }
}
