/// The tokens of pieces that were merged before: most words of a text come again and again.
///
/// A hash table that grows up to a bound and starts afresh when it is full. Only pieces of up to 16 bytes are kept; they
/// fit into their slots, so that no comparison leaves the table.
struct PieceCache: Sendable {
  private struct Slot: Sendable {
    var key = Key()
    /// Number of tokens.
    var count: Int32 = 0
    /// The token if it is one, else where they begin in `tokens`.
    var place: Int32 = 0
  }

  /// A piece as numbers. Loads that overlap are no matter: with the length, they tell pieces apart.
  private struct Key: Sendable, Equatable {
    var first: UInt64 = 0
    var last: UInt64 = 0
    /// Bytes of the piece; 0 marks a free slot.
    var length: Int32 = 0

    init() {}

    init(_ piece: UnsafeBufferPointer<UInt8>) {
      let count = piece.count
      let bytes = UnsafeRawBufferPointer(piece)
      if count >= 8 {
        first = bytes.loadUnaligned(as: UInt64.self)
        last = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      } else if count >= 4 {
        first = UInt64(bytes.loadUnaligned(as: UInt32.self))
        last = UInt64(bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
      } else {
        first = UInt64(piece[0])
        last = UInt64(piece[count / 2]) << 8 | UInt64(piece[count - 1])
      }
      length = Int32(count)
    }

    var hash: Int {
      var hash = (first ^ UInt64(UInt32(bitPattern: length))) &* 0x9E37_79B9_7F4A_7C15
      hash = (hash ^ hash >> 32 ^ last) &* 0xD6E8_FEB8_6659_FD93
      return Int(truncatingIfNeeded: hash >> 32)
    }
  }

  private static let longestPiece = 16
  private static let fewestSlots = 1 << 10
  private static let mostSlots = 1 << 16

  private var slots: [Slot] = []
  private var used = 0
  private var tokens: [Int32] = []

  /// Appends the tokens of a piece that is not empty; false if it is not known.
  mutating func append(tokensOf piece: UnsafeBufferPointer<UInt8>, to target: inout [Int32]) -> Bool {
    guard piece.count <= Self.longestPiece, !slots.isEmpty else { return false }
    let key = Key(piece)
    let slot = slots[index(of: key)]
    guard slot.key.length > 0 else { return false }
    if slot.count == 1 {
      target.append(slot.place)
    } else {
      target.append(contentsOf: tokens[Int(slot.place)..<Int(slot.place) + Int(slot.count)])
    }
    return true
  }

  /// Keeps the tokens of a piece that is not known.
  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, tokens new: [Int32]) {
    guard piece.count <= Self.longestPiece else { return }
    if used * 2 >= slots.count { makeRoom() }
    var slot = Slot()
    slot.key = Key(piece)
    slot.count = Int32(new.count)
    if new.count == 1 {
      slot.place = new[0]
    } else {
      slot.place = Int32(tokens.count)
      tokens += new
    }
    slots[index(of: slot.key)] = slot
    used += 1
  }

  private mutating func makeRoom() {
    let old = slots
    if old.count >= Self.mostSlots {
      slots = Array(repeating: Slot(), count: old.count)
      used = 0
      tokens.removeAll(keepingCapacity: true)
      return
    }
    slots = Array(repeating: Slot(), count: max(Self.fewestSlots, old.count * 2))
    for slot in old where slot.key.length > 0 { slots[index(of: slot.key)] = slot }
  }

  /// The slot of a key, or the free one where it belongs; there always is one.
  private func index(of key: Key) -> Int {
    var index = key.hash & (slots.count - 1)
    while slots[index].key.length > 0, slots[index].key != key { index = (index + 1) & (slots.count - 1) }
    return index
  }
}
