/// A key of PEFT's `rank_pattern` or `alpha_pattern`: a regular expression that a module's name has to match from its start
/// or from behind one of its dots up to its end, as `re.match(rf"(.*\.)?({key})$", name)` does.
///
/// Only whether there is a match matters, so that sets of places decide exactly: literals, `.`, classes, `\d`, `\w`,
/// escaped punctuation, groups, `|`, `*`, `+`, `?` and their lazy forms, `^`, `$`. Everything else is refused by name.
package struct ModulePattern: Sendable, Equatable {
  /// What a part of an expression matches.
  fileprivate indirect enum Node: Sendable, Equatable {
    case character(Set<UInt8>)
    case sequence([Node])
    case choice([Node])
    case repeated(Node, isOptional: Bool, isUnbounded: Bool)
    case start
    case end
  }

  /// The expression as it was written.
  package let text: String
  private let node: Node
  /// The characters of an expression that is nothing but characters and dots, as most are; nil for a dot.
  private let literal: [UInt8?]?

  /// Parses an expression.
  /// - Throws: `ModulePatternError` naming what is not supported.
  package init(_ text: String) throws(ModulePatternError) {
    self.text = text
    var parser = ModulePatternParser(text)
    node = try parser.parse()
    literal = Self.literal(node)
  }

  private static func literal(_ node: Node) -> [UInt8?]? {
    guard case .sequence(let parts) = node else { return nil }
    var bytes: [UInt8?] = []
    for part in parts {
      guard case .character(let set) = part, set.count == 1 || set == ModulePatternParser.anything else { return nil }
      bytes.append(set.count == 1 ? set.first : nil)
    }
    return bytes
  }

  /// Whether a module is meant.
  ///
  /// A module's name has at most 63 bytes, so that a set of places in it is the bits of a number; a longer one is none.
  package func matches(_ module: String) -> Bool {
    let name = Array(module.utf8)
    guard name.count < UInt64.bitWidth else { return false }
    if let literal {
      let start = name.count - literal.count
      guard start >= 0, zip(name[start...], literal).allSatisfy({ $1 == nil ? $0 != 0x0A : $0 == $1 }) else {
        return false
      }
      return start == 0 || name[start - 1] == UInt8(ascii: ".")
    }
    var starts: UInt64 = 1
    for index in name.indices where name[index] == UInt8(ascii: ".") { starts |= 2 << UInt64(index) }
    return Self.ends(of: node, from: starts, in: name) >> UInt64(name.count) & 1 == 1
  }

  /// Where matches that begin at one of the places can end: bit n for the place before byte n.
  private static func ends(of node: Node, from starts: UInt64, in name: [UInt8]) -> UInt64 {
    if starts == 0 { return 0 }
    switch node {
    case .character(let set):
      var ends: UInt64 = 0
      for place in name.indices where starts >> UInt64(place) & 1 == 1 && set.contains(name[place]) {
        ends |= 2 << UInt64(place)
      }
      return ends
    case .sequence(let parts):
      return parts.reduce(starts) { ends(of: $1, from: $0, in: name) }
    case .choice(let parts):
      return parts.reduce(0) { $0 | ends(of: $1, from: starts, in: name) }
    case .repeated(let part, let isOptional, let isUnbounded):
      var reached = ends(of: part, from: starts, in: name)
      var last = isUnbounded ? reached : 0
      while last != 0 {
        last = ends(of: part, from: last, in: name) & ~reached
        reached |= last
      }
      return isOptional ? reached | starts : reached
    case .start: return starts & 1
    case .end: return starts & 1 << UInt64(name.count)
    }
  }
}

/// What a pattern has that is not supported.
package struct ModulePatternError: Error, Equatable {
  package let reason: String
}

/// Reads an expression front to back.
private struct ModulePatternParser {
  private let bytes: [UInt8]
  private var offset = 0
  private var depth = 0
  private static let deepestGroup = 6
  private static let lengthLimit = 1024

  /// What a dot matches.
  fileprivate static let anything = Set<UInt8>(0...0xFF).subtracting([UInt8(ascii: "\n")])
  private static let digits = Set(UInt8(ascii: "0")...UInt8(ascii: "9"))
  private static let letters = Set(UInt8(ascii: "a")...UInt8(ascii: "z")).union(UInt8(ascii: "A")...UInt8(ascii: "Z"))
  private static let words = digits.union(letters).union([UInt8(ascii: "_")])

  init(_ text: String) { bytes = Array(text.utf8) }

  private var next: Character? {
    offset < bytes.count ? Character(Unicode.Scalar(bytes[offset])) : nil
  }

  private mutating func take(_ character: Character) -> Bool {
    guard next == character else { return false }
    offset += 1
    return true
  }

  mutating func parse() throws(ModulePatternError) -> ModulePattern.Node {
    guard bytes.count <= Self.lengthLimit else { throw ModulePatternError(reason: "its length of \(bytes.count)") }
    guard bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
      throw ModulePatternError(reason: "a character that is not printable ASCII")
    }
    let node = try choice()
    guard offset == bytes.count else { throw ModulePatternError(reason: "a \")\" that closes nothing") }
    return node
  }

  private mutating func choice() throws(ModulePatternError) -> ModulePattern.Node {
    var parts = [try sequence()]
    while take("|") { parts.append(try sequence()) }
    return parts.count == 1 ? parts[0] : .choice(parts)
  }

  private mutating func sequence() throws(ModulePatternError) -> ModulePattern.Node {
    var parts: [ModulePattern.Node] = []
    while let next, next != "|", next != ")" { parts.append(try repeated()) }
    return .sequence(parts)
  }

  private mutating func repeated() throws(ModulePatternError) -> ModulePattern.Node {
    let node = try atom()
    guard let sign = next, "*+?{".contains(sign) else { return node }
    guard sign != "{" else { throw ModulePatternError(reason: "a count in braces") }
    guard node != .start, node != .end else { throw ModulePatternError(reason: "a repeated anchor") }
    offset += 1
    // Lazy or not, the same names match.
    _ = take("?")
    if let more = next, "*+?{".contains(more) { throw ModulePatternError(reason: "a repeated repetition") }
    return .repeated(node, isOptional: sign != "+", isUnbounded: sign != "?")
  }

  private mutating func atom() throws(ModulePatternError) -> ModulePattern.Node {
    let character = bytes[offset]
    switch Character(Unicode.Scalar(character)) {
    case "(":
      offset += 1
      if take("?"), !take(":") { throw ModulePatternError(reason: "a group that starts with \"(?\"") }
      depth += 1
      guard depth <= Self.deepestGroup else {
        throw ModulePatternError(reason: "groups nested deeper than \(Self.deepestGroup)")
      }
      let node = try choice()
      depth -= 1
      guard take(")") else { throw ModulePatternError(reason: "a \"(\" that is not closed") }
      return node
    case "[": return .character(try characterClass())
    case "\\": return .character(try escaped())
    case "*", "+", "?", "{": throw ModulePatternError(reason: "a repetition of nothing")
    case ".":
      offset += 1
      return .character(Self.anything)
    case "^":
      offset += 1
      return .start
    case "$":
      offset += 1
      return .end
    default:
      offset += 1
      return .character([character])
    }
  }

  /// What a backslash and the character behind it stand for.
  private mutating func escaped() throws(ModulePatternError) -> Set<UInt8> {
    guard offset + 1 < bytes.count else { throw ModulePatternError(reason: "a backslash at its end") }
    let character = bytes[offset + 1]
    offset += 2
    switch Character(Unicode.Scalar(character)) {
    case "d": return Self.digits
    case "w": return Self.words
    case _ where !Self.digits.union(Self.letters).contains(character): return [character]
    case let other: throw ModulePatternError(reason: "the escape \"\\\(other)\"")
    }
  }

  private mutating func characterClass() throws(ModulePatternError) -> Set<UInt8> {
    offset += 1
    let isNegated = take("^")
    var set: Set<UInt8> = []
    repeat {
      let low = try classMember()
      guard next == "-", offset + 1 < bytes.count, bytes[offset + 1] != UInt8(ascii: "]") else {
        set.formUnion(low)
        continue
      }
      offset += 1
      let high = try classMember()
      guard low.count == 1, high.count == 1, let first = low.first, let last = high.first, first <= last else {
        throw ModulePatternError(reason: "a range of characters without two ends in order")
      }
      set.formUnion(first...last)
    } while next != "]"
    offset += 1
    return isNegated ? Set(0...0xFF).subtracting(set) : set
  }

  private mutating func classMember() throws(ModulePatternError) -> Set<UInt8> {
    guard offset < bytes.count else { throw ModulePatternError(reason: "a \"[\" that is not closed") }
    if next == "\\" { return try escaped() }
    // Nested sets and set operations are reserved in Python.
    if next == "[" { throw ModulePatternError(reason: "a \"[\" within a class") }
    offset += 1
    return [bytes[offset - 1]]
  }
}
