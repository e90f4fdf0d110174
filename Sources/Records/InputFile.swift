#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file or stdin, read in blocks as the bytes arrive.
final class InputFile {
  /// The name in messages.
  let name: String
  /// Number of the line that holds the next byte, from 1.
  private(set) var line = 1
  private let descriptor: Int32
  private let isRegular: Bool
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var position = 0
  private var end = 0

  /// Opens `path`; `-` is stdin.
  init(path: String) throws(FileError) {
    if path == "-" {
      name = "stdin"
      descriptor = STDIN_FILENO
    } else {
      name = path
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      if descriptor < 0 { throw FileError(path: path, kind: .open, action: "open") }
    }
    var status = stat()
    isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  deinit {
    if descriptor != STDIN_FILENO { close(descriptor) }
  }

  /// Throws if `path` cannot be opened for reading, without opening it: opening a pipe would wait for its writer.
  static func check(path: String) throws(FileError) {
    if path == "-" { return }
    var status = stat()
    guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
      throw FileError(path: path, kind: .open, action: "open")
    }
    if status.st_mode & S_IFMT == S_IFDIR { throw FileError(path: path, kind: .open, action: "open", code: EISDIR) }
  }

  /// Reads the next block if all bytes are used up; false at the end of the file.
  private func fill() throws(FileError) -> Bool {
    if position < end { return true }
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: name, kind: .transfer, action: "read")
      }
      position = 0
      end = count
      return count > 0
    }
  }

  /// Whether the next line can be read without waiting for whoever writes the file. False may also mean that it would
  /// take a look to know.
  var hasLine: Bool {
    guard position < end else { return false }
    return isRegular || buffer[position..<end].contains(0x0A)
  }

  /// The next byte, which stays there; nil at the end.
  func peek() throws(FileError) -> UInt8? {
    try fill() ? buffer[position] : nil
  }

  /// Passes over the byte that `peek` gave.
  func advance() {
    if buffer[position] == 0x0A { line += 1 }
    position += 1
  }

  /// The next byte; nil at the end.
  func next() throws(FileError) -> UInt8? {
    guard let byte = try peek() else { return nil }
    advance()
    return byte
  }

  /// The next line without its line feed and carriage return, and whether it had a line feed; nil at the end.
  func readLine() throws(FileError) -> (bytes: [UInt8], isTerminated: Bool)? {
    var bytes: [UInt8] = []
    var isEmpty = true
    while try fill() {
      isEmpty = false
      let length = buffer.withUnsafeBytes { block -> Int? in
        guard let start = block.baseAddress?.advanced(by: position) else { return nil }
        return memchr(start, 0x0A, end - position).map { UnsafeRawPointer($0) - start }
      }
      bytes.append(contentsOf: buffer[position..<(length.map { position + $0 } ?? end)])
      if let length {
        position += length + 1
        line += 1
        if bytes.last == 0x0D { bytes.removeLast() }
        return (bytes, true)
      }
      position = end
    }
    return isEmpty ? nil : (bytes, false)
  }
}
