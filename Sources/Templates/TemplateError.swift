/// Why a template cannot be parsed or rendered.
public struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure this is.
  public enum Kind: Sendable {
    /// The template is no valid Jinja.
    case syntax
    /// The template uses a part of Jinja that is not supported.
    case unsupported
    /// An operation does not fit its values, or something is undefined.
    case failure
    /// The template itself refused, by `raise_exception`.
    case raised
    /// A bound of `TemplateLimits` was exceeded.
    case limit
  }

  /// What kind of failure this is.
  public let kind: Kind
  /// The line of the template, from 1.
  public let line: Int
  /// What was wrong; for `raised` the template's own words.
  public let message: String

  /// An error at a line of the template.
  init(_ kind: Kind, line: Int, _ message: String) {
    self.kind = kind
    self.line = line
    self.message = message
  }

  /// Line and message on one line: "line 3: the tag 'include' is not supported".
  public var description: String { "line \(line): \(message.onOneLine)" }
}

extension String {
  /// The text with its control characters escaped, cut behind 500 scalars.
  fileprivate var onOneLine: String {
    var line = ""
    for (position, scalar) in unicodeScalars.enumerated() {
      guard position < 500 else { return line + "…" }
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  /// The text in single quotes, cut behind 60 scalars, for messages.
  var quoted: String {
    let scalars = unicodeScalars
    guard let cut = scalars.index(scalars.startIndex, offsetBy: 60, limitedBy: scalars.endIndex),
      cut != scalars.endIndex
    else { return "'\(self)'" }
    return "'\(String(scalars[..<cut]))…'"
  }
}
