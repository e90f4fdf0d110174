/// A dense array in memory: element type, shape and little-endian bytes, the last dimension running fastest.
public struct Tensor: Sendable, Equatable {
  /// The type of the elements.
  public let elementType: ElementType
  /// The dimensions; empty for a scalar.
  public let shape: [Int]
  /// What the elements lie in: a file that was read whole is not copied for each of its tensors.
  private let storage: [UInt8]
  private let range: Range<Int>

  /// The elements, little endian; as many bytes as type and shape say.
  public var bytes: [UInt8] { range.count == storage.count ? storage : Array(slice) }

  /// The elements where they lie.
  var slice: ArraySlice<UInt8> { storage[range] }

  /// Number of elements.
  public var count: Int { range.count / elementType.byteCount }

  /// A tensor from its parts.
  /// - Throws: `TensorError` if the shape is impossible or does not fit the number of bytes.
  public init(elementType: ElementType, shape: [Int], bytes: [UInt8]) throws(TensorError) {
    try self.init(elementType: elementType, shape: shape, storage: bytes, range: 0..<bytes.count)
  }

  /// A tensor whose elements are a range of `storage`, which holds it.
  /// - Throws: `TensorError` if the shape is impossible or does not fit the range.
  init(elementType: ElementType, shape: [Int], storage: [UInt8], range: Range<Int>) throws(TensorError) {
    guard let expected = elementType.byteCount(shape: shape) else {
      throw TensorError(source: "", "the shape \(shape) is impossible")
    }
    guard expected == range.count else {
      throw TensorError(
        source: "", "\(elementType.rawValue) of shape \(shape) takes \(expected) bytes, not \(range.count)")
    }
    self.elementType = elementType
    self.shape = shape
    self.storage = storage
    self.range = range
  }

  /// Whether type, shape and elements are the same.
  public static func == (left: Tensor, right: Tensor) -> Bool {
    left.elementType == right.elementType && left.shape == right.shape && left.slice == right.slice
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
    self.elementType = elementType
    self.shape = shape
    storage = bytes
    range = 0..<bytes.count
  }
}

// MARK: Reading

extension Tensor {
  /// The elements as single-precision floats: F32, F16 and BF16 exactly, F64 rounded.
  /// - Throws: `TensorError` if the elements are not floating point.
  public func floats() throws(TensorError) -> [Float] {
    switch elementType {
    case .float32: return elements { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .float16: return elements { Self.widened(half: UInt16(littleEndian: $0)) }
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
    return Array(slice)
  }

  private func mismatch(_ expected: String) -> TensorError {
    TensorError(source: "", "the elements are \(elementType.rawValue), expected \(expected)")
  }

  @inline(__always)
  private func elements<Stored: BitwiseCopyable, Element>(_ element: (Stored) -> Element) -> [Element] {
    slice.withUnsafeBytes { raw in
      let size = MemoryLayout<Stored>.size
      return [Element](unsafeUninitializedCapacity: raw.count / size) { elements, count in
        for index in 0..<raw.count / size {
          elements.initializeElement(
            at: index, to: element(raw.loadUnaligned(fromByteOffset: index * size, as: Stored.self)))
        }
        count = raw.count / size
      }
    }
  }

  /// A half as a float. In integers and one product, as processors without the instruction for it take a call for each
  /// element otherwise; the product moves the exponent's bias and makes subnormals right.
  @inline(__always)
  private static func widened(half bits: UInt16) -> Float {
    let magnitude = UInt32(bits & 0x7FFF) << 13
    let sign = UInt32(bits & 0x8000) << 16
    let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    return Float(bitPattern: (bits & 0x7C00 == 0x7C00 ? magnitude | 0x7F80_0000 : finite) | sign)
  }
}
