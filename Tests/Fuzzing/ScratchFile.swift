import TemporaryFolders

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that is written anew for each input, for readers that want a path.
enum ScratchFile {
  private static let folder = try? TemporaryFolder()

  /// Writes the scratch file of this name and gives its path.
  static func write(_ bytes: [UInt8], name: String = "input") -> String {
    let path = (folder?.path ?? ".") + "/" + name
    write(bytes, to: path)
    return path
  }

  static func write(_ bytes: [UInt8], to path: String) {
    // A new file each time: the one before may be mapped still.
    unlink(path)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
    guard descriptor >= 0, unistdWrite(descriptor, bytes) == bytes.count, close(descriptor) == 0 else {
      fatalError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }

  private static func unistdWrite(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, bytes.count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes, bytes.count)
    #else
      Darwin.write(descriptor, bytes, bytes.count)
    #endif
  }
}
