#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Records
import Synchronization

/// What happens when a mapped file is changed from outside.
///
/// A page of a mapped file that was shortened, or that the disk cannot read, is noticed only when it is touched: the
/// system then sends SIGBUS to whichever thread computes with it. After `endProcess(as:)` that ends the process with one
/// line that names the file, and the status for failed reading, instead of a crash.
public enum MappingFaults {
  /// The exit status of a tool whose input cannot be read.
  private static let status: Int32 = 74
  /// More files at once are possible; a fault in those beyond is reported without their name.
  private static let capacity = 1024

  /// A mapping as the signal handler sees it.
  private struct Slot {
    var start: UInt = 0
    /// 0 in a free slot.
    var count: UInt = 0
    var line: UnsafeMutablePointer<CChar>?
  }

  private struct State {
    var tool = ""
    var changed: String?
  }

  private static let state = Mutex(State())
  // A signal handler may take no lock and allocate nothing: the table never moves, and lines are not freed.
  nonisolated(unsafe) private static let slots = {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    slots.initialize(repeating: Slot(), count: capacity)
    return slots
  }()

  /// Whether a thread is ending the process: several may touch the same file at once, and one line is enough.
  private static let isEnding = Atomic(false)

  private static let reason = "can no longer be read: it was shortened, or the disk failed, while it was in use"

  // MARK: Mappings

  static func register(_ bytes: UnsafeRawBufferPointer, path: String) -> Int? {
    state.withLock { state in
      guard let slot = (0..<capacity).first(where: { slots[$0].count == 0 }) else { return nil }
      let shown = String(String.UnicodeScalarView(path.unicodeScalars.map { $0.value < 0x20 ? "?" : $0 }))
      // Over the progress line, if there is one.
      let erased = isatty(STDERR_FILENO) == 1 ? "\r\u{1B}[K" : ""
      slots[slot].line = strdup("\(erased)\(state.tool): \(shown): \(reason)\n")
      slots[slot].start = UInt(bitPattern: bytes.baseAddress)
      slots[slot].count = UInt(bytes.count)
      return slot
    }
  }

  static func release(_ slot: Int?) {
    guard let slot else { return }
    state.withLock { _ in slots[slot] = Slot() }
  }

  // MARK: Faults

  /// From now on a fault in a mapped file ends the process, temporary files are removed, and the line on stderr begins
  /// with the tool's name. Called before anything is mapped.
  public static func endProcess(as tool: String) {
    state.withLock { $0.tool = tool }
    // Made now: a signal handler cannot.
    _ = slots
    _ = isEnding.load(ordering: .relaxed)
    var action = sigaction()
    sigemptyset(&action.sa_mask)
    action.sa_flags = Int32(SA_SIGINFO)
    let handler: @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void = {
      number, information, _ in
      MappingFaults.end(number, at: information.map { MappingFaults.address(of: $0) } ?? 0)
    }
    #if canImport(Darwin)
      action.__sigaction_u.__sa_sigaction = handler
    #elseif canImport(Musl)
      action.__sa_handler.sa_sigaction = handler
    #else
      action.__sigaction_handler.sa_sigaction = handler
    #endif
    sigaction(SIGBUS, &action, nil)
  }

  private static func address(of information: UnsafeMutablePointer<siginfo_t>) -> UInt {
    #if canImport(Darwin)
      UInt(bitPattern: information.pointee.si_addr)
    #elseif canImport(Musl)
      UInt(bitPattern: information.pointee.__si_fields.__sigfault.si_addr)
    #else
      UInt(bitPattern: information.pointee._sifields._sigfault.si_addr)
    #endif
  }

  private static func end(_ number: Int32, at address: UInt) {
    for slot in 0..<capacity {
      let mapping = slots[slot]
      guard mapping.count > 0, address >= mapping.start, address - mapping.start < mapping.count else { continue }
      if isEnding.exchange(true, ordering: .relaxed) { while true { pause() } }
      if let line = mapping.line { write(STDERR_FILENO, line, strlen(line)) }
      TemporaryFiles.removeAll()
      _exit(status)
    }
    // No mapped file's: the instruction is tried again, and ends the process as it would have.
    signal(number, SIG_DFL)
  }

  // MARK: Changes

  static func noteChanged(_ path: String) { state.withLock { $0.changed = $0.changed ?? path } }

  /// A file that was written to while it was mapped, if there is one among those mapped so far and let go.
  public static var changedFile: String? { state.withLock { $0.changed } }
}
