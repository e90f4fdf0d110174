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
/// A pass over a model wants the same sizes again and again. From the system they come zeroed, page by page, which
/// takes as long as a product; from the allocator they leave holes between the matrices that stay.
enum MatrixMemory {
  /// From this many bytes on a block is kept: smaller ones the allocator handles well.
  private static let least = 64 << 10
  /// Most bytes that are kept unused.
  private static let most = 1 << 30
  private static let page = 4 << 10
  private static let hugePage = 2 << 20
  /// A cache line and the widest vector.
  private static let alignment = 64

  struct Block: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let bytes: Int
  }

  /// Unused blocks, those freed last at the end.
  private struct Unused {
    var blocks: [Block] = []
    var bytes = 0

    /// The smallest that is large enough and not much too large.
    mutating func take(_ bytes: Int) -> Block? {
      var best: Int?
      for (index, block) in blocks.enumerated() where block.bytes >= bytes && block.bytes <= bytes + bytes / 2 {
        if let found = best, blocks[found].bytes <= block.bytes { continue }
        best = index
      }
      guard let best else { return nil }
      self.bytes -= blocks[best].bytes
      return blocks.remove(at: best)
    }

    /// Keeps a block.
    /// - Returns: the oldest ones, which are too many now: nothing of their size has been asked for since.
    mutating func keep(_ block: Block) -> [Block] {
      blocks.append(block)
      bytes += block.bytes
      var dropped: [Block] = []
      while bytes > MatrixMemory.most {
        dropped.append(blocks.removeFirst())
        bytes -= dropped[dropped.count - 1].bytes
      }
      return dropped
    }
  }

  private static let unused = Mutex(Unused())

  /// Memory for so many floats, not initialised.
  static func allocate(_ count: Int) -> Block {
    let bytes = max(1, count) * MemoryLayout<Float>.stride
    guard bytes >= least else { return fresh(bytes, alignment: alignment) }
    // Huge pages where they waste little.
    let unit = bytes >= 4 * hugePage ? hugePage : page
    let whole = (bytes + unit - 1) / unit * unit
    return unused.withLock { $0.take(whole) } ?? fresh(whole, alignment: unit)
  }

  /// Takes back memory from `allocate`.
  static func release(_ block: Block) {
    let unwanted = block.bytes < least ? [block] : unused.withLock { $0.keep(block) }
    for block in unwanted { UnsafeMutableRawPointer(block.base).deallocate() }
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
