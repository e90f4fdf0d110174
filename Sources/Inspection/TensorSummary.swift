import Records
import Tensors

/// A tensor in short: its name, type, shape and first values.
struct TensorSummary {
  let name: String
  let type: ElementType
  let shape: [Int]
  /// The first values as text; bytes in hexadecimal where a type has no numbers that are read here.
  let first: [String]
  /// Whether there are more.
  let isCut: Bool
  /// Whether the texts are numbers.
  private let isNumeric: Bool

  /// How many values are shown.
  private static let shown = 8

  init(name: String, _ tensor: Tensor) {
    self.name = name
    type = tensor.elementType
    shape = tensor.shape
    let size = tensor.elementType.byteCount
    let count = min(Self.shown, tensor.count)
    let bytes = Array(tensor.bytes.prefix(count * size))
    isCut = tensor.count > count
    let values = (0..<count).map { Self.value(bytes[$0 * size..<($0 + 1) * size], tensor.elementType) }
    isNumeric = !values.contains(nil)
    first = zip(values, 0..<count).map { value, index in
      // Types of one byte.
      value ?? "0x" + (bytes[index * size] < 16 ? "0" : "") + String(bytes[index * size], radix: 16)
    }
  }

  /// An element as text; nil for types that are not read here.
  private static func value(_ bytes: ArraySlice<UInt8>, _ type: ElementType) -> String? {
    let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch type {
    case .bool: return bits == 0 ? "0" : "1"
    case .uint8, .uint16, .uint32, .uint64: return "\(bits)"
    case .int8: return "\(Int8(truncatingIfNeeded: bits))"
    case .int16: return "\(Int16(truncatingIfNeeded: bits))"
    case .int32: return "\(Int32(truncatingIfNeeded: bits))"
    case .int64: return "\(Int64(truncatingIfNeeded: bits))"
    case .float16: return NumberText.plain(Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits))))
    case .bfloat16: return NumberText.plain(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)))
    case .float32: return NumberText.plain(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .float64: return NumberText.plain(Double(bitPattern: bits))
    case .float8E5M2, .float8E4M3: return nil
    }
  }

  /// `F16 [34, 576]`.
  var kind: String { "\(type.rawValue) \(shape)" }

  /// `0.1 0.2 …`.
  var values: String { first.joined(separator: " ") + (isCut ? " …" : "") }

  var json: JSON {
    .object([
      "name": .string(name), "type": .string(type.rawValue), "shape": .array(shape.map(JSON.integer)),
      // JSON has no infinity and no NaN.
      "first": .array(first.map { isNumeric && Double($0)?.isFinite == true ? .number($0) : .string($0) }),
    ])
  }
}
