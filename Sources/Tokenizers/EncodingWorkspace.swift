import Synchronization

/// What encoding keeps from one text to the next: memory, and the tokens of pieces seen before.
///
/// Copies of a tokenizer share it; one text is encoded at a time.
final class EncodingWorkspace: Sendable {
  struct Room: Sendable {
    var merger = PairMerger()
    var classes: [ScalarClass] = []
    var pieces = PieceCache()
    /// Where the symbols begin that a piece of characters is merged from, and where the last one ends.
    var symbolStarts: [Int] = []
    /// A stretch with its spaces marked.
    var marked: [UInt8] = []
  }

  private let room = Mutex(Room())

  func withLock(_ body: (inout Room) -> Void) { room.withLock { body(&$0) } }
}
