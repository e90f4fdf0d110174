#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A fixed set of threads that share the parts of one loop at a time.
///
/// The caller works too. Parts are handed out one by one, so uneven parts balance; what a part computes must not
/// depend on who computes it, which keeps results the same from run to run. A loop waits for its parts, not for the
/// threads: one that gets no core, as others have it, is not missed.
public final class WorkerPool: @unchecked Sendable {
  /// Threads that work, the caller's included.
  public let threads: Int

  private let loop = ParallelLoop()
  /// For loops in stretches (StretchLoop.swift).
  let places: StretchPlaces
  private var handles: [pthread_t] = []

  /// A pool of `threads` threads (at least one, the caller's).
  public init(threads: Int) {
    self.threads = max(1, threads)
    places = StretchPlaces(count: self.threads)
    for worker in 0..<self.threads where worker > 0 { start(worker) }
  }

  deinit {
    loop.stop()
    for handle in handles { pthread_join(handle, nil) }
  }

  /// What a thread is started with. It does not keep the pool alive, or the pool would never end.
  private final class Assignment {
    let loop: ParallelLoop
    let worker: Int
    init(loop: ParallelLoop, worker: Int) {
      self.loop = loop
      self.worker = worker
    }
  }

  private func start(_ worker: Int) {
    let argument = Unmanaged.passRetained(Assignment(loop: loop, worker: worker)).toOpaque()
    #if canImport(Darwin)
      var handle: pthread_t?
      let status = pthread_create(&handle, nil, { WorkerPool.begin($0) }, argument)
    #else
      var handle = pthread_t()
      let status = pthread_create(&handle, nil, { WorkerPool.begin($0) }, argument)
    #endif
    // Without the thread its share of the parts falls to the others: slower, not wrong.
    guard status == 0 else { return Unmanaged<Assignment>.fromOpaque(argument).release() }
    #if canImport(Darwin)
      if let handle { handles.append(handle) }
    #else
      handles.append(handle)
    #endif
  }

  private static func begin(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let assignment = Unmanaged<Assignment>.fromOpaque(argument).takeRetainedValue()
    assignment.loop.work(assignment.worker)
    return nil
  }

  /// Runs `body` once for each part in `0..<parts` and returns when all are done.
  /// - Parameter body: gets the part and the number of the thread that runs it (`0..<threads`), for scratch memory.
  ///   Parts run at the same time and must write different memory.
  public func run(_ parts: Int, _ body: (_ part: Int, _ worker: Int) -> Void) {
    guard parts > 1, !handles.isEmpty else {
      for part in 0..<max(0, parts) { body(part, 0) }
      return
    }
    loop.run(parts, body)
  }

  /// Runs `body` over `0..<count` cut into nearly equal ranges, a few for each thread, none below `minimum` long.
  public func ranges(_ count: Int, minimum: Int = 1, _ body: (_ range: Range<Int>, _ worker: Int) -> Void) {
    let pieces = max(1, min(threads * 4, count / max(1, minimum)))
    run(count > 0 ? pieces : 0) { part, worker in
      body(part * count / pieces..<(part + 1) * count / pieces, worker)
    }
  }
}
