import CZstd
import Synchronization

/// zstd's working memory, kept from one frame to the next: making it takes longer than a small frame does.
///
/// There are never more contexts than frames that were worked on at the same time.
final class ZstdContexts: Sendable {
  static let compression = ZstdContexts { ZSTD_createCCtx() }
  static let decompression = ZstdContexts { ZSTD_createDCtx() }

  private let make: @Sendable () -> OpaquePointer?
  private let idle = Mutex<[Context]>([])

  /// A context is used by one caller at a time, so it may go from thread to thread.
  private struct Context: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  private init(make: @escaping @Sendable () -> OpaquePointer?) { self.make = make }

  /// A context that nobody else uses until it is given back; nil if memory is short.
  func take() -> OpaquePointer? {
    idle.withLock { $0.popLast() }?.pointer ?? make()
  }

  func giveBack(_ pointer: OpaquePointer) {
    let context = Context(pointer: pointer)
    idle.withLock { $0.append(context) }
  }
}
