/// A text with holes in braces.
struct PromptText: Sendable, Equatable {
  /// Why a text cannot be read.
  struct Malformed: Error {
    let reason: String
  }

  private enum Part: Sendable, Equatable {
    case literal(String)
    case hole(PromptHole)
  }

  private var parts: [Part] = []

  init(_ text: String) throws(Malformed) {
    let scalars = Array(text.unicodeScalars)
    var literal = String.UnicodeScalarView()
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      guard scalar == "{" || scalar == "}" else {
        literal.append(scalar)
        continue
      }
      if index < scalars.count, scalars[index] == scalar {
        literal.append(scalar)
        index += 1
        continue
      }
      guard scalar == "{", let end = scalars[index...].firstIndex(of: "}") else {
        throw Malformed(reason: "a lone '\(scalar)'; write \(scalar)\(scalar) for a brace")
      }
      var name = String.UnicodeScalarView()
      name.append(contentsOf: scalars[index..<end])
      guard let hole = PromptHole(rawValue: String(name)) else {
        let known = PromptHole.allCases.map { "{\($0.rawValue)}" }.joined(separator: " ")
        throw Malformed(reason: "unknown hole {\(String(name))}; holes are \(known)")
      }
      if !literal.isEmpty { parts.append(.literal(String(literal))) }
      literal = String.UnicodeScalarView()
      parts.append(.hole(hole))
      index = end + 1
    }
    if !literal.isEmpty { parts.append(.literal(String(literal))) }
  }

  var holes: Set<PromptHole> {
    Set(parts.compactMap { if case .hole(let hole) = $0 { hole } else { nil } })
  }

  /// Whether the text is `{instruction}` and nothing else.
  var isInstructionAlone: Bool { parts == [.hole(.instruction)] }

  func filled(with fields: PromptFields, for kind: PromptKind) throws(PromptError) -> String {
    var text = ""
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .hole(let hole):
        guard let value = fields[hole] else { throw .missingField(hole, kind) }
        text += value
      }
    }
    return text
  }
}
