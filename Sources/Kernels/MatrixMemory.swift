import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The memory of matrices. Large blocks that are freed are kept for the next matrix of their size.
///
/// A pass over a model wants the same few sizes again and again. From the system they come zeroed, page by page, which
/// takes as long as a product; from the allocator they leave holes between the matrices that stay.
enum MatrixMemory {
  /// From this many bytes on a block is kept: smaller ones the allocator handles well.
  private static let least = 1 << 20
  /// Most bytes that are kept, unused.
  private static let most = 256 << 20
  private static let hugePage = 2 << 20
  /// A cache line and the widest vector.
  private static let alignment = 64

  private struct Free: @unchecked Sendable {
    var blocks: [(memory: UnsafeMutableRawPointer, bytes: Int)] = []
    var bytes = 0
  }

  private static let free = Mutex(Free())

  /// Memory for so many floats, not initialised.
  static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    let bytes = rounded(count)
    let kept: UnsafeMutableRawPointer? = bytes < least ? nil : free.withLock { free in
      guard let index = free.blocks.lastIndex(where: { $0.bytes == bytes }) else { return nil }
      free.bytes -= bytes
      return free.blocks.remove(at: index).memory
    }
    return (kept ?? fresh(bytes)).bindMemory(to: Float.self, capacity: count)
  }

  /// Takes back memory from `allocate`.
  static func release(_ memory: UnsafeMutablePointer<Float>, _ count: Int) {
    let bytes = rounded(count)
    var unwanted: [UnsafeMutableRawPointer] = []
    if bytes < least || bytes > most {
      unwanted.append(UnsafeMutableRawPointer(memory))
    } else {
      let block = (memory: UnsafeMutableRawPointer(memory), bytes: bytes)
      unwanted = free.withLock { free in
        free.blocks.append(block)
        free.bytes += bytes
        // The oldest go first: their sizes have not been asked for since.
        var dropped: [UnsafeMutableRawPointer] = []
        while free.bytes > most {
          let oldest = free.blocks.removeFirst()
          free.bytes -= oldest.bytes
          dropped.append(oldest.memory)
        }
        return dropped
      }
    }
    for memory in unwanted { memory.deallocate() }
  }

  private static func rounded(_ count: Int) -> Int {
    let bytes = max(1, count) * MemoryLayout<Float>.stride
    return bytes < least ? bytes : (bytes + hugePage - 1) / hugePage * hugePage
  }

  private static func fresh(_ bytes: Int) -> UnsafeMutableRawPointer {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: bytes < least ? alignment : hugePage)
    #if os(Linux)
      if bytes >= least { madvise(memory, bytes, MADV_HUGEPAGE) }
    #endif
    return memory
  }
}
