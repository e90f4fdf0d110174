/// Tokens that are looked for in the text as they are, before it is cut into pieces.
struct AddedTokens: Sendable {
  private struct Candidate: Sendable {
    let id: Int32
    let text: [UInt8]
    let isControl: Bool
  }

  /// Candidates by their first byte, the longest first.
  private var candidates: [[Candidate]] = Array(repeating: [], count: 256)
  /// Whether any token begins with the byte.
  private var begins = [Bool](repeating: false, count: 256)
  private(set) var isEmpty = true

  /// Adds a token with a text that is not empty.
  mutating func insert(_ id: Int32, text: [UInt8], isControl: Bool) {
    guard let first = text.first.map(Int.init) else { return }
    let place = candidates[first].firstIndex { $0.text.count < text.count } ?? candidates[first].count
    candidates[first].insert(Candidate(id: id, text: text, isControl: isControl), at: place)
    begins[first] = true
    isEmpty = false
  }

  /// The leftmost token in `bytes[range]`, the longest of those that begin there.
  ///
  /// Control tokens count only where they lie wholly within one of the ascending ranges `markup`.
  func first(in bytes: [UInt8], _ range: Range<Int>, markup: [Range<Int>]) -> (id: Int32, range: Range<Int>)? {
    guard !isEmpty else { return nil }
    var nextMarkup = 0
    var next = range.lowerBound
    while let start = firstPossible(in: bytes, next..<range.upperBound) {
      next = start + 1
      while nextMarkup < markup.count, markup[nextMarkup].upperBound <= start { nextMarkup += 1 }
      for candidate in candidates[Int(bytes[start])] {
        let end = start + candidate.text.count
        guard end <= range.upperBound else { continue }
        if candidate.isControl {
          guard nextMarkup < markup.count, markup[nextMarkup].lowerBound <= start, end <= markup[nextMarkup].upperBound
          else { continue }
        }
        if bytes[start..<end].elementsEqual(candidate.text) { return (candidate.id, start..<end) }
      }
    }
    return nil
  }

  /// The first place at which some token might begin.
  private func firstPossible(in bytes: [UInt8], _ range: Range<Int>) -> Int? {
    begins.withUnsafeBufferPointer { begins in
      bytes.withUnsafeBufferPointer { bytes in
        var index = range.lowerBound
        while index < range.upperBound, !begins[Int(bytes[index])] { index += 1 }
        return index < range.upperBound ? index : nil
      }
    }
  }
}
