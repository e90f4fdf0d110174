/// Finds tokens by their text: a hash table over the UTF-8 of all texts, which lie in one array.
///
/// A dictionary of strings would compare by canonical equivalence, under which distinct tokens can be equal.
struct TokenTable: Sendable {
  private var text: [UInt8] = []
  private var ends: [Int] = []
  private var slots: [Int32]

  /// An empty table with room for `capacity` tokens.
  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: -1, count: size)
    ends.reserveCapacity(capacity)
  }

  var count: Int { ends.count }

  /// Where the text of token `id` lies.
  private func range(_ id: Int) -> Range<Int> { (id == 0 ? 0 : ends[id - 1])..<ends[id] }

  /// The UTF-8 of the text of token `id`.
  subscript(id: Int32) -> ArraySlice<UInt8> { text[range(Int(id))] }

  /// Adds the next token; returns the id of an earlier one with the same text, if there is one.
  mutating func append(_ token: String) -> Int32? { append(token.utf8) }

  /// Adds the next token by its UTF-8.
  mutating func append(_ token: some Sequence<UInt8>) -> Int32? {
    let start = text.count
    text.append(contentsOf: token)
    let slot = text.withUnsafeBytes { self.slot(of: UnsafeRawBufferPointer(rebasing: $0[start...])) }
    let earlier = slots[slot]
    ends.append(text.count)
    guard earlier < 0 else { return earlier }
    slots[slot] = Int32(ends.count - 1)
    return nil
  }

  /// The token whose text is `bytes`, if there is one.
  func id(of bytes: [UInt8]) -> Int32? { id(of: bytes, in: 0..<bytes.count) }

  /// The token whose text is `bytes[range]`, if there is one.
  func id(of bytes: [UInt8], in range: Range<Int>) -> Int32? {
    bytes.withUnsafeBytes { id(of: UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// The token whose text is `bytes`, if there is one.
  @inline(__always) func id(of bytes: UnsafeRawBufferPointer) -> Int32? {
    let id = slots[slot(of: bytes)]
    return id < 0 ? nil : id
  }

  /// The slot that holds the token with this text, or the free one where it belongs.
  private func slot(of wanted: UnsafeRawBufferPointer) -> Int {
    text.withUnsafeBytes { text in
      var slot = Self.hash(wanted) & (slots.count - 1)
      while slots[slot] >= 0,
        !Self.isEqual(UnsafeRawBufferPointer(rebasing: text[range(Int(slots[slot]))]), wanted)
      {
        slot = (slot + 1) & (slots.count - 1)
      }
      return slot
    }
  }

  /// Eight bytes at a time; the last ones overlap those before them.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    var hash = UInt64(bytes.count)
    func mix(_ word: UInt64) {
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    var index = 0
    while index + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
    }
    if bytes.count >= 8 {
      mix(bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
    } else {
      var word: UInt64 = 0
      for byte in bytes { word = word << 8 | UInt64(byte) }
      mix(word)
    }
    return Int(truncatingIfNeeded: hash ^ hash >> 32)
  }

  private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }
}
