/// A dense array in memory: element type, shape and little-endian bytes, the last dimension running fastest.
public struct Tensor: Sendable, Equatable {
  /// The type of the elements.
  public let elementType: ElementType
  /// The dimensions; empty for a scalar.
  public let shape: [Int]
  /// The elements, little endian; as many bytes as type and shape say.
  public let bytes: [UInt8]

  /// Number of elements.
  public var count: Int { bytes.count / elementType.byteCount }

  /// A tensor from its parts.
  /// - Throws: `TensorError` if the shape is impossible or does not fit the number of bytes.
  public init(elementType: ElementType, shape: [Int], bytes: [UInt8]) throws(TensorError) {
    guard let expected = elementType.byteCount(shape: shape) else {
      throw TensorError(source: "", "the shape \(shape) is impossible")
    }
    guard expected == bytes.count else {
      throw TensorError(
        source: "", "\(elementType.rawValue) of shape \(shape) takes \(expected) bytes, not \(bytes.count)")
    }
    self.init(unchecked: elementType, shape: shape, bytes: bytes)
  }

  private init(unchecked elementType: ElementType, shape: [Int], bytes: [UInt8]) {
    self.elementType = elementType
    self.shape = shape
    self.bytes = bytes
  }

  /// An F32 tensor; the shape (by default one dimension) must hold as many elements as there are values.
  public init(_ values: [Float], shape: [Int]? = nil) {
    self.init(values.map { $0.bitPattern.littleEndian }, as: .float32, shape: shape)
  }

  /// An I32 tensor; the shape (by default one dimension) must hold as many elements as there are values.
  public init(_ values: [Int32], shape: [Int]? = nil) {
    self.init(values.map { $0.littleEndian }, as: .int32, shape: shape)
  }

  /// A U8 tensor; the shape (by default one dimension) must hold as many elements as there are values.
  public init(_ values: [UInt8], shape: [Int]? = nil) {
    self.init(values, as: .uint8, shape: shape)
  }

  /// An F16 tensor, each value rounded to the nearest half; values beyond 65504 become infinite.
  public init(float16 values: [Float], shape: [Int]? = nil) {
    self.init(values.map { Float16($0).bitPattern.littleEndian }, as: .float16, shape: shape)
  }

  /// Copies elements that are already little endian. A shape that contradicts the values is a mistake in the program.
  private init<Element: BitwiseCopyable>(_ elements: [Element], as elementType: ElementType, shape: [Int]?) {
    let shape = shape ?? [elements.count]
    let bytes = elements.withUnsafeBytes { Array($0) }
    precondition(elementType.byteCount(shape: shape) == bytes.count, "\(elements.count) values for shape \(shape)")
    self.init(unchecked: elementType, shape: shape, bytes: bytes)
  }
}

// MARK: Reading

extension Tensor {
  /// The elements as single-precision floats: F32, F16 and BF16 exactly, F64 rounded.
  /// - Throws: `TensorError` if the elements are not floating point.
  public func floats() throws(TensorError) -> [Float] {
    switch elementType {
    case .float32: return elements { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .float16: return elements { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .bfloat16: return elements { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    case .float64: return elements { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    default: throw mismatch("F32, F16, BF16 or F64")
    }
  }

  /// The elements of an I32 tensor.
  /// - Throws: `TensorError` if the elements are of another type.
  public func int32s() throws(TensorError) -> [Int32] {
    guard elementType == .int32 else { throw mismatch("I32") }
    return elements { Int32(littleEndian: $0) }
  }

  /// The elements of a U8 tensor.
  /// - Throws: `TensorError` if the elements are of another type.
  public func uint8s() throws(TensorError) -> [UInt8] {
    guard elementType == .uint8 else { throw mismatch("U8") }
    return bytes
  }

  private func mismatch(_ expected: String) -> TensorError {
    TensorError(source: "", "the elements are \(elementType.rawValue), expected \(expected)")
  }

  private func elements<Stored: BitwiseCopyable, Element>(_ element: (Stored) -> Element) -> [Element] {
    bytes.withUnsafeBytes { raw in
      let size = MemoryLayout<Stored>.size
      return (0..<raw.count / size).map { element(raw.loadUnaligned(fromByteOffset: $0 * size, as: Stored.self)) }
    }
  }
}
