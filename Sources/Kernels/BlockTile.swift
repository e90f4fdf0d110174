/// Products with a few rows of a weight at a time, for one thread: their chains of additions do not wait for each other.
///
/// A sum is taken in the same order whatever stands beside it in the tile.
struct BlockTile<Block: StoredBlock> {
  typealias Vector = VectorMath.Vector

  /// Rows of the weight taken together.
  static var height: Int { 4 }

  let inputs: BlockInputs
  let weight: WeightMatrix
  let y: MatrixView
  /// Memory for scales, minima and their stored bits, [height, blocks] each; unused where blocks have none.
  let factors: UnsafeMutablePointer<Float>

  /// Bytes that `factors` needs.
  static func scratchBytes(blocks: Int) -> Int {
    Block.hasFactors ? 3 * length(blocks) * MemoryLayout<Float>.stride : 64
  }

  /// Floats of the scales of a tile: whole vectors, and one more, as the last row's are read whole too.
  private static func length(_ blocks: Int) -> Int { (height * blocks + 15) / 16 * 16 + 16 }

  private var blocks: Int { inputs.blocks }
  private var minima: UnsafeMutablePointer<Float> { factors + Self.length(blocks) }

  private typealias Sources = (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer)
  private typealias Places = (Int, Int, Int, Int)

  /// Some rows of the weight.
  func run(_ range: Range<Int>) {
    let rotation = inputs.rotation
    for row in stride(from: range.lowerBound, to: range.upperBound, by: Self.height) {
      // A last tile that is not full repeats its last row.
      let last = range.upperBound - 1
      let places = (row, min(row + 1, last), min(row + 2, last), min(row + 3, last))
      let sources = (
        weight.bytes(row: places.0), weight.bytes(row: places.1), weight.bytes(row: places.2),
        weight.bytes(row: places.3)
      )
      if Block.hasFactors { widenFactors(sources) }
      var n = 0
      while n + 4 <= inputs.x.rows {
        four(n, sources.0, sources.1, 0, places.0, places.1, rotation)
        four(n, sources.2, sources.3, 2, places.2, places.3, rotation)
        n += 4
      }
      if n + 2 <= inputs.x.rows {
        two(n, sources.0, sources.1, 0, places.0, places.1, rotation)
        two(n, sources.2, sources.3, 2, places.2, places.3, rotation)
        n += 2
      }
      if n < inputs.x.rows { one(n, sources, places, rotation) }
    }
  }

  @inline(__always)
  private func widenFactors(_ sources: Sources) {
    let length = Self.length(blocks)
    let bits = UnsafeMutableRawPointer(minima + length).assumingMemoryBound(to: UInt32.self)
    // Row after row: this is where a tile is first read, and processors fetch ahead of reading in one direction.
    gather(sources.0, bits)
    gather(sources.1, bits + blocks)
    gather(sources.2, bits + 2 * blocks)
    gather(sources.3, bits + 3 * blocks)
    (bits + Self.height * blocks).update(repeating: 0, count: length - Self.height * blocks)
    var index = 0
    while index < length {
      let values = Block.factors(UnsafeRawPointer(bits + index).loadUnaligned(as: SIMD16<UInt32>.self))
      VectorMath.store(values.scale, factors + index)
      VectorMath.store(values.minimum, minima + index)
      index += 16
    }
  }

  @inline(__always)
  private func gather(_ source: UnsafeRawPointer, _ bits: UnsafeMutablePointer<UInt32>) {
    var block = 0
    while block < blocks {
      bits[block] = Block.factorBits(source + block * Block.bytes)
      block += 1
    }
  }

  /// A sum's lanes, with the minima and what whole blocks leave over, to one number.
  @inline(__always)
  private func finish(_ lanes: Vector, _ row: Int, _ source: UnsafeRawPointer, _ place: Int, _ output: Int) {
    var lanes = lanes
    if Block.hasFactors {
      let sums = inputs.sums(row)
      var index = 0
      while index < blocks {
        // Behind the row's minima are the next row's, and zeros behind its sums.
        lanes.addProduct(VectorMath.load(minima + place * blocks + index), VectorMath.load(sums + index))
        index += 16
      }
    }
    var total = VectorMath.sum(lanes)
    if !Block.hasFactors, blocks * 32 < inputs.x.columns { total += rest(row, source) }
    y.row(row)[output] = total
  }

  /// The products of the columns beyond the last whole run of 32, which only formats without blocks have.
  @inline(never)
  private func rest(_ row: Int, _ source: UnsafeRawPointer) -> Float {
    let count = inputs.x.columns - blocks * 32
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { memory in
      guard let values = memory.baseAddress else { return 0 }
      Widening.widen(source + blocks * Block.bytes, format: weight.format, count: count, into: values)
      return VectorMath.dot(values, inputs.x.row(row) + blocks * 32, count)
    }
  }

  @inline(__always)
  private func addBlock(
    _ sum: inout Vector, _ source: UnsafeRawPointer, _ place: Int, _ block: Int, _ first: Vector, _ second: Vector,
    _ rotation: SIMD16<UInt32>
  ) {
    let values = Block.unpacked(source + block * Block.bytes, rotation)
    if Block.hasFactors {
      let part = (values.0 * first).addingProduct(values.1, second)
      sum.addProduct(part, Vector(repeating: factors[place * blocks + block]))
    } else {
      sum.addProduct(values.0, first)
      sum.addProduct(values.1, second)
    }
  }

  /// One row of x, four of the weight: the scale meets a block's sum.
  @inline(__always)
  private func one(_ n: Int, _ sources: Sources, _ places: Places, _ rotation: SIMD16<UInt32>) {
    let input = inputs.row(n)
    var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for block in 0..<blocks {
      let first = VectorMath.load(input + block * 32)
      let second = VectorMath.load(input + block * 32 + 16)
      addBlock(&a, sources.0, 0, block, first, second, rotation)
      addBlock(&b, sources.1, 1, block, first, second, rotation)
      addBlock(&c, sources.2, 2, block, first, second, rotation)
      addBlock(&d, sources.3, 3, block, first, second, rotation)
    }
    finish(a, n, sources.0, 0, places.0)
    finish(b, n, sources.1, 1, places.1)
    finish(c, n, sources.2, 2, places.2)
    finish(d, n, sources.3, 3, places.3)
  }

  /// A block's values with their scale, but without the minimum.
  @inline(__always)
  private func scaled(
    _ source: UnsafeRawPointer, _ place: Int, _ block: Int, _ rotation: SIMD16<UInt32>
  ) -> (Vector, Vector) {
    let values = Block.unpacked(source + block * Block.bytes, rotation)
    guard Block.hasFactors else { return values }
    let scale = Vector(repeating: factors[place * blocks + block])
    return (values.0 * scale, values.1 * scale)
  }

  /// Two rows of x, two of the weight.
  @inline(__always)
  private func two(
    _ n: Int, _ source0: UnsafeRawPointer, _ source1: UnsafeRawPointer, _ place: Int, _ output0: Int, _ output1: Int,
    _ rotation: SIMD16<UInt32>
  ) {
    let (x0, x1) = (inputs.row(n), inputs.row(n + 1))
    var (a0, a1, b0, b1) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for block in 0..<blocks {
      let a = scaled(source0, place, block, rotation)
      let b = scaled(source1, place + 1, block, rotation)
      let index = block * 32
      var (first, second) = (VectorMath.load(x0 + index), VectorMath.load(x1 + index))
      a0.addProduct(a.0, first)
      b0.addProduct(b.0, first)
      a1.addProduct(a.0, second)
      b1.addProduct(b.0, second)
      (first, second) = (VectorMath.load(x0 + index + 16), VectorMath.load(x1 + index + 16))
      a0.addProduct(a.1, first)
      b0.addProduct(b.1, first)
      a1.addProduct(a.1, second)
      b1.addProduct(b.1, second)
    }
    finish(a0, n, source0, place, output0)
    finish(a1, n + 1, source0, place, output0)
    finish(b0, n, source1, place + 1, output1)
    finish(b1, n + 1, source1, place + 1, output1)
  }

  /// Four rows of x, two of the weight.
  @inline(__always)
  private func four(
    _ n: Int, _ source0: UnsafeRawPointer, _ source1: UnsafeRawPointer, _ place: Int, _ output0: Int, _ output1: Int,
    _ rotation: SIMD16<UInt32>
  ) {
    let (x0, x1, x2, x3) = (inputs.row(n), inputs.row(n + 1), inputs.row(n + 2), inputs.row(n + 3))
    var (a0, a1, a2, a3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var (b0, b1, b2, b3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for block in 0..<blocks {
      let a = scaled(source0, place, block, rotation)
      let b = scaled(source1, place + 1, block, rotation)
      var index = block * 32
      var (first, second) = (VectorMath.load(x0 + index), VectorMath.load(x1 + index))
      var (third, fourth) = (VectorMath.load(x2 + index), VectorMath.load(x3 + index))
      a0.addProduct(a.0, first)
      b0.addProduct(b.0, first)
      a1.addProduct(a.0, second)
      b1.addProduct(b.0, second)
      a2.addProduct(a.0, third)
      b2.addProduct(b.0, third)
      a3.addProduct(a.0, fourth)
      b3.addProduct(b.0, fourth)
      index += 16
      (first, second) = (VectorMath.load(x0 + index), VectorMath.load(x1 + index))
      (third, fourth) = (VectorMath.load(x2 + index), VectorMath.load(x3 + index))
      a0.addProduct(a.1, first)
      b0.addProduct(b.1, first)
      a1.addProduct(a.1, second)
      b1.addProduct(b.1, second)
      a2.addProduct(a.1, third)
      b2.addProduct(b.1, third)
      a3.addProduct(a.1, fourth)
      b3.addProduct(b.1, fourth)
    }
    finish(a0, n, source0, place, output0)
    finish(a1, n + 1, source0, place, output0)
    finish(a2, n + 2, source0, place, output0)
    finish(a3, n + 3, source0, place, output0)
    finish(b0, n, source1, place + 1, output1)
    finish(b1, n + 1, source1, place + 1, output1)
    finish(b2, n + 2, source1, place + 1, output1)
    finish(b3, n + 3, source1, place + 1, output1)
  }
}
