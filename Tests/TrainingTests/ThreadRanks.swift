import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Ranks that are threads of this process: each call waits until all have made it.
final class ThreadRanks: @unchecked Sendable {
  let size: Int
  /// Floats that the ranks have sent in all.
  private(set) var sent = 0
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let change: UnsafeMutablePointer<pthread_cond_t>
  private var arrived = 0
  private var round = 0
  private var slots: [Any?]
  private var results: [Any] = []

  init(_ size: Int) {
    self.size = size
    slots = Array(repeating: nil, count: size)
    lock = .allocate(capacity: 1)
    change = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(change, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    pthread_cond_destroy(change)
    lock.deallocate()
    change.deallocate()
  }

  /// What every rank brought, once all are there.
  func meet<Value>(_ rank: Int, _ value: Value) -> [Value] {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    slots[rank] = value
    arrived += 1
    if let floats = value as? [Float] { sent += floats.count }
    if arrived == size {
      results = slots.compactMap { $0 }
      (arrived, round) = (0, round + 1)
      pthread_cond_broadcast(change)
    } else {
      let current = round
      while round == current { pthread_cond_wait(change, lock) }
    }
    return results.compactMap { $0 as? Value }
  }

  private struct Member: Communicator {
    let ranks: ThreadRanks
    let rank: Int
    var size: Int { ranks.size }

    func allGather(_ message: [UInt8]) -> [[UInt8]] { ranks.meet(rank, message) }

    func allToAll(_ values: [Float]) -> [Float] {
      let block = values.count / size
      return ranks.meet(rank, values).flatMap { $0[rank * block..<(rank + 1) * block] }
    }

    func allGather(_ block: [Float]) -> [Float] { ranks.meet(rank, block).flatMap { $0 } }
  }

  private final class Job {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` once for each rank, at the same time, and gives what they return or throw.
  func run<Value>(_ body: @escaping (any Communicator) throws -> Value) -> [Result<Value, any Error>] {
    let outcomes = UnsafeMutablePointer<Result<Value, any Error>?>.allocate(capacity: size)
    outcomes.initialize(repeating: nil, count: size)
    defer {
      outcomes.deinitialize(count: size)
      outcomes.deallocate()
    }
    var threads: [pthread_t] = []
    for rank in 0..<size {
      let job = Job { outcomes[rank] = Result { try body(Member(ranks: self, rank: rank)) } }
      let argument = Unmanaged.passRetained(job).toOpaque()
      #if canImport(Darwin)
        var thread: pthread_t?
        pthread_create(&thread, nil, { ThreadRanks.start($0) }, argument)
        if let thread { threads.append(thread) }
      #else
        var thread = pthread_t()
        pthread_create(&thread, nil, { ThreadRanks.start($0) }, argument)
        threads.append(thread)
      #endif
    }
    for thread in threads { pthread_join(thread, nil) }
    return (0..<size).compactMap { outcomes[$0] }
  }

  private static func start(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
    return nil
  }
}
