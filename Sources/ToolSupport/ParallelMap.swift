import Dispatch
import Synchronization

extension Array where Element: Sendable {
  /// What `transform` makes of each element, in their order, computed by up to `threads` threads.
  ///
  /// Elements are handed out one by one, so that uneven ones balance.
  public func parallelMap<Value: Sendable>(
    threads: Int, _ transform: @Sendable (Element) -> Value
  ) -> [Value] {
    guard threads > 1, count > 1 else { return map(transform) }
    let next = Atomic<Int>(0)
    return [Value](unsafeUninitializedCapacity: count) { values, initialized in
      // Each element is written by the one thread that took its number.
      nonisolated(unsafe) let values = values
      DispatchQueue.concurrentPerform(iterations: Swift.min(threads, count)) { _ in
        while case let index = next.add(1, ordering: .relaxed).oldValue, index < count {
          values.initializeElement(at: index, to: transform(self[index]))
        }
      }
      initialized = count
    }
  }
}
