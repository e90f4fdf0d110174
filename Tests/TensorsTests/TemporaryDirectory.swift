#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder that goes, with the files in it, when the test is over.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/tensors-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(reason: String(cString: strerror(errno))) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink(file(name))
      }
      closedir(folder)
    }
    rmdir(path)
  }

  struct Failure: Error { let reason: String }

  func file(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    guard let stream = fopen(file(name), "wb") else { throw Failure(reason: String(cString: strerror(errno))) }
    defer { fclose(stream) }
    guard fwrite(bytes, 1, bytes.count, stream) == bytes.count else { throw Failure(reason: "short write") }
    return file(name)
  }

  func read(_ name: String) throws -> [UInt8] {
    guard let stream = fopen(file(name), "rb") else { throw Failure(reason: String(cString: strerror(errno))) }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    while true {
      let byte = fgetc(stream)
      if byte == EOF { return bytes }
      bytes.append(UInt8(byte))
    }
  }
}
