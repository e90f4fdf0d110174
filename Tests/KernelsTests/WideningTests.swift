import Kernels
import Testing

@Suite struct WideningTests {
  private func widened(_ matrix: WeightMatrix, rows: Range<Int>, columns: Range<Int>) -> [Double] {
    let target = Matrix(rows: rows.count, columns: columns.count)
    matrix.widen(rows: rows, columns: columns, into: target.view.base)
    return target.doubles
  }

  /// Relative to each value, plus what rounding d·q + m in float32 can lose where the two cancel.
  private func agree(_ found: [Double], _ expected: [Double]) -> Bool {
    found.count == expected.count
      && zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) + 1e-8 }
  }

  @Test(arguments: WeightFormat.all) func everyRowAgreesWithTheFormula(_ format: WeightFormat) {
    let columns = format.blockLength == 1 ? 37 : 96
    let blocks = WeightBlocks(format, rows: 9, columns: columns)
    let matrix = blocks.matrix()
    #expect(agree(widened(matrix, rows: 0..<9, columns: 0..<columns), blocks.values))
    let row = Matrix(rows: 1, columns: columns)
    for index in [0, 4, 8] {
      matrix.widen(row: index, into: row.view.base)
      #expect(agree(row.doubles, Array(blocks.values[index * columns..<(index + 1) * columns])), "row \(index)")
    }
  }

  @Test(arguments: WeightFormat.all) func windowsOfColumnsAgreeWithTheFormula(_ format: WeightFormat) {
    let unit = format.blockLength
    let columns = unit == 1 ? 53 : 5 * 32
    let blocks = WeightBlocks(format, rows: 4, columns: columns)
    for window in unit == 1 ? [0..<1, 3..<21, 17..<53, 2..<2] : [0..<32, 32..<128, 128..<160, 64..<64] {
      let expected = (1..<3).flatMap { row in window.map { blocks.values[row * columns + $0] } }
      #expect(agree(widened(blocks.matrix(), rows: 1..<3, columns: window), expected), "\(window)")
    }
  }

  /// Every byte in every place: all nibbles, all signed bytes, under scales of both signs, zero and subnormal ones.
  @Test(arguments: [WeightFormat.q8_0, .q4_0, .q4_1], [UInt16(0x3C00), 0xBC00, 0, 0x0001, 0x8203, 0x03FF, 0x7BFF])
  func everyByteUnderRemarkableScales(_ format: WeightFormat, _ scale: UInt16) {
    let header = [UInt8(scale & 255), UInt8(scale >> 8)] + (format == .q4_1 ? [0x01, 0x80] : [])
    let length = format.blockBytes - header.count
    let bytes = (0..<256 / length).flatMap { block in header + (0..<length).map { UInt8(block * length + $0) } }
    let expected = WeightBlocks.values(bytes, format)
    let found = bytes.withUnsafeBytes { raw -> [Double] in
      guard let base = raw.baseAddress else { return [] }
      let matrix = WeightMatrix(format: format, rows: 1, columns: expected.count, bytes: base, owner: nil)
      return widened(matrix, rows: 0..<1, columns: 0..<expected.count)
    }
    // With m = −2⁻²⁴ every value is exact but for q4_1 under large scales, where m is below the last place.
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-7 * abs($1) } && found.count == expected.count)
  }

  /// All 65 536 halves, in vectors and in the scalar tail.
  @Test func everyHalf() {
    let all = (0...UInt16.max).map { $0 }
    for bits in all {
      let (found, expected) = (Double(HalfPrecision.float(bits)), WeightBlocks.half(bits))
      #expect(found == expected || (found.isNaN && expected.isNaN), "\(bits)")
    }
    for count in [65_536, 15] {
      let target = Matrix(rows: 1, columns: count)
      Array(all.suffix(count)).withUnsafeBytes { raw in
        guard let base = raw.baseAddress else { return }
        WeightMatrix(format: .f16, rows: 1, columns: count, bytes: base, owner: nil)
          .widen(row: 0, into: target.view.base)
      }
      let expected = all.suffix(count).map(WeightBlocks.half)
      let wrong = zip(target.doubles, expected).first { $0 != $1 && !($0.isNaN && $1.isNaN) }
      #expect(wrong == nil)
      #expect(count < 100 || target[0, 0x8000].sign == .minus, "the sign of zero")
    }
  }

  @Test func bytesThatAreNotAligned() {
    let blocks = WeightBlocks(.f32, rows: 2, columns: 19)
    let shifted = [UInt8(0)] + blocks.bytes
    let found = shifted.withUnsafeBytes { raw -> [Double] in
      guard let base = raw.baseAddress else { return [] }
      let matrix = WeightMatrix(format: .f32, rows: 2, columns: 19, bytes: base + 1, owner: nil)
      return widened(matrix, rows: 0..<2, columns: 0..<19)
    }
    #expect(found == blocks.values)
  }

  /// The file's rows are the original's, as the converter of GGUF files permutes them: within a head of d rows,
  /// original row j·d/2 + i is stored at 2·i + j.
  @Test(arguments: WeightFormat.all, [2, 6, 16]) func interleavedHeadsComeBackInOrder(_ format: WeightFormat, _ d: Int)
  {
    let columns = format.blockLength == 1 ? 5 : 32
    let blocks = WeightBlocks(format, rows: 3 * d, columns: columns)
    let original = (0..<3 * d).flatMap { row -> ArraySlice<Double> in
      let (head, place) = row.quotientAndRemainder(dividingBy: d)
      let (j, i) = place.quotientAndRemainder(dividingBy: d / 2)
      let stored = head * d + 2 * i + j
      return blocks.values[stored * columns..<(stored + 1) * columns]
    }
    let matrix = blocks.matrix(interleavedHeadDimension: d)
    #expect(agree(widened(matrix, rows: 0..<3 * d, columns: 0..<columns), original))
    let some = d + 1..<2 * d
    let expected = Array(original[some.lowerBound * columns..<some.upperBound * columns])
    #expect(agree(widened(matrix, rows: some, columns: 0..<columns), expected))
  }
}
