/// What the split rules tell apart: `\p{L}`, `\p{N}`, white space in three kinds, and the rest.
enum ScalarClass: UInt8 {
  case other, letter, number
  /// U+0020, which may lead a piece.
  case space
  /// Carriage return and line feed.
  case lineBreak
  /// Any other scalar with the property White_Space.
  case whitespace

  var isWhitespace: Bool { rawValue >= Self.space.rawValue }

  init(_ scalar: Unicode.Scalar) {
    if scalar.value < 0x80 {
      self = Self.ascii[Int(scalar.value)]
      return
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = scalar.properties.isWhitespace ? .whitespace : .other
    }
  }

  /// The classes of ASCII.
  static let ascii: [ScalarClass] = (UInt8(0)..<0x80).map { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): .letter
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    case 0x20: .space
    case 0x0A, 0x0D: .lineBreak
    case 0x09, 0x0B, 0x0C: .whitespace
    default: .other
    }
  }
}
