import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The options of every tool.
public struct CommonOptions: ParsableArguments {
  /// How many threads compute, if the user said so.
  @Option(help: ArgumentHelp("Threads that compute. (default: all cores)", valueName: "n"))
  public var threads: Int?

  /// Whether to print errors and warnings only.
  @Flag(help: "Print errors and warnings only.")
  public var quiet = false

  /// Options with their default values.
  public init() {}

  /// Refuses numbers that make no sense.
  /// - Throws: `ValidationError`.
  public func validate() throws {
    if let threads { try requireCount(threads, "--threads", atMost: 1024) }
  }

  /// How many threads compute: as many as asked for, else one for each core that this process may use.
  public var threadCount: Int { threads ?? Self.coreCount }

  private static var coreCount: Int {
    allowedCores ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }

  private static var allowedCores: Int? {
    coreMask.flatMap { mask in
      let count = mask.reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
      return count > 0 ? count : nil
    }
  }

  /// The cores that taskset, mpirun or a container leaves to this process, where the system says so: Linux writes them as
  /// a mask of hexadecimal digits, `Cpus_allowed: ff,ffffffff`.
  public static var coreMask: String? {
    guard let status = fopen("/proc/self/status", "r") else { return nil }
    defer { fclose(status) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), status) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("Cpus_allowed:") { return String(text.drop { $0 != ":" }.dropFirst()) }
    }
    return nil
  }
}

/// Refuses an option's value that is no count: below 1, or so large that it cannot be meant.
/// - Throws: `ValidationError` that names the option and the value.
public func requireCount(_ value: Int, _ option: String, atMost limit: Int = 1_000_000_000) throws {
  try requirePositive(value, option)
  if value > limit { throw ValidationError("\(option) must be at most \(limit), not \(value).") }
}

/// Refuses an option's value that is not above zero.
/// - Throws: `ValidationError` that names the option and the value.
public func requirePositive<Value: Numeric & Comparable>(_ value: Value, _ option: String) throws {
  if !(value > .zero) { throw ValidationError("\(option) must be above 0, not \(value).") }
}
