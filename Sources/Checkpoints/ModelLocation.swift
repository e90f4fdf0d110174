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
