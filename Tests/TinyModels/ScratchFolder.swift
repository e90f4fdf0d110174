#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder of its own for one test, removed with everything in it when nobody holds it any more.
public final class ScratchFolder: Sendable {
  /// Absolute path, without a slash at the end.
  public let path: String

  /// A new, empty folder.
  /// - Throws: `ScratchError` if it cannot be made.
  public init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array((parent + "/nlft-test-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw ScratchError(parent) }
    path = String(cString: made)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in names(path) {
      let entry = path + "/" + name
      if unlink(entry) != 0 { remove(entry) }
    }
    rmdir(path)
  }

  private static func names(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Names in the folder, or in a folder in it, sorted.
  public func names(in folder: String = "") -> [String] { Self.names(file(folder)) }

  /// The path of something in the folder.
  public func file(_ name: String) -> String { name.isEmpty ? path : path + "/" + name }

  /// Makes a folder in the folder.
  /// - Returns: its path.
  @discardableResult
  public func folder(_ name: String) throws -> String {
    guard mkdir(file(name), 0o777) == 0 else { throw ScratchError(file(name)) }
    return file(name)
  }

  /// Writes a file with plain calls.
  /// - Returns: its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    guard let stream = fopen(file(name), "wb") else { throw ScratchError(file(name)) }
    defer { fclose(stream) }
    guard fwrite(bytes, 1, bytes.count, stream) == bytes.count else { throw ScratchError(file(name)) }
    return file(name)
  }

  /// Reads a file with plain calls.
  public func read(_ name: String) throws -> [UInt8] {
    guard let stream = fopen(file(name), "rb") else { throw ScratchError(file(name)) }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { bytes += buffer[..<count] }
    return bytes
  }
}

/// A file of a test that cannot be made or read.
public struct ScratchError: Error, CustomStringConvertible {
  /// The path and the system's words.
  public let description: String

  init(_ path: String) { description = "\(path): \(String(cString: strerror(errno)))" }
}
