import Synchronization

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

  /// The parts of the loop in the upper half, the next one to hand out in the lower. Whoever adds one has that part of
  /// that loop, or none; while it is not finished, neither is the loop, and `body` stays.
  private let ticket = Atomic<UInt64>(0)
  private let finished = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private var body: ((_ part: Int, _ worker: Int) -> Void)?
  private var stopping = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var handles: [pthread_t] = []

  /// Short waits are spun through: a decoding step has hundreds of parallel loops, each a few microseconds apart.
  private static let spins = 20_000

  /// A pool of `threads` threads (at least one, the caller's).
  public init(threads: Int) {
    self.threads = max(1, threads)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    for worker in 0..<self.threads where worker > 0 { start(worker) }
  }

  deinit {
    pthread_mutex_lock(mutex)
    stopping = true
    generation.add(1, ordering: .releasing)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
    for handle in handles { pthread_join(handle, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    mutex.deallocate()
    wake.deallocate()
  }

  /// What a thread is started with. It must not keep the pool alive, or the pool would never end.
  private final class Assignment {
    unowned(unsafe) let pool: WorkerPool
    let worker: Int
    init(pool: WorkerPool, worker: Int) {
      self.pool = pool
      self.worker = worker
    }
  }

  private func start(_ worker: Int) {
    let argument = Unmanaged.passRetained(Assignment(pool: self, worker: worker)).toOpaque()
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
    assignment.pool.work(assignment.worker)
    return nil
  }

  private func work(_ worker: Int) {
    var seen = 0
    while true {
      var spin = 0
      while generation.load(ordering: .acquiring) == seen, spin < Self.spins { spin += 1 }
      if generation.load(ordering: .acquiring) == seen {
        pthread_mutex_lock(mutex)
        while generation.load(ordering: .acquiring) == seen { pthread_cond_wait(wake, mutex) }
        pthread_mutex_unlock(mutex)
      }
      seen = generation.load(ordering: .acquiring)
      if stopping { return }
      takeParts(worker)
    }
  }

  private func takeParts(_ worker: Int) {
    while true {
      let ticket = ticket.add(1, ordering: .acquiringAndReleasing).oldValue
      let part = Int(ticket & 0xFFFF_FFFF)
      guard part < Int(ticket >> 32) else { return }
      call(part, worker)
      finished.add(1, ordering: .acquiringAndReleasing)
    }
  }

  /// Runs a part. Never inlined, so that the loop's closure is let go of before the part counts as finished.
  @inline(never)
  private func call(_ part: Int, _ worker: Int) { body?(part, worker) }

  /// Runs `body` once for each part in `0..<parts` and returns when all are done.
  /// - Parameter body: gets the part and the number of the thread that runs it (`0..<threads`), for scratch memory.
  ///   Parts run at the same time and must write different memory.
  public func run(_ parts: Int, _ body: (_ part: Int, _ worker: Int) -> Void) {
    guard parts > 1, !handles.isEmpty else {
      for part in 0..<max(0, parts) { body(part, 0) }
      return
    }
    precondition(parts <= UInt32.max)
    withoutActuallyEscaping(body) { body in
      self.body = body
      finished.store(0, ordering: .relaxed)
      ticket.store(UInt64(parts) << 32, ordering: .releasing)
      pthread_mutex_lock(mutex)
      generation.add(1, ordering: .releasing)
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(mutex)
      takeParts(0)
      var spin = 0
      while finished.load(ordering: .acquiring) < parts {
        spin += 1
        // Where there are more busy threads than cores, the one waited for needs this core.
        if spin > Self.spins { sched_yield() }
      }
      self.body = nil
    }
  }

  /// Runs `body` over `0..<count` cut into nearly equal ranges, a few for each thread, none below `minimum` long.
  public func ranges(_ count: Int, minimum: Int = 1, _ body: (_ range: Range<Int>, _ worker: Int) -> Void) {
    let pieces = max(1, min(threads * 4, count / max(1, minimum)))
    run(count > 0 ? pieces : 0) { part, worker in
      body(part * count / pieces..<(part + 1) * count / pieces, worker)
    }
  }
}
