#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the process held at most, for recipes that keep account of it.
enum PeakMemory {
  /// Names the file to write to; without it nothing is written.
  static let variable = "NLFT_PEAK_MEMORY"

  /// Writes the most memory that the process has held so far, in bytes, to the file that `NLFT_PEAK_MEMORY` names. Pages
  /// of a mapped model count as far as they were read. A file that cannot be written is no reason to fail.
  static func write() {
    guard let path = getenv(variable), path.pointee != 0 else { return }
    var usage = rusage()
    #if canImport(Glibc)
      let status = getrusage(RUSAGE_SELF.rawValue, &usage)
    #else
      let status = getrusage(RUSAGE_SELF, &usage)
    #endif
    guard status == 0, let file = fopen(path, "w") else { return }
    #if canImport(Darwin)
      let unit = 1
    #else
      // Linux counts kibibytes.
      let unit = 1024
    #endif
    fputs("\(Int(usage.ru_maxrss) * unit)\n", file)
    fclose(file)
  }
}
