// Measures how fast this machine multiplies matrices in single precision, with the OpenBLAS and the kernels that the
// tools use: the best of several cubes, on all cores or on as many as are asked for.
//
//     sgemm-peak [THREADS]
//
// Prints {"gflops": …, "size": …, "threads": …, "core": "…"}.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Failure: Error { let reason: String }

typealias SingleGEMM =
  @convention(c) (
    Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
    UnsafeMutablePointer<Float>, Int32
  ) -> Void
typealias SetThreads = @convention(c) (Int32) -> Void
typealias CoreName = @convention(c) () -> UnsafePointer<CChar>?

/// The kernels that fit the processor, as Sources/Kernels/ProcessorFeatures.swift picks them.
func preferredCore() -> String? {
  guard let file = fopen("/proc/cpuinfo", "r") else { return nil }
  defer { fclose(file) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
    guard text.hasPrefix("flags") else { continue }
    let flags = Set(text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }))
    if flags.contains("avx512_bf16") { return "Cooperlake" }
    if flags.contains("avx512f") { return "SkylakeX" }
    return flags.contains("avx2") ? "Haswell" : nil
  }
  return nil
}

func load() throws -> UnsafeMutableRawPointer {
  if let core = preferredCore() { setenv("OPENBLAS_CORETYPE", core, 0) }
  for name in [
    "libopenblas.so.0", "libopenblas.so", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
  ] {
    if let library = dlopen(name, RTLD_NOW) { return library }
  }
  throw Failure(reason: "OpenBLAS is missing: run make setup")
}

func function<Type>(_ library: UnsafeMutableRawPointer, _ name: String, as type: Type.Type) throws -> Type {
  guard let address = dlsym(library, name) else { throw Failure(reason: "OpenBLAS has no \(name)") }
  return unsafeBitCast(address, to: type)
}

func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func run(_ arguments: [String]) throws {
  guard arguments.count < 2, let threads = Int32(arguments.first ?? "\(sysconf(Int32(_SC_NPROCESSORS_ONLN)))"),
    threads > 0
  else { throw Failure(reason: "usage: sgemm-peak [THREADS]") }
  let library = try load()
  let multiply = try function(library, "cblas_sgemm", as: SingleGEMM.self)
  try function(library, "openblas_set_num_threads", as: SetThreads.self)(threads)
  let core = try function(library, "openblas_get_corename", as: CoreName.self)()
  var best = (rate: 0.0, size: 0)
  for size in [2048, 3072, 4096] {
    let a = [Float](repeating: 0.5, count: size * size)
    let b = [Float](repeating: 0.25, count: size * size)
    var c = [Float](repeating: 0, count: size * size)
    // The first run wakes the threads and touches the memory.
    for repetition in 0..<6 {
      let start = now()
      // Row-major, neither transposed.
      multiply(
        101, 111, 111, Int32(size), Int32(size), Int32(size), 1, a, Int32(size), b, Int32(size), 0, &c, Int32(size))
      let rate = 2 * Double(size * size * size) / (now() - start) * 1e-9
      if repetition > 0, rate > best.rate { best = (rate, size) }
    }
    guard c[size] == Float(size) * 0.125 else { throw Failure(reason: "OpenBLAS computed \(c[size])") }
  }
  let name = core.map { String(cString: $0) } ?? "unknown"
  print("{\"gflops\": \(best.rate), \"size\": \(best.size), \"threads\": \(threads), \"core\": \"\(name)\"}")
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  fputs("sgemm-peak: \((error as? Failure)?.reason ?? "\(error)")\n", stderr)
  exit(1)
}
