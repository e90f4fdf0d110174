/// The smallest part of a template that means something.
struct Token: Equatable {
  enum Kind: Equatable {
    /// Text outside all tags, as it is written out.
    case text(String)
    /// `{{` and `}}`.
    case outputStart, outputEnd
    /// `{%` and `%}`.
    case tagStart, tagEnd
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    case symbol(Symbol)
    case end
  }

  /// Marks of the expression language.
  enum Symbol: String, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
    case tilde = "~"
    case leftBracket = "["
    case rightBracket = "]"
    case leftParenthesis = "("
    case rightParenthesis = ")"
    case leftBrace = "{"
    case rightBrace = "}"
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case greaterOrEqual = ">="
    case less = "<"
    case lessOrEqual = "<="
    case assign = "="
    case dot = "."
    case colon = ":"
    case pipe = "|"
    case comma = ","
    case semicolon = ";"

    /// Those of two marks first, so that the longest match wins.
    static let bySpelling = allCases.map { (Array($0.rawValue.utf8), $0) }.sorted { $0.0.count > $1.0.count }
  }

  let kind: Kind
  let line: Int

  /// The token in the words of a message.
  var shown: String {
    switch kind {
    case .text: "text"
    case .outputStart: "'{{'"
    case .outputEnd: "'}}'"
    case .tagStart: "'{%'"
    case .tagEnd: "'%}'"
    case .name(let name): name.quoted
    case .string(let text): "the string \(text.quoted)"
    case .integer(let value): "the number \(value)"
    case .float(let value): "the number \(value)"
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .end: "the end of the template"
    }
  }
}
