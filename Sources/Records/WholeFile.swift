#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Reads a small file in one piece.
public enum WholeFile {
  /// The bytes of a file.
  /// - Parameter limit: larger files are refused: they are not what was meant.
  /// - Throws: `FileError` if the file cannot be opened or read, or is too large.
  public static func bytes(_ path: String, limit: Int = 256 << 20) throws(FileError) -> [UInt8] {
    guard let bytes = try bytesIfPresent(path, limit: limit) else {
      throw FileError(path: path, kind: .open, action: "open", code: ENOENT)
    }
    return bytes
  }

  /// The bytes of a file, or nil if there is none.
  /// - Throws: as `bytes`.
  public static func bytesIfPresent(_ path: String, limit: Int = 256 << 20) throws(FileError) -> [UInt8]? {
    let descriptor = opened(path, O_RDONLY)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw FileError(path: path, kind: .open, action: "open")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError(path: path, kind: .transfer, action: "read") }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else {
        throw FileError(path: path, kind: .transfer, reason: "larger than \(limit) bytes, expected a small file")
      }
    }
  }
}
