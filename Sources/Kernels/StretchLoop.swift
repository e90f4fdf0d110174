import Synchronization

/// How far each thread's stretch of a loop has been taken, each number on cache lines of its own.
final class StretchPlaces: @unchecked Sendable {
  private let memory: UnsafeMutablePointer<Atomic<Int>>
  private let count: Int
  private static let step = 128 / MemoryLayout<Atomic<Int>>.stride

  init(count: Int) {
    self.count = count
    memory = .allocate(capacity: count * Self.step)
    for index in 0..<count * Self.step { (memory + index).initialize(to: Atomic(0)) }
  }

  deinit {
    memory.deinitialize(count: count * Self.step)
    memory.deallocate()
  }

  func set(_ stretch: Int, to place: Int) { memory[stretch * Self.step].store(place, ordering: .relaxed) }

  /// The place before this call took so many more.
  func take(_ length: Int, of stretch: Int) -> Int {
    memory[stretch * Self.step].add(length, ordering: .relaxed).oldValue
  }
}

/// Loops over what is read from memory in its order.
extension WorkerPool {
  /// Runs `body` for all of `0..<count`, in pieces.
  ///
  /// Each thread goes through a stretch of its own from front to back, so that what is asked for ahead is what it reads
  /// next; whoever has none left takes pieces of the others'.
  /// - Parameters:
  ///   - piece: the length of a piece. As many or fewer are done by the calling thread.
  ///   - body: gets a piece.
  package func stretches(_ count: Int, piece: Int, _ body: (_ piece: Range<Int>) -> Void) {
    guard threads > 1, count > piece else {
      if count > 0 { body(0..<count) }
      return
    }
    func start(_ stretch: Int) -> Int { stretch * count / threads }
    for stretch in 0..<threads { places.set(stretch, to: start(stretch)) }
    run(threads) { home, _ in
      for offset in 0..<threads {
        let stretch = (home + offset) % threads
        let end = start(stretch + 1)
        while true {
          let first = places.take(piece, of: stretch)
          guard first < end else { break }
          body(first..<min(end, first + piece))
        }
      }
    }
  }
}
