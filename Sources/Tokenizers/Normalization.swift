/// What happens to text before it is split; each stretch between added tokens is normalised by itself.
public struct Normalization: Sendable, Equatable {
  /// Whether text is brought to Unicode's composed form, NFC.
  public var composes: Bool
  /// Whether a stretch that begins a text or follows an added token gets a space in front (`Prepend`), even if it
  /// begins with one.
  public var prependsSpace: Bool
  /// Whether spaces become U+2581, the sign that SentencePiece vocabularies write them with (`Replace`).
  public var marksSpaces: Bool

  /// A normalisation, without arguments none.
  public init(composes: Bool = false, prependsSpace: Bool = false, marksSpaces: Bool = false) {
    self.composes = composes
    self.prependsSpace = prependsSpace
    self.marksSpaces = marksSpaces
  }

  /// Nothing.
  public static let none = Normalization()
  /// Unicode's canonical composition (NFC).
  public static let composed = Normalization(composes: true)
}

/// U+2581, which stands for a space in the tokens of SentencePiece vocabularies.
enum SpaceMark {
  static let text = "\u{2581}"
  /// Its UTF-8.
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  /// Appends the bytes with each space as a mark.
  static func append(_ text: some Sequence<UInt8>, markingSpacesTo target: inout [UInt8]) {
    for byte in text {
      if byte == 0x20 { target += bytes } else { target.append(byte) }
    }
  }

  /// Appends the bytes with each mark as a space.
  static func append(_ text: some Collection<UInt8>, unmarkingSpacesTo target: inout [UInt8]) {
    var rest = text[...]
    while let first = rest.first {
      if first == bytes[0], rest.starts(with: bytes) {
        target.append(0x20)
        rest = rest.dropFirst(bytes.count)
      } else {
        target.append(first)
        rest = rest.dropFirst()
      }
    }
  }
}

extension Normalization {
  /// The fingerprint of a vocabulary has it by this name.
  var name: String {
    var parts: [String] = composes ? ["NFC"] : []
    if prependsSpace { parts.append("Prepend") }
    if marksSpaces { parts.append("Replace") }
    return parts.isEmpty ? "none" : parts.joined(separator: " ")
  }

  /// The normalised form of UTF-8 text that follows other text: no space is put in front.
  func applied(toContinuation bytes: some Collection<UInt8>) -> [UInt8] {
    var result = Array(bytes)
    if composes, result.contains(where: { $0 >= 0x80 }) { result = CanonicalComposition.compose(result) }
    guard marksSpaces else { return result }
    var marked: [UInt8] = []
    marked.reserveCapacity(result.count + result.count / 2)
    SpaceMark.append(result, markingSpacesTo: &marked)
    return marked
  }

  /// The normalised form of a whole stretch of UTF-8.
  func applied(to bytes: some Collection<UInt8>) -> [UInt8] {
    guard prependsSpace, !bytes.isEmpty else { return applied(toContinuation: bytes) }
    return SpaceMark.bytes + applied(toContinuation: bytes)
  }
}
