/// The type of a tensor's elements; raw values as safetensors spells them.
///
/// The order of the cases is the order of alignment that the safetensors library sorts tensors by.
public enum ElementType: String, Sendable, CaseIterable {
  /// One byte, 0 or 1.
  case bool = "BOOL"
  /// Unsigned byte.
  case uint8 = "U8"
  /// Signed byte.
  case int8 = "I8"
  /// 8-bit float, five bits of exponent.
  case float8E5M2 = "F8_E5M2"
  /// 8-bit float, four bits of exponent.
  case float8E4M3 = "F8_E4M3"
  /// Signed 16-bit integer.
  case int16 = "I16"
  /// Unsigned 16-bit integer.
  case uint16 = "U16"
  /// IEEE half precision.
  case float16 = "F16"
  /// The upper half of a single-precision float.
  case bfloat16 = "BF16"
  /// Signed 32-bit integer.
  case int32 = "I32"
  /// Unsigned 32-bit integer.
  case uint32 = "U32"
  /// IEEE single precision.
  case float32 = "F32"
  /// IEEE double precision.
  case float64 = "F64"
  /// Signed 64-bit integer.
  case int64 = "I64"
  /// Unsigned 64-bit integer.
  case uint64 = "U64"

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8, .float8E5M2, .float8E4M3: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .float64, .int64, .uint64: 8
    }
  }

  /// Position in the library's order of alignment; larger comes first in a file.
  var alignmentRank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  /// Bytes a tensor of this type and `shape` takes, or nil if that overflows or a dimension is negative.
  public func byteCount(shape: [Int]) -> Int? {
    var total = byteCount
    // A zero anywhere makes the product zero only if the other dimensions fit too: the check is on every step.
    for dimension in shape {
      let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      total = product
    }
    return total
  }
}
