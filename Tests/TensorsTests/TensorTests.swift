import Tensors
import Testing

@Suite struct TensorTests {
  @Test func valuesComeBack() throws {
    let floats: [Float] = [0, -0.0, 1, -2.5, .pi, .greatestFiniteMagnitude, .infinity]
    #expect(try Tensor(floats).floats() == floats)
    #expect(try Tensor([1, -2, .max, .min] as [Int32], shape: [2, 2]).int32s() == [1, -2, .max, .min])
    #expect(try Tensor([0, 1, 255] as [UInt8]).uint8s() == [0, 1, 255])
    #expect(Tensor(floats).bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x80, 0x3F])
  }

  /// Bit patterns from IEEE 754: 1 is 0x3C00, −2.5 is 0xC100, 1/3 rounds to 0x3555, 2⁻²⁴ is the smallest half.
  @Test func halvesRoundToNearest() throws {
    let tensor = Tensor(float16: [1, -2.5, 1.0 / 3, 0x1p-24, 65504, 1e6])
    #expect(tensor.elementType == .float16)
    #expect(tensor.bytes == [0x00, 0x3C, 0x00, 0xC1, 0x55, 0x35, 0x01, 0x00, 0xFF, 0x7B, 0x00, 0x7C])
    #expect(try tensor.floats() == [1, -2.5, 0.33325195, 0x1p-24, 65504, .infinity])
  }

  @Test func everyHalfIsRead() throws {
    let patterns = (UInt16.min...UInt16.max).map(\.self)
    let tensor = try Tensor(
      elementType: .float16, shape: [patterns.count], bytes: patterns.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    for (pattern, found) in zip(patterns, try tensor.floats()) {
      let expected = Float(Float16(bitPattern: pattern))
      #expect(found.bitPattern == expected.bitPattern || found.isNaN && expected.isNaN, "\(pattern)")
    }
  }

  @Test func widerAndNarrowerFloatsAreRead() throws {
    let brain = try Tensor(elementType: .bfloat16, shape: [2], bytes: [0x80, 0x3F, 0x49, 0x40])
    #expect(try brain.floats() == [1, 3.140625])
    let double = try Tensor(elementType: .float64, shape: [], bytes: [0, 0, 0, 0, 0, 0, 0xF8, 0xBF])
    #expect(try double.floats() == [-1.5])
  }

  @Test func aReadOfAnotherTypeIsRefused() {
    #expect(throws: TensorError(source: "", "the elements are I32, expected F32, F16, BF16 or F64")) {
      try Tensor([1] as [Int32]).floats()
    }
    #expect(throws: TensorError(source: "", "the elements are F32, expected I32")) {
      try Tensor([1] as [Float]).int32s()
    }
    #expect(throws: TensorError(source: "", "the elements are F32, expected U8")) {
      try Tensor([1] as [Float]).uint8s()
    }
  }

  @Test func shapesAreCheckedAgainstBytes() {
    #expect(throws: TensorError(source: "", "F32 of shape [2] takes 8 bytes, not 7")) {
      try Tensor(elementType: .float32, shape: [2], bytes: Array(repeating: 0, count: 7))
    }
    #expect(throws: TensorError.self) { try Tensor(elementType: .uint8, shape: [-1], bytes: []) }
    #expect(ElementType.float32.byteCount(shape: [1 << 31, 1 << 31]) == nil)
    #expect(ElementType.float32.byteCount(shape: [-1, -4]) == nil)
    #expect(ElementType.float32.byteCount(shape: [0, 7]) == 0)
    #expect(ElementType.float64.byteCount(shape: []) == 8)
  }
}
