import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The loop that the threads of a pool share, one after the other; its threads hold on to it, and not to the pool.
final class ParallelLoop: @unchecked Sendable {
  /// The parts of the loop in the upper half, the next one to hand out in the lower. Whoever adds one has that part of
  /// that loop, or none; while it is not finished, neither is the loop, and `body` stays.
  private let ticket = Atomic<UInt64>(0)
  private let finished = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private var body: ((_ part: Int, _ worker: Int) -> Void)?
  /// Threads that sleep or are about to: only they need a signal.
  private let sleeping = Atomic<Int>(0)
  private var stopping = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Short waits are spun through: a decoding step has hundreds of parallel loops, each a few microseconds apart.
  private static let spins = 100_000

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    mutex.deallocate()
    wake.deallocate()
  }

  /// Lets all threads return from `work`.
  func stop() {
    pthread_mutex_lock(mutex)
    stopping = true
    generation.add(1, ordering: .releasing)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  /// What a thread does until `stop`: it takes parts of each loop.
  func work(_ worker: Int) {
    var seen = 0
    while true {
      var spin = 0
      while generation.load(ordering: .acquiring) == seen, spin < Self.spins { spin += 1 }
      if generation.load(ordering: .acquiring) == seen {
        pthread_mutex_lock(mutex)
        // Told before the generation is looked at again; `run` does the two things the other way round.
        sleeping.add(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(wake, mutex) }
        sleeping.subtract(1, ordering: .sequentiallyConsistent)
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

  /// Runs a loop, the calling thread as worker 0. It waits for the parts, not for the threads.
  func run(_ parts: Int, _ body: (_ part: Int, _ worker: Int) -> Void) {
    precondition(parts <= UInt32.max)
    withoutActuallyEscaping(body) { body in
      self.body = body
      finished.store(0, ordering: .relaxed)
      ticket.store(UInt64(parts) << 32, ordering: .releasing)
      generation.add(1, ordering: .sequentiallyConsistent)
      if sleeping.load(ordering: .sequentiallyConsistent) > 0 {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
      }
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
}
