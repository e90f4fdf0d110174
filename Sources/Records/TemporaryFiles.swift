#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// The temporary files and directories of this process, kept where a signal handler may read them.
public enum TemporaryFiles {
  /// More at once are possible; those beyond are only not removed when a signal ends the process.
  private static let capacity = 256
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

  /// Forgets a path. Its few bytes are not freed: a handler on another thread may be about to unlink what they name, and
  /// must not find another name there.
  static func release(_ slot: Int?) {
    guard let slot else { return }
    lock.withLock { _ in slots[slot] = nil }
  }

  /// Removes all that is there now: files, then the directories that held them. Safe in a signal handler.
  public static func removeAll() {
    for slot in 0..<capacity {
      if let path = slots[slot] { unlink(path) }
    }
    for slot in 0..<capacity {
      if let path = slots[slot] { rmdir(path) }
    }
  }

  /// From now on the signals that end a process from outside (interrupt, quit, termination, hang-up, the end of its
  /// processor time) remove its temporary files first; the process still ends by the signal.
  public static func removeOnSignals() {
    _ = slots
    for number in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGXCPU] {
      let previous = signal(number) { number in
        TemporaryFiles.removeAll()
        signal(number, SIG_DFL)
        raise(number)
      }
      // nohup and background jobs of a shell ignore some of them; that stays so.
      if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
    }
  }
}
