/// A JSON value (RFC 8259) that keeps the order of object members and the digits of numbers.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The number as it was written, digit for digit.
  case number(String)
  case string(String)
  case array([JSON])
  /// Members in the order in which they were written; keys are unique.
  case object([Member])

  /// One key and its value in an object.
  public struct Member: Sendable, Equatable {
    /// The key, unescaped.
    public var key: String
    /// The value under the key.
    public var value: JSON

    /// A member from its two parts.
    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// The value under `key`, or nil if this is no object or has no such member.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// What kind of value this is, in the words of an error message: "a string", "an object"….
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON {
  /// The string, if this is one.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The boolean, if this is one.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The integer, if this is a number written without fraction that fits `Int`; `3.0` counts as 3.
  public var integer: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
  }

  /// The number as the nearest `Double`, if this is a number.
  public var double: Double? {
    if case .number(let text) = self { Double(text) } else { nil }
  }

  /// The elements, if this is an array.
  public var array: [JSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The members, if this is an object.
  public var members: [Member]? {
    if case .object(let value) = self { value } else { nil }
  }

  /// Whether this is `null`.
  public var isNull: Bool { self == .null }

  /// A number from an integer.
  public static func integer(_ value: Int) -> JSON { .number(String(value)) }

  /// A number from a floating-point value; JSON has no NaN or infinity, so these become `null`.
  public static func double(_ value: Double) -> JSON { value.isFinite ? .number("\(value)") : .null }

  /// A number with the shortest digits that give `value` back; NaN and infinity become `null`.
  public static func float(_ value: Float) -> JSON { value.isFinite ? .number("\(value)") : .null }

  /// An object from pairs, in their order.
  public static func object(_ pairs: KeyValuePairs<String, JSON>) -> JSON {
    .object(pairs.map { Member($0.key, $0.value) })
  }
}
