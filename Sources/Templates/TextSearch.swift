extension [UInt8] {
  /// Longer parts are looked for by Knuth, Morris and Pratt: trying them everywhere would take their length for each byte.
  private static let longestTriedPart = 16

  /// Where a part stands, occurrences not overlapping; an empty part stands nowhere but at the start.
  func positions(of part: [UInt8], limit: Int? = nil, fromEnd: Bool = false) -> [Int] {
    guard let first = part.first else { return [0] }
    if part.count > Self.longestTriedPart {
      guard fromEnd else { return positions(ofLong: part, limit: limit) }
      let mirrored = Self(reversed()).positions(ofLong: part.reversed(), limit: limit)
      return mirrored.reversed().map { count - $0 - part.count }
    }
    var positions: [Int] = []
    var index = fromEnd ? count - part.count : 0
    while index >= 0, index + part.count <= count {
      if let limit, positions.count >= limit { break }
      if self[index] == first, self[index..<index + part.count].elementsEqual(part) {
        positions.append(index)
        index += fromEnd ? -part.count : part.count
      } else {
        index += fromEnd ? -1 : 1
      }
    }
    return fromEnd ? positions.reversed() : positions
  }

  /// The same in as many steps as there are bytes (Knuth, Morris and Pratt, SIAM J. Comput. 6, 1977).
  private func positions(ofLong part: [UInt8], limit: Int?) -> [Int] {
    guard part.count <= count else { return [] }
    // For each prefix, how much of its end is a prefix again.
    var borders = [Int32](repeating: 0, count: part.count)
    var matched = 0
    for index in 1..<part.count {
      while matched > 0, part[index] != part[matched] { matched = Int(borders[matched - 1]) }
      if part[index] == part[matched] { matched += 1 }
      borders[index] = Int32(matched)
    }
    var positions: [Int] = []
    matched = 0
    for index in indices {
      if let limit, positions.count >= limit { break }
      while matched > 0, self[index] != part[matched] { matched = Int(borders[matched - 1]) }
      if self[index] == part[matched] { matched += 1 }
      if matched == part.count {
        positions.append(index + 1 - part.count)
        matched = 0
      }
    }
    return positions
  }
}
