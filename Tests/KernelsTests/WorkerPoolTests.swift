import Kernels
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  /// How often each part ran, and which workers ran.
  private final class Counts: Sendable {
    let runs: Mutex<[Int]>
    let workers = Mutex<Set<Int>>([])
    init(_ parts: Int) { runs = Mutex([Int](repeating: 0, count: parts)) }
    var perPart: [Int] { runs.withLock { $0 } }
    var seenWorkers: Set<Int> { workers.withLock { $0 } }
    func note(_ part: Int, _ worker: Int) {
      runs.withLock { $0[part] += 1 }
      workers.withLock { _ = $0.insert(worker) }
    }
  }

  /// Work that the compiler cannot remove.
  private func spin(_ rounds: Int) -> UInt64 { (0..<rounds).reduce(1) { sum, _ in SplitMix64.mixed(sum) } }

  @Test(arguments: 1...4, [0, 1, 2, 3, 7, 64, 1000]) func everyPartRunsOnce(_ threads: Int, _ parts: Int) {
    let pool = WorkerPool(threads: threads)
    #expect(pool.threads == threads)
    let counts = Counts(parts)
    pool.run(parts) { part, worker in counts.note(part, worker) }
    #expect(counts.perPart == [Int](repeating: 1, count: parts))
    #expect(counts.seenWorkers.isSubset(of: Set(0..<threads)))
  }

  @Test(arguments: 1...4) func unevenPartsAllFinishBeforeTheLoopReturns(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let results = Matrix(rows: 1, columns: 40)
    let base = results.view
    for round in 0..<20 {
      results.clear()
      pool.run(40) { part, _ in
        let sum = spin(part == round ? 200_000 : part * 50)
        base.row(0)[part] = Float(part + 1) + (sum == 0 ? 1 : 0)
      }
      #expect(results.values == (1...40).map(Float.init))
    }
  }

  /// One worker's scratch is nobody else's while a part runs.
  @Test(arguments: 2...4) func noTwoPartsShareAWorkerAtOnce(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let busy = Mutex<Set<Int>>([])
    let clashes = Atomic<Int>(0)
    pool.run(500) { part, worker in
      if !busy.withLock({ $0.insert(worker).inserted }) { clashes.add(1, ordering: .relaxed) }
      if spin(part % 7 * 200) == 0 { clashes.add(1, ordering: .relaxed) }
      busy.withLock { _ = $0.remove(worker) }
    }
    #expect(clashes.load(ordering: .relaxed) == 0)
  }

  /// Loop after loop of different lengths: a thread late from one must not take parts of the next twice.
  @Test(arguments: 1...4) func manyLoopsInARow(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let total = Atomic<Int>(0)
    var expected = 0
    for round in 0..<20_000 {
      let parts = round % 5
      expected += parts * (parts + 1) / 2
      pool.run(parts) { part, _ in total.add(part + 1, ordering: .relaxed) }
      if total.load(ordering: .relaxed) != expected {
        Issue.record("after loop \(round)")
        return
      }
    }
  }

  @Test(arguments: [1, 2, 4], [0, 1, 5, 16, 17, 1001]) func rangesCoverEverythingOnce(_ threads: Int, _ count: Int) {
    let pool = WorkerPool(threads: threads)
    for minimum in [1, 8, 5000] {
      let counts = Counts(count)
      let shortest = Mutex(Int.max)
      pool.ranges(count, minimum: minimum) { range, worker in
        for index in range { counts.note(index, worker) }
        shortest.withLock { $0 = min($0, range.count) }
      }
      #expect(counts.perPart == [Int](repeating: 1, count: count))
      let length = shortest.withLock { $0 }
      #expect(length >= min(minimum, count), "no range below the minimum")
    }
  }

  @Test(arguments: [1, 2, 3], [0, 1, 3, 18, 48]) func panelsMeetEveryLineOnce(_ threads: Int, _ panels: Int) {
    let pool = WorkerPool(threads: threads)
    for lines in [nil, 0, 1, 5, 33, 100] {
      let count = lines ?? 1
      let meetings = Counts(panels * count)
      pool.panels(panels, fitting: 4, lines: lines) { part, some, worker in
        #expect((1...4).contains(part.count))
        for panel in part { for line in some { meetings.note(panel * count + line, worker) } }
      }
      #expect(meetings.perPart == [Int](repeating: 1, count: panels * count))
    }
  }

  /// One thread is slow, so that the others take pieces of its stretch.
  @Test(arguments: 1...4, [0, 1, 2, 5, 64, 1000]) func stretchesCoverEveryPlaceOnce(_ threads: Int, _ count: Int) {
    let pool = WorkerPool(threads: threads)
    for piece in [1, 3, 64] {
      let places = Counts(count)
      pool.stretches(count, piece: piece) { range in
        let isWhole = range == 0..<count && (threads == 1 || count <= piece)
        #expect(!range.isEmpty && (range.count <= piece || isWhole))
        #expect(spin(range.lowerBound * threads < count ? 3000 : 10) != 0)
        for place in range { places.note(place, 0) }
      }
      #expect(places.perPart == [Int](repeating: 1, count: count))
    }
  }

  /// Threads end with their pool: with hundreds left behind, a process soon has no more.
  @Test func poolsComeAndGo() {
    for round in 0..<2000 {
      let pool = WorkerPool(threads: 4)
      let total = Atomic<Int>(0)
      // Some pools end without ever having worked, their threads still starting.
      if round % 3 > 0 {
        pool.run(round % 3 * 4) { part, _ in total.add(part + 1, ordering: .relaxed) }
        #expect(total.load(ordering: .relaxed) == (round % 3 == 1 ? 10 : 36))
      }
    }
  }

  /// Its threads must not keep it.
  @Test(arguments: [2, 8]) func aPoolThatWorkedEnds(_ threads: Int) {
    weak var left: WorkerPool?
    do {
      let pool = WorkerPool(threads: threads)
      left = pool
      for _ in 0..<50 { pool.run(20) { _, _ in } }
      #expect(left != nil)
    }
    #expect(left == nil)
  }

  @Test func aPoolHasAtLeastItsCaller() {
    for threads in [0, -3] {
      let pool = WorkerPool(threads: threads)
      #expect(pool.threads == 1)
      let counts = Counts(5)
      pool.run(5) { part, worker in counts.note(part, worker) }
      #expect(counts.perPart == [1, 1, 1, 1, 1])
    }
  }
}
