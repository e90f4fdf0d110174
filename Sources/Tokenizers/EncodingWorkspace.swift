import Synchronization

/// What encoding keeps from one text to the next: memory, and the tokens of pieces seen before.
///
/// Copies of a tokenizer share it; one text is encoded at a time.
final class EncodingWorkspace: Sendable {
  struct Room: Sendable {
    var merger = PairMerger()
    var classes: [ScalarClass] = []
    var pieces = PieceCache()
  }

  private let room = Mutex(Room())

  func withLock(_ body: (inout Room) -> Void) { room.withLock { body(&$0) } }
}
