import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The memory of matrices. Large blocks that are freed are kept for the next matrix of about their size.
///
/// A pass over a model wants the same sizes again and again, a step over other records nearly the same. From the system
/// they come zeroed, page by page, which takes as long as a product; from the allocator they leave holes between the
/// matrices that stay. What is kept never makes more than a quarter over the most that was in use at a time, nor 256 MB.
enum MatrixMemory {
  /// From this many bytes on a block is kept: smaller ones the allocator handles well.
  private static let least = 64 << 10
  private static let page = 4 << 10
  /// Bytes that may be kept over the most that was in use.
  private static let mostExcess = 256 << 20
  /// Bytes of the system's large pages.
  static let hugePage = 2 << 20
  /// A cache line and the widest vector.
  private static let alignment = 64

  struct Block: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let bytes: Int
  }

  private struct Ledger {
    /// Unused blocks, those freed last at the end.
    var unused: [Block] = []
    var unusedBytes = 0
    var usedBytes = 0
    var mostUsedBytes = 0

    /// The smallest unused block that is large enough. Some are far too large, so that what a pass has let go of serves
    /// for what it wants next: pages never touched before cost more than those that lie idle.
    mutating func take(_ bytes: Int) -> Block? {
      var best: Int?
      for (index, block) in unused.enumerated() where block.bytes >= bytes && block.bytes <= 4 * bytes {
        if let found = best, unused[found].bytes <= block.bytes { continue }
        best = index
      }
      guard let best else { return nil }
      unusedBytes -= unused[best].bytes
      use(unused[best].bytes)
      return unused.remove(at: best)
    }

    mutating func use(_ bytes: Int) {
      usedBytes += bytes
      mostUsedBytes = max(mostUsedBytes, usedBytes)
    }

    mutating func keep(_ block: Block) {
      usedBytes -= block.bytes
      unused.append(block)
      unusedBytes += block.bytes
    }

    /// Lets go of what is too much, the oldest first: their sizes have not been asked for since.
    mutating func excess() -> [Block] {
      var dropped: [Block] = []
      let most = mostUsedBytes + min(mostUsedBytes / 4, mostExcess)
      while usedBytes + unusedBytes > most, !unused.isEmpty {
        dropped.append(unused.removeFirst())
        unusedBytes -= dropped[dropped.count - 1].bytes
      }
      return dropped
    }
  }

  private static let ledger = Mutex(Ledger())

  /// Memory for so many floats, not initialised.
  static func allocate(_ count: Int) -> Block {
    let bytes = max(1, count) * MemoryLayout<Float>.stride
    guard bytes >= least else { return fresh(bytes, alignment: alignment) }
    let whole = rounded(bytes)
    let (kept, dropped) = ledger.withLock { ledger -> (Block?, [Block]) in
      if let kept = ledger.take(whole) { return (kept, []) }
      ledger.use(whole)
      return (nil, ledger.excess())
    }
    for block in dropped { UnsafeMutableRawPointer(block.base).deallocate() }
    return kept ?? fresh(whole, alignment: whole >= hugePage ? hugePage : page)
  }

  /// Takes back memory from `allocate`.
  static func release(_ block: Block) {
    guard block.bytes >= least else { return UnsafeMutableRawPointer(block.base).deallocate() }
    let dropped = ledger.withLock { ledger in
      ledger.keep(block)
      return ledger.excess()
    }
    for block in dropped { UnsafeMutableRawPointer(block.base).deallocate() }
  }

  /// Gives back what is not in use.
  static func releaseUnused() {
    let dropped = ledger.withLock { ledger in
      defer { (ledger.unused, ledger.unusedBytes, ledger.mostUsedBytes) = ([], 0, ledger.usedBytes) }
      return ledger.unused
    }
    for block in dropped { UnsafeMutableRawPointer(block.base).deallocate() }
  }

  /// Up to the next of sixteen sizes between powers of two, so that nearly equal sizes are the same.
  private static func rounded(_ bytes: Int) -> Int {
    let power = Int.bitWidth - 1 - bytes.leadingZeroBitCount
    let unit = max(page, 1 << (power - 4))
    return (bytes + unit - 1) / unit * unit
  }

  private static func fresh(_ bytes: Int, alignment: Int) -> Block {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: alignment)
    #if os(Linux)
      if alignment == hugePage { madvise(memory, bytes, MADV_HUGEPAGE) }
    #endif
    return Block(
      base: memory.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride), bytes: bytes)
  }
}
