/// The keys of one object, told apart by their bytes: Swift's strings would take composed and decomposed letters for
/// the same key.
struct ObjectKeys {
  /// Up to this many, comparing with each is faster than hashing.
  private static let few = 16

  private var keys: [String] = []
  private var set = Set<[UInt8]>()

  /// Adds a key; false if it was there.
  mutating func insert(_ key: String) -> Bool {
    if keys.count < Self.few {
      for other in keys where Self.isSame(other, key) { return false }
      keys.append(key)
      return true
    }
    if set.isEmpty { set = Set(keys.map { Array($0.utf8) }) }
    return set.insert(Array(key.utf8)).inserted
  }

  /// Whether two keys are the same bytes. Equal bytes make equal strings, and that is the quicker test.
  static func isSame(_ left: String, _ right: String) -> Bool {
    left == right && left.utf8.elementsEqual(right.utf8)
  }
}
