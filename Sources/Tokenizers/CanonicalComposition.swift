/// Unicode's canonical composition, NFC (Unicode Standard Annex 15): decompose, order the marks, compose.
enum CanonicalComposition {
  /// The composed form of valid UTF-8.
  static func compose(_ bytes: [UInt8]) -> [UInt8] {
    var scalars: [Unicode.Scalar] = []
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars { decompose(scalar, into: &scalars) }
    sortMarks(&scalars)
    compose(&scalars)
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return Array(String(text).utf8)
  }

  private struct Pair: Hashable {
    let first: Unicode.Scalar
    let second: Unicode.Scalar
  }

  private struct Tables {
    var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    var composites: [Pair: Unicode.Scalar] = [:]

    init() {
      for (text, composes) in [(CanonicalDecompositions.composites, true), (CanonicalDecompositions.oneWay, false)] {
        for entry in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 == 0x0A }) {
          let scalars = entry.split(separator: UInt8(ascii: " ")).compactMap { digits in
            String(digits).flatMap { UInt32($0, radix: 16) }.flatMap(Unicode.Scalar.init)
          }
          decompositions[scalars[0]] = Array(scalars[1...])
          if composes { composites[Pair(first: scalars[1], second: scalars[2])] = scalars[0] }
        }
      }
    }
  }

  private static let tables = Tables()

  private static func decompose(_ scalar: Unicode.Scalar, into scalars: inout [Unicode.Scalar]) {
    if let parts = hangulParts(scalar) {
      scalars += parts
    } else if scalar.value >= 0xC0, let parts = tables.decompositions[scalar] {
      for part in parts { decompose(part, into: &scalars) }
    } else {
      scalars.append(scalar)
    }
  }

  private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }

  /// Sorts each run of combining marks by class; equal classes keep their order.
  private static func sortMarks(_ scalars: inout [Unicode.Scalar]) {
    var start = 0
    while start < scalars.count {
      guard combiningClass(scalars[start]) > 0 else {
        start += 1
        continue
      }
      var end = start
      while end < scalars.count, combiningClass(scalars[end]) > 0 { end += 1 }
      let run = scalars[start..<end].map { (combiningClass($0), $0) }.enumerated()
      let sorted = run.sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
      for (offset, mark) in sorted.enumerated() { scalars[start + offset] = mark.element.1 }
      start = end
    }
  }

  private static func compose(_ scalars: inout [Unicode.Scalar]) {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var starter: Int?
    for scalar in scalars {
      let kind = combiningClass(scalar)
      if let starter {
        // A mark is blocked by one of its own class or a higher one, a starter by anything at all.
        let between = result.count - 1 > starter ? combiningClass(result[result.count - 1]) : nil
        let isBlocked = between.map { $0 >= kind } ?? false
        if !isBlocked, let composite = composite(result[starter], scalar) {
          result[starter] = composite
          continue
        }
      }
      if kind == 0 { starter = result.count }
      result.append(scalar)
    }
    scalars = result
  }

  private static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    guard second.value >= 0x300 else { return nil }
    return hangulComposite(first, second) ?? tables.composites[Pair(first: first, second: second)]
  }

  // MARK: Hangul, The Unicode Standard section 3.12

  private static let syllables: UInt32 = 0xAC00
  private static let leads: UInt32 = 0x1100
  private static let vowels: UInt32 = 0x1161
  /// One before the first trailing consonant: offset 0 means that there is none.
  private static let tails: UInt32 = 0x11A7

  private static func hangulParts(_ scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
    guard scalar.value >= syllables, scalar.value < syllables + 19 * 21 * 28 else { return nil }
    let index = scalar.value - syllables
    let parts = [leads + index / (21 * 28), vowels + index % (21 * 28) / 28, tails + index % 28]
    return parts.filter { $0 != tails }.compactMap(Unicode.Scalar.init)
  }

  private static func hangulComposite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    if (leads..<leads + 19).contains(first.value), (vowels..<vowels + 21).contains(second.value) {
      return Unicode.Scalar(syllables + ((first.value - leads) * 21 + second.value - vowels) * 28)
    }
    if (syllables..<syllables + 19 * 21 * 28).contains(first.value), (first.value - syllables) % 28 == 0,
      (tails + 1..<tails + 28).contains(second.value)
    {
      return Unicode.Scalar(first.value + second.value - tails)
    }
    return nil
  }
}
