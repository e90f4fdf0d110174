#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The bytes of a descriptor as the system hands them over.
struct DescriptorBytes {
  let descriptor: Int32
  /// The name in messages.
  let name: String

  /// Reads one block into `buffer` behind its first `offset` bytes; 0 at the end.
  func read(into buffer: inout [UInt8], at offset: Int = 0) throws(FileError) -> Int {
    while true {
      let count = buffer.withUnsafeMutableBytes { bytes in
        let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[offset...])
        #if canImport(Glibc)
          return Glibc.read(descriptor, rest.baseAddress, rest.count)
        #elseif canImport(Musl)
          return Musl.read(descriptor, rest.baseAddress, rest.count)
        #else
          return Darwin.read(descriptor, rest.baseAddress, rest.count)
        #endif
      }
      if count >= 0 { return count }
      if errno != EINTR { throw FileError(path: name, kind: .transfer, action: "read") }
    }
  }
}
