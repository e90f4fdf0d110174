/// Makes JSON texts of many shapes from a seed; the same seed gives the same text.
public struct JSONSource {
  private var state: UInt64

  /// A source; the seed must not be 0.
  public init(seed: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15
  }

  /// A whole number below `limit`, by xorshift.
  public mutating func number(below limit: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(limit))
  }

  private mutating func pick(_ choices: [String]) -> String { choices[number(below: choices.count)] }

  /// An object on one line. Between its own members the spacing is one of the two that records keep; further inside it
  /// is anything.
  public mutating func object(spaced: Bool) -> String {
    "{" + members(spaced: spaced).joined(separator: spaced ? ", " : ",") + "}"
  }

  /// Members of an object as they are written, up to seven, none of whose keys is a field of the project's.
  public mutating func members(spaced: Bool) -> [String] {
    (0...number(below: 6)).map { "\(key($0)):\(spaced ? " " : "")\(value(depth: 0))" }
  }

  private mutating func key(_ position: Int) -> String {
    pick(["\"k", "\"\\u00e9", "\"ключ", "\"\\\"", "\"\\\\", "\"🙂", "\":,{"]) + "\(position)\""
  }

  private mutating func value(depth: Int) -> String {
    switch number(below: depth < 4 ? 8 : 5) {
    case 0: return pick(["null", "true", "false"])
    case 1, 2:
      return pick([
        "0", "-0", "-0.0", "1.0", "1.50", "1e5", "1E+05", "-2.5e-03", "123456789012345678901234567890",
        "0.1000000000000000055511151231257827", "1e400",
      ])
    case 3, 4: return string()
    case 5, 6:
      let elements = (0..<number(below: 4)).map { _ in blank() + value(depth: depth + 1) + blank() }
      return "[" + (elements.isEmpty ? blank() : elements.joined(separator: ",")) + "]"
    default:
      let members = (0..<number(below: 4)).map { position in
        blank() + key(position) + blank() + ":" + blank() + value(depth: depth + 1) + blank()
      }
      return "{" + (members.isEmpty ? blank() : members.joined(separator: ",")) + "}"
    }
  }

  private mutating func string() -> String {
    let parts = (0..<number(below: 5)).map { _ in
      pick([
        "a", " ", "\\n", "\\u0041", "\\ud83d\\ude42", "🙂", "\\\\", "\\\"", "\\/", "{", "]", ",", "é", "\u{2028}",
        "\u{7F}",
      ])
    }
    return "\"" + parts.joined() + "\""
  }

  private mutating func blank() -> String { pick(["", "", " ", "\t", "  "]) }
}
