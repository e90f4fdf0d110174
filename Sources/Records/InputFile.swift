#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A line as it was read.
struct InputLine {
  /// The bytes without the line feed and carriage return; none if the line is too long.
  var bytes: [UInt8]
  /// Whether it had a line feed.
  var isTerminated: Bool
  /// Whether it was longer than allowed, and passed over.
  var isTooLong: Bool
}

/// A file or stdin, read in blocks as the bytes arrive, decoded if gzip or zstd compressed it.
final class InputFile {
  /// The name in messages.
  let name: String
  /// How the file is compressed, if it is.
  var compression: Compression? { compressed?.compression }
  /// Number of the line that holds the next byte, from 1.
  private(set) var line = 1
  private let source: DescriptorBytes
  private let isRegular: Bool
  private var compressed: CompressedBytes?
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var position = 0
  private var end = 0
  /// Bytes that have been in the buffer.
  private var decoded = 0

  /// Opens `path` and reads its first bytes; `-` is stdin.
  /// - Throws: `FileError` if that fails, or the file is of a form that is known and not read.
  init(path: String) throws(FileError) {
    name = path == "-" ? "stdin" : path
    let descriptor = path == "-" ? STDIN_FILENO : opened(path, O_RDONLY)
    if descriptor < 0 { throw FileError(path: path, kind: .open, action: "open") }
    source = DescriptorBytes(descriptor: descriptor, name: name)
    var status = stat()
    isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    try recognize()
  }

  deinit {
    if source.descriptor != STDIN_FILENO { close(source.descriptor) }
  }

  /// Reads until the bytes tell whether the file is compressed. JSON's first byte does, so nobody waits for a second.
  private func recognize() throws(FileError) {
    while true {
      let count = try source.read(into: &buffer, at: end)
      end += count
      switch Compression.recognize(buffer[..<end]) {
      case .undecided where count > 0: continue
      case .undecided, .plain:
        decoded = end
        return
      case .foreign(let form):
        throw FileError(
          path: name, kind: .open, reason: "\(form), expected JSON Lines or a JSON array, plain or by gzip or zstd")
      case .compressed(let compression):
        compressed = try CompressedBytes(compression, of: source, block: buffer, count: end)
        end = 0
        return
      }
    }
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

  /// The length of a regular file, which may be what `-` stands for; nil if it is something else.
  static func regularLength(path: String) -> Int? {
    var status = stat()
    guard (path == "-" ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
  }

  /// About how many bytes of a regular file, as it is stored, the bytes take that were handed out.
  var usedLength: Double {
    guard isRegular, decoded > 0 else { return 0 }
    let read = Int(lseek(source.descriptor, 0, SEEK_CUR)) - (compressed?.unusedLength ?? 0)
    return Double(max(0, read)) * Double(decoded - (end - position)) / Double(decoded)
  }

  /// Reads the next block if all bytes are used up; false at the end of the file.
  private func fill() throws(FileError) -> Bool {
    if position < end { return true }
    // Nothing is there to be used again if reading fails.
    (position, end) = (0, 0)
    end = if let compressed { try compressed.read(into: &buffer) } else { try source.read(into: &buffer) }
    decoded += end
    if end == 0 { try checkLength() }
    return end > 0
  }

  /// Throws at the end of a file that has become shorter than what was read of it: someone is writing it anew, and how
  /// much was missed nobody knows.
  private func checkLength() throws(FileError) {
    var status = stat()
    guard isRegular, fstat(source.descriptor, &status) == 0 else { return }
    if lseek(source.descriptor, 0, SEEK_CUR) > status.st_size {
      throw FileError(path: name, kind: .transfer, reason: "was shortened while it was read")
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

  /// Passes over white space; the byte behind it stays to be read, nil at the end.
  func skipWhitespace() throws(FileError) -> UInt8? {
    while try fill() {
      let rest = buffer[position..<end]
      let other = rest.firstIndex { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
      line += buffer[position..<(other ?? end)].count { $0 == 0x0A }
      position = other ?? end
      if let other { return buffer[other] }
    }
    return nil
  }

  /// The next line; nil at the end.
  /// - Parameter limit: the longest line in bytes; a longer one is passed over without being held.
  func readLine(limit: Int) throws(FileError) -> InputLine? {
    var bytes: [UInt8] = []
    var isEmpty = true
    var isTooLong = false
    while try fill() {
      isEmpty = false
      let length = buffer.withUnsafeBytes { block -> Int? in
        guard let start = block.baseAddress?.advanced(by: position) else { return nil }
        return memchr(start, 0x0A, end - position).map { UnsafeRawPointer($0) - start }
      }
      let part = buffer[position..<(length.map { position + $0 } ?? end)]
      if isTooLong || part.count > limit - bytes.count {
        isTooLong = true
        bytes = []
      } else {
        bytes.append(contentsOf: part)
      }
      if let length {
        position += length + 1
        line += 1
        if bytes.last == 0x0D { bytes.removeLast() }
        return InputLine(bytes: bytes, isTerminated: true, isTooLong: isTooLong)
      }
      position = end
    }
    return isEmpty ? nil : InputLine(bytes: bytes, isTerminated: false, isTooLong: isTooLong)
  }
}
