/// How an added token is looked for, as the flags in `added_tokens` of a tokenizer.json have it.
public struct AddedTokenRule: Sendable, Equatable {
  /// Not within a word: neither a letter, mark, digit nor connector may touch it.
  public var singleWord = false
  /// White space before it belongs to it.
  public var stripsLeft = false
  /// White space behind it belongs to it.
  public var stripsRight = false
  /// It is looked for in the normalised text, in its own normalised form, behind all tokens that are not.
  public var isNormalized = false

  /// A token that is found wherever its text stands.
  public init() {}

  /// A rule of the given flags.
  public init(
    singleWord: Bool = false, stripsLeft: Bool = false, stripsRight: Bool = false, isNormalized: Bool = false
  ) {
    self.singleWord = singleWord
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    self.isNormalized = isNormalized
  }
}

/// Tokens that are looked for in the text as they are, before it is cut into pieces.
struct AddedTokens: Sendable {
  struct Candidate: Sendable {
    let id: Int32
    let isControl: Bool
    let rule: AddedTokenRule
  }

  /// A token found: where its text stands, without the white space that it takes with it.
  struct Match {
    let token: Candidate
    let range: Range<Int>
  }

  private var candidates: [Candidate] = []
  private var texts = TokenTable(capacity: 64)
  /// Lengths of the tokens that begin with a byte, the longest first.
  private var lengths: [[Int]] = Array(repeating: [], count: 256)
  /// Whether any token begins with the byte.
  private var begins = [Bool](repeating: false, count: 256)
  /// Whether any token begins with the two bytes, or is the first alone: a bit for each pair.
  private var pairs = [UInt64](repeating: 0, count: 1024)

  var isEmpty: Bool { candidates.isEmpty }

  /// Room for `capacity` tokens.
  init(capacity: Int) { texts = TokenTable(capacity: capacity) }

  /// Adds a token with a text that is not empty; of two with one text, the first counts.
  mutating func insert(_ id: Int32, text: [UInt8], isControl: Bool, rule: AddedTokenRule) {
    guard let first = text.first.map(Int.init), texts.id(of: text) == nil else { return }
    _ = texts.append(text)
    candidates.append(Candidate(id: id, isControl: isControl, rule: rule))
    if !lengths[first].contains(text.count) {
      lengths[first].append(text.count)
      lengths[first].sort(by: >)
    }
    begins[first] = true
    if text.count > 1 {
      let pair = first << 8 | Int(text[1])
      pairs[pair >> 6] |= 1 << UInt64(pair & 63)
    } else {
      for word in first << 2..<first << 2 + 4 { pairs[word] = .max }
    }
  }

  /// The leftmost token in `bytes[range]`, the longest of those that begin there.
  ///
  /// Control tokens count only where they lie wholly within one of the ascending ranges `markup`.
  func first(in bytes: [UInt8], _ range: Range<Int>, markup: [Range<Int>]) -> Match? {
    guard !isEmpty else { return nil }
    var nextMarkup = 0
    var next = range.lowerBound
    while let start = firstPossible(in: bytes, next..<range.upperBound) {
      next = start + 1
      while nextMarkup < markup.count, markup[nextMarkup].upperBound <= start { nextMarkup += 1 }
      for length in lengths[Int(bytes[start])] where length <= range.upperBound - start {
        let end = start + length
        guard let index = texts.id(of: bytes, in: start..<end) else { continue }
        let candidate = candidates[Int(index)]
        if candidate.isControl {
          guard nextMarkup < markup.count, markup[nextMarkup].lowerBound <= start, end <= markup[nextMarkup].upperBound
          else { continue }
        }
        return Match(token: candidate, range: start..<end)
      }
    }
    return nil
  }

  /// The first place at which some token might begin.
  private func firstPossible(in bytes: [UInt8], _ range: Range<Int>) -> Int? {
    begins.withUnsafeBufferPointer { begins in
      bytes.withUnsafeBufferPointer { bytes in
        var index = range.lowerBound
        while index < range.upperBound {
          if begins[Int(bytes[index])] {
            let second = index + 1 < range.upperBound ? Int(bytes[index + 1]) : 0
            let pair = Int(bytes[index]) << 8 | second
            if index + 1 == range.upperBound || pairs[pair >> 6] >> UInt64(pair & 63) & 1 == 1 { return index }
          }
          index += 1
        }
        return nil
      }
    }
  }
}
