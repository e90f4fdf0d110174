import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where answers wait until as many requests as expected have come.
public final class Gate: Sendable {
  private let arrived = Atomic<Int>(0)
  private let count: Int

  /// A gate that lets nobody through before `count` have come.
  public init(_ count: Int) { self.count = count }

  /// Comes to the gate and does not wait.
  public func come() { arrived.add(1, ordering: .relaxed) }

  /// Comes to the gate and waits until it is open; a minute at most, so that a test fails rather than hangs.
  public func pass() {
    come()
    for _ in 0..<60_000 where arrived.load(ordering: .relaxed) < count { usleep(1000) }
  }
}
