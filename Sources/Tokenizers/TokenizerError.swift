/// Why a vocabulary or a chat template cannot be used.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, or whatever else the vocabulary came from.
  public let source: String
  /// What was found and what was expected.
  public let reason: String

  /// An error in `source`.
  public init(_ reason: String, source: String) {
    self.reason = reason
    self.source = source
  }

  /// Source and reason on one line.
  public var description: String { "\(source): \(reason)" }
}

extension String {
  /// The text in quotes on one line and not too long, for error messages.
  var quotedForMessage: String {
    let shown = unicodeScalars.prefix(60).map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
    return "\"\(shown)\(unicodeScalars.dropFirst(60).isEmpty ? "" : "…")\""
  }
}
