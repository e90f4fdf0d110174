#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What kind of model a path names.
enum ModelLocation {
  case gguf(String)
  case directory(String)

  init(_ path: String) throws(CheckpointError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw CheckpointError(path, "cannot open the model: \(String(cString: strerror(errno)))", isMissing: true)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      self = .directory(path)
    } else {
      self = .gguf(path)
    }
  }
}

/// Reads a small file whole.
enum SmallFile {
  /// Larger files are none of the JSON files that models come with.
  private static let limit = 256 << 20

  /// The bytes of `name` in `directory`, or nil if there is no such file.
  static func bytes(_ directory: String, _ name: String) throws(CheckpointError) -> [UInt8]? {
    let path = directory + "/" + name
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw CheckpointError(path, String(cString: strerror(errno)), isMissing: true)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CheckpointError(path, String(cString: strerror(errno))) }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else {
        throw CheckpointError(path, "larger than \(limit >> 20) MiB, expected a small JSON file")
      }
    }
  }
}
