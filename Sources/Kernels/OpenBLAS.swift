#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// OpenBLAS, loaded when the first product is computed.
///
/// It is loaded by hand, not linked, for two reasons: it reads `OPENBLAS_CORETYPE` while it loads, so the variable
/// must be set before; and tools that multiply nothing start without it.
struct OpenBLAS: @unchecked Sendable {
  private typealias SingleGEMM =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
      UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private typealias SetThreads = @convention(c) (Int32) -> Void
  private typealias CoreName = @convention(c) () -> UnsafePointer<CChar>?

  private let gemm: SingleGEMM
  /// The kernels that OpenBLAS runs, by the name of the processor they were written for.
  let coreName: String

  static let loaded: Result<OpenBLAS, BLASError> = Result { () throws(BLASError) in try OpenBLAS() }

  #if os(macOS)
    private static let candidates = [
      "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
      "/usr/local/opt/openblas/lib/libopenblas.dylib",
    ]
  #else
    private static let candidates = ["libopenblas.so.0", "libopenblas.so"]
  #endif

  private init() throws(BLASError) {
    if let core = ProcessorFeatures.current.preferredBLASCore { setenv("OPENBLAS_CORETYPE", core, 0) }
    // Its own threads would start with it, and spin.
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    var library: UnsafeMutableRawPointer?
    for name in Self.candidates where library == nil { library = dlopen(name, RTLD_NOW | RTLD_LOCAL) }
    guard let library else {
      throw BLASError(
        reason: "OpenBLAS cannot be loaded (\(Self.candidates[0])); on Debian: apt-get install libopenblas-dev")
    }
    guard let gemm = dlsym(library, "cblas_sgemm"), let setThreads = dlsym(library, "openblas_set_num_threads") else {
      throw BLASError(reason: "\(Self.candidates[0]) has no cblas_sgemm or openblas_set_num_threads: not OpenBLAS")
    }
    self.gemm = unsafeBitCast(gemm, to: SingleGEMM.self)
    // Parallelism is the worker pool's business: every product below runs on the thread that asks for it.
    unsafeBitCast(setThreads, to: SetThreads.self)(1)
    let name = dlsym(library, "openblas_get_corename").map { unsafeBitCast($0, to: CoreName.self) }
    coreName = name.flatMap { $0() }.map { String(cString: $0) } ?? "unknown"
  }

  /// C ← α · op(A) · op(B) + β · C on the calling thread; all matrices row-major.
  func product(
    _ a: MatrixView, _ b: MatrixView, transposeA: Bool, transposeB: Bool, alpha: Float, beta: Float,
    into c: MatrixView
  ) {
    let inner = transposeA ? a.rows : a.columns
    gemm(
      101, transposeA ? 112 : 111, transposeB ? 112 : 111, Int32(c.rows), Int32(c.columns), Int32(inner), alpha, a.base,
      Int32(a.stride), b.base, Int32(b.stride), beta, c.base, Int32(c.stride))
  }
}

/// Why OpenBLAS is not there.
public struct BLASError: Error, Sendable, CustomStringConvertible {
  let reason: String
  /// What is missing and how to install it.
  public var description: String { reason }
}
