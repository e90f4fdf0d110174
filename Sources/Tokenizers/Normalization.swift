/// What happens to text before it is split.
public enum Normalization: String, Sendable {
  /// Nothing.
  case none
  /// Unicode's canonical composition (NFC).
  case composed = "NFC"
}

extension Normalization {
  /// The normalised form of UTF-8 text.
  func applied(to bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .none: bytes
    case .composed: bytes.contains { $0 >= 0x80 } ? CanonicalComposition.compose(bytes) : bytes
    }
  }
}
