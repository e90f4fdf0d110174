#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder of its own for one test, removed with all that is in it. Its files are written and read with plain calls,
/// not with the project's.
public final class TemporaryFolder: Sendable {
  /// Where it is: in `TMPDIR`, else `/tmp`.
  public let path: String

  /// Makes an empty folder.
  public init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array((parent + "/nlft-test-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw TemporaryFolderError(action: "make a folder in", path: parent) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// The names in the folder, sorted.
  public var names: [String] { (try? Self.names(in: path)) ?? [] }

  /// The path of a file in the folder, whether it is there or not.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Makes a folder in the folder and gives its path.
  @discardableResult
  public func folder(_ name: String) throws -> String {
    guard mkdir(file(name), 0o777) == 0 else { throw TemporaryFolderError(action: "make", path: file(name)) }
    return file(name)
  }

  /// Writes a file and gives its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    guard let stream = fopen(path, "wb") else { throw TemporaryFolderError(action: "write", path: path) }
    let count = fwrite(bytes, 1, bytes.count, stream)
    guard fclose(stream) == 0, count == bytes.count else { throw TemporaryFolderError(action: "write", path: path) }
    return path
  }

  /// Writes a file of text and gives its path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  /// The content of a file.
  public func read(_ name: String) throws -> [UInt8] {
    guard let bytes = Self.content(of: file(name)) else { throw TemporaryFolderError(action: "read", path: file(name)) }
    return bytes
  }

  /// The content of a file as text, or nil if there is none.
  public func text(_ name: String) -> String? {
    Self.content(of: file(name)).map { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: Any folder

  /// The names in a folder, sorted.
  public static func names(in path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw TemporaryFolderError(action: "read", path: path) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The content of a file, or nil if there is none.
  public static func content(of path: String) -> [UInt8]? {
    guard let stream = fopen(path, "rb") else { return nil }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&block, 1, block.count, stream), count > 0 { bytes += block[..<count] }
    return bytes
  }

  private static func remove(_ path: String) {
    // A link goes, not what it leads to; only a folder cannot be unlinked.
    if unlink(path) == 0 { return }
    for name in (try? names(in: path)) ?? [] { remove(path + "/" + name) }
    rmdir(path)
  }
}

/// Why a test's folder cannot be used.
public struct TemporaryFolderError: Error, CustomStringConvertible {
  /// What failed, where, and the system's reason.
  public let description: String

  init(action: String, path: String) { description = "cannot \(action) \(path): \(String(cString: strerror(errno)))" }
}
