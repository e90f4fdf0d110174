#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the processor can do, as the kernel reports it in /proc/cpuinfo.
struct ProcessorFeatures: Sendable {
  let flags: Set<Substring>

  static let current = ProcessorFeatures()

  private init() {
    // One processor's entry is enough: the file is read up to its first "flags" line.
    guard let file = fopen("/proc/cpuinfo", "r") else {
      flags = []
      return
    }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
      if text.hasPrefix("flags") {
        flags = Set(text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }))
        return
      }
    }
    flags = []
  }

  /// The OpenBLAS kernels that fit these flags. OpenBLAS goes by the processor's model number and falls back to old
  /// kernels, at half the speed, for models that came out after it did.
  var preferredBLASCore: String? {
    if flags.contains("avx512_bf16") { return "Cooperlake" }
    if flags.contains("avx512f") { return "SkylakeX" }
    if flags.contains("avx2") { return "Haswell" }
    return nil
  }
}
