/// A dictionary that keeps the order of its entries and never changes.
final class ValueDictionary {
  struct Entry {
    let key: Value
    let value: Value
  }

  let entries: [Entry]
  /// Levels of lists and dictionaries, this one included.
  let depth: Int
  /// Where each key stands, in dictionaries too large to look through.
  private let positions: [DictionaryKey: Int]?

  fileprivate init(entries: [Entry], positions: [DictionaryKey: Int]?) {
    self.entries = entries
    depth = entries.reduce(0) { max($0, $1.key.depth, $1.value.depth) } + 1
    self.positions = positions
  }

  /// The value under a text.
  subscript(text: String) -> Value? {
    if let positions { return positions[.text(TextKey(text))].map { entries[$0].value } }
    return entries.first { $0.key.text.map { $0.hasSameScalars(as: text) } ?? false }?.value
  }

  /// The value under any key.
  subscript(key: DictionaryKey) -> Value? {
    if case .text(let text) = key { return self[text.text] }
    if let positions { return positions[key].map { entries[$0].value } }
    return entries.first { DictionaryKey($0.key) == key }?.value
  }

  /// Puts entries together.
  struct Builder {
    private var entries: [Entry] = []
    private var positions: [DictionaryKey: Int]?

    var count: Int { entries.count }

    /// Sets the value under a key, which stays at its place if it was there.
    mutating func set(_ key: Value, _ identity: DictionaryKey, _ value: Value) {
      if let position = position(of: identity) {
        entries[position] = Entry(key: entries[position].key, value: value)
        return
      }
      positions?[identity] = entries.count
      entries.append(Entry(key: key, value: value))
      if positions == nil, entries.count > 8 {
        var positions: [DictionaryKey: Int] = [:]
        for (position, entry) in entries.enumerated() { positions[DictionaryKey(entry.key) ?? .none] = position }
        self.positions = positions
      }
    }

    private func position(of identity: DictionaryKey) -> Int? {
      if let positions { return positions[identity] }
      return entries.firstIndex { DictionaryKey($0.key) == identity }
    }

    var dictionary: ValueDictionary { ValueDictionary(entries: entries, positions: positions) }
  }
}

/// What makes two keys one, by Python's rules: numbers by value, whatever their type; texts by their scalars.
enum DictionaryKey: Hashable {
  case undefined
  case none
  case int(Int)
  case double(Double)
  case text(TextKey)
  case tuple([DictionaryKey])

  /// The key of a value, or nil if Python cannot use it as one.
  init?(_ value: Value) {
    switch value {
    case .undefined: self = .undefined
    case .none: self = .none
    case .bool(let value): self = .int(value ? 1 : 0)
    case .int(let value): self = .int(value)
    case .double(let value): self = Int(exactly: value).map { .int($0) } ?? .double(value)
    case .string(let text), .markup(let text): self = .text(TextKey(text))
    // Larger ones would cost more to compare than the limits foresee.
    case .tuple(let list) where list.elements.count <= 16 && list.depth == 1:
      var keys: [DictionaryKey] = []
      for element in list.elements {
        guard let key = DictionaryKey(element) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    default: return nil
    }
  }
}

/// A text that is compared by its scalars; `String` itself takes canonically equivalent texts for equal.
struct TextKey: Hashable {
  let text: String

  init(_ text: String) {
    self.text = text
  }

  static func == (first: TextKey, second: TextKey) -> Bool { first.text.hasSameScalars(as: second.text) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension String {
  /// Whether the two texts have the same scalars.
  func hasSameScalars(as other: String) -> Bool {
    guard utf8.count == other.utf8.count else { return false }
    let result = utf8.withContiguousStorageIfAvailable { bytes in
      other.utf8.withContiguousStorageIfAvailable { bytes.elementsEqual($0) }
    }
    return (result ?? nil) ?? utf8.elementsEqual(other.utf8)
  }
}
