import Templates
import Testing

/// Searches for parts of any length find what trying every place finds.
@Suite struct TextSearchTests {
  /// Where a part stands, occurrences not overlapping, from the start or from the end.
  private func places(of part: [UInt8], in text: [UInt8], fromEnd: Bool = false) -> [Int] {
    var places: [Int] = []
    var next = fromEnd ? text.count - part.count : 0
    while next >= 0, next + part.count <= text.count {
      let isHere = Array(text[next..<next + part.count]) == part
      if isHere { places.append(next) }
      next += (fromEnd ? -1 : 1) * (isHere ? part.count : 1)
    }
    return places
  }

  @Test(arguments: 1...60)
  func agreesWithTryingEverywhere(seed: Int) throws {
    var state = UInt64(seed)
    func letters(_ count: Int) -> [UInt8] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // Mostly one letter, so that parts overlap themselves.
        return state >> 61 == 0 ? 0x62 : 0x61
      }
    }
    let text = letters(400)
    for length in [1, 2, 15, 16, 17, 18, 25, 40, 399, 400, 401] {
      let part = length <= 40 && length % 2 == 0 ? Array(text[100..<100 + length]) : letters(length)
      let (first, last) = (places(of: part, in: text), places(of: part, in: text, fromEnd: true))
      let template = try Template(
        "{{ t.find(p) }} {{ t.rfind(p) }} {{ t.count(p) }} {{ t.split(p)|length }} {{ p in t }} "
          + "{{ t.rsplit(p, 1)|map('length')|join('-') }}")
      let rendered = try template.render([
        ("t", .string(String(decoding: text, as: UTF8.self))), ("p", .string(String(decoding: part, as: UTF8.self))),
      ])
      let split = last.first.map { "\($0)-\(text.count - $0 - length)" } ?? "\(text.count)"
      #expect(
        rendered
          == "\(first.first ?? -1) \(last.first ?? -1) \(first.count) \(first.count + 1) "
          + "\(first.isEmpty ? "False" : "True") \(split)", "length \(length)")
    }
  }
}
