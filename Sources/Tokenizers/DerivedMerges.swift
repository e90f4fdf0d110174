extension Vocabulary {
  /// The merges that scores stand for: each pair of tokens whose texts together are a token.
  ///
  /// They go by that token's score, the highest first, then by the characters of the left token and of the right, the
  /// most first, as transformers' converter orders them. A list has no equal ranks, so that where several tokens have
  /// one score, the leftmost of neighbouring pairs need not come first as it does with scores.
  /// - Throws: `TokenizerError` for a token that stands twice.
  package func derivedMerges() throws(TokenizerError) -> [Merge] {
    guard case .characters(let rules) = spelling, let scores = rules.scores, scores.count == tokens.count else {
      return merges
    }
    struct Derived {
      var score: Float
      var left: Int32
      var right: Int32
      var leftLength: Int
      var rightLength: Int
    }
    let table = try tokenTable()
    func part(_ text: [UInt8], _ range: Range<Int>) -> Int32? {
      guard let id = table.id(of: text, in: range), kinds[Int(id)] == .normal || kinds[Int(id)] == .unused else {
        return nil
      }
      return id
    }
    var derived: [Derived] = []
    for (id, token) in tokens.enumerated() where kinds[id] == .normal || kinds[id] == .unused {
      let text = Array(token.utf8)
      // Of tokens with one text, the first counts; one with a space cannot be merged of text whose spaces are marked.
      guard text.count > 1, !text.contains(0x20), table.id(of: text) == Int32(id) else { continue }
      let length = token.unicodeScalars.count
      var before = 0
      var found: [Derived] = []
      for border in text.indices where border > 0 && text[border] & 0xC0 != 0x80 {
        before += 1
        guard let left = part(text, 0..<border), let right = part(text, border..<text.count) else { continue }
        found.append(
          Derived(score: scores[id], left: left, right: right, leftLength: before, rightLength: length - before))
      }
      derived += found.sorted { ($0.left, $0.right) < ($1.left, $1.right) }
    }
    let order = derived.indices.sorted { first, second in
      let (a, b) = (derived[first], derived[second])
      if a.score != b.score { return a.score > b.score }
      if a.leftLength != b.leftLength { return a.leftLength > b.leftLength }
      if a.rightLength != b.rightLength { return a.rightLength > b.rightLength }
      return first < second
    }
    return order.map { Merge(tokens[Int(derived[$0].left)], tokens[Int(derived[$0].right)]) }
  }
}
