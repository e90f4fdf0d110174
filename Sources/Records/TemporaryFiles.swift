#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// The temporary files of this process, kept where a signal handler may read them.
public enum TemporaryFiles {
  /// More files than this at once are possible; those beyond are only not removed when a signal ends the process.
  private static let capacity = 64
  private static let lock = Mutex(())
  // A signal handler may take no lock and allocate nothing, so the paths lie in C memory in a table that never moves.
  nonisolated(unsafe) private static let slots = {
    let slots = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: capacity)
    slots.initialize(repeating: nil, count: capacity)
    return slots
  }()

  static func register(_ path: String) -> Int? {
    lock.withLock { _ in
      guard let slot = (0..<capacity).first(where: { slots[$0] == nil }) else { return nil }
      slots[slot] = strdup(path)
      return slot
    }
  }

  static func release(_ slot: Int?) {
    guard let slot else { return }
    lock.withLock { _ in
      let path = slots[slot]
      slots[slot] = nil
      free(path)
    }
  }

  /// From now on the signals that end a process from outside (interrupt, termination, hang-up) remove its temporary
  /// files first; the process still ends by the signal.
  public static func removeOnSignals() {
    _ = slots
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let previous = signal(number) { number in
        for slot in 0..<TemporaryFiles.capacity {
          if let path = TemporaryFiles.slots[slot] { unlink(path) }
        }
        signal(number, SIG_DFL)
        raise(number)
      }
      // nohup and background jobs of a shell ignore some of them; that stays so.
      if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
    }
  }
}
