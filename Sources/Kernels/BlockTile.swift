import CKernels

/// Products with a few rows of a weight at a time, for one thread: their chains of additions do not wait for each other.
///
/// A sum is taken in the same order wherever its row of the weight stands: results do not depend on how rows are spread
/// over threads.
struct BlockTile<Block: StoredBlock> {
  typealias Vector = VectorMath.Vector

  /// Bytes between what is read and what is asked for, about what a core reads while memory answers.
  private static var linesAhead: Int { 8192 }

  /// Rows of the weight taken together.
  static var height: Int { 4 }

  let inputs: BlockInputs
  let weight: WeightMatrix
  let y: MatrixView
  /// Whether a row that is left over is done by itself, which rounds differently, or as one of two.
  let isSingle: Bool
  private let halves = HalfPrecision.values

  init(inputs: BlockInputs, weight: WeightMatrix, y: MatrixView, isSingle: Bool) {
    self.inputs = inputs
    self.weight = weight
    self.y = y
    self.isSingle = isSingle
  }

  /// A row of the weight: where it is stored, the column of y that it gives, and room for the factors of one of its
  /// blocks if that has several runs: the scale of each vector, then minimum − offset · scale of each.
  private typealias Row = (source: UnsafeRawPointer, output: Int, factors: UnsafeMutablePointer<Float>)

  /// Some rows of the weight.
  func run(_ range: Range<Int>) {
    withUnsafeTemporaryAllocation(byteCount: Self.height * 128, alignment: 64) { memory in
      guard let factors = memory.bindMemory(to: Float.self).baseAddress else { return }
      run(range, factors)
    }
  }

  private func run(_ range: Range<Int>, _ factors: UnsafeMutablePointer<Float>) {
    let rotation = CopyOrder.rotation(width: Block.width)
    let last = range.upperBound - 1
    func row(_ index: Int, _ place: Int) -> Row {
      // A last tile that is not full repeats its last row.
      let output = min(index + place, last)
      return (weight.bytes(row: output), output, factors + 32 * place)
    }
    var index = range.lowerBound
    while index <= last {
      let rows = (row(index, 0), row(index, 1), row(index, 2), row(index, 3))
      var n = 0
      while n + 4 <= inputs.x.rows {
        four(n, rows.0, rows.1, rotation)
        four(n, rows.2, rows.3, rotation)
        n += 4
      }
      if n + 2 <= inputs.x.rows {
        two(n, n + 1, rows.0, rows.1, rotation)
        two(n, n + 1, rows.2, rows.3, rotation)
        n += 2
      }
      if n < inputs.x.rows {
        if isSingle {
          one(n, rows.0, rows.1, rows.2, rows.3, rotation)
        } else {
          two(n, n, rows.0, rows.1, rotation)
          two(n, n, rows.2, rows.3, rotation)
        }
      }
      index += Self.height
    }
  }

  /// Makes the factors of a block of several runs.
  @inline(__always)
  private func prepare(_ row: Row, _ block: Int) {
    guard Block.runs > 1 else { return }
    let (scale, minimum) = Block.factors(row.source + block * Block.bytes, halves)
    let offset = scale * -Block.offset
    VectorMath.store(scale, row.factors)
    VectorMath.store(Block.hasMinimum ? minimum + offset : offset, row.factors + 16)
  }

  /// A run's values.
  @inline(__always)
  private func values(_ row: Row, _ block: Int, _ run: Int, _ rotation: SIMD16<UInt32>) -> (Vector, Vector) {
    let source = row.source + block * Block.bytes
    let values = Block.unpacked(source, run: run, CopyOrder.self, rotation)
    guard Block.hasScale else { return values }
    if Block.runs > 1 {
      let factors = row.factors + 2 * run
      return (
        Vector(repeating: factors[16]).addingProduct(values.0, Vector(repeating: factors[0])),
        Vector(repeating: factors[17]).addingProduct(values.1, Vector(repeating: factors[1]))
      )
    }
    let (scale, stored) = Block.factors(source, halves)
    let offset = scale * -Block.offset
    let minimum = Block.hasMinimum ? stored + offset : offset
    return (minimum.addingProduct(values.0, scale), minimum.addingProduct(values.1, scale))
  }

  /// A sum's lanes, and what whole blocks leave over, to one number.
  @inline(__always)
  private func finish(_ lanes: Vector, _ n: Int, _ row: Row) {
    var total = VectorMath.sum(lanes)
    if !Block.hasScale, inputs.runs * 32 < inputs.x.columns { total += rest(n, row.output) }
    y.row(n)[row.output] = total
  }

  /// The products of the columns beyond the last whole run of 32, which only formats without blocks have.
  @inline(never)
  private func rest(_ n: Int, _ output: Int) -> Float {
    let done = inputs.runs * 32
    let count = inputs.x.columns - done
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { memory in
      guard let values = memory.baseAddress else { return 0 }
      weight.widen(rows: output..<output + 1, columns: done..<done + count, into: values)
      return VectorMath.dot(values, inputs.x.row(n) + done, count)
    }
  }

  /// Adds a run's products with one row of x.
  ///
  /// With s = Σ x over a block of one run, scale · Σ (q − offset)·x + minimum·s takes fewer instructions than the values.
  @inline(__always)
  private func add(
    _ row: Row, _ block: Int, _ run: Int, _ first: Vector, _ second: Vector, _ rotation: SIMD16<UInt32>,
    to sum: inout Vector
  ) {
    guard Block.hasScale, Block.runs == 1 else {
      let values = values(row, block, run, rotation)
      sum.addProduct(values.0, first)
      sum.addProduct(values.1, second)
      return
    }
    let source = row.source + block * Block.bytes
    let values = Block.unpacked(source, run: run, CopyOrder.self, rotation)
    let (scale, minimum) = Block.factors(source, halves)
    let inputs = first + second
    var part = inputs * -Block.offset
    part.addProduct(values.0, first)
    part.addProduct(values.1, second)
    sum.addProduct(part, scale)
    if Block.hasMinimum { sum.addProduct(inputs, minimum) }
  }

  /// One row of x, four of the weight.
  @inline(__always)
  private func one(_ n: Int, _ row0: Row, _ row1: Row, _ row2: Row, _ row3: Row, _ rotation: SIMD16<UInt32>) {
    let input = inputs.row(n)
    var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    // One input goes through the weights as fast as they come from memory.
    let ahead = row0.source + Self.linesAhead
    for block in 0..<inputs.runs / Block.runs {
      prepare(row0, block)
      prepare(row1, block)
      prepare(row2, block)
      prepare(row3, block)
      for run in 0..<Block.runs {
        let index = block * Block.runs + run
        tiles_prefetch(ahead + index * 4 * Block.bytes / Block.runs)
        let (first, second) = (VectorMath.load(input + index * 32), VectorMath.load(input + index * 32 + 16))
        add(row0, block, run, first, second, rotation, to: &a)
        add(row1, block, run, first, second, rotation, to: &b)
        add(row2, block, run, first, second, rotation, to: &c)
        add(row3, block, run, first, second, rotation, to: &d)
      }
    }
    finish(a, n, row0)
    finish(b, n, row1)
    finish(c, n, row2)
    finish(d, n, row3)
  }

  /// Two rows of x, two of the weight.
  @inline(__always)
  private func two(_ n: Int, _ m: Int, _ row0: Row, _ row1: Row, _ rotation: SIMD16<UInt32>) {
    let (x0, x1) = (inputs.row(n), inputs.row(m))
    var (a0, a1, b0, b1) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for block in 0..<inputs.runs / Block.runs {
      prepare(row0, block)
      prepare(row1, block)
      for run in 0..<Block.runs {
        let a = values(row0, block, run, rotation)
        let b = values(row1, block, run, rotation)
        let index = (block * Block.runs + run) * 32
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
    }
    finish(a0, n, row0)
    finish(a1, m, row0)
    finish(b0, n, row1)
    finish(b1, m, row1)
  }

  /// Four rows of x, two of the weight.
  @inline(__always)
  private func four(_ n: Int, _ row0: Row, _ row1: Row, _ rotation: SIMD16<UInt32>) {
    let (x0, x1, x2, x3) = (inputs.row(n), inputs.row(n + 1), inputs.row(n + 2), inputs.row(n + 3))
    var (a0, a1, a2, a3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var (b0, b1, b2, b3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for block in 0..<inputs.runs / Block.runs {
      prepare(row0, block)
      prepare(row1, block)
      for run in 0..<Block.runs {
        let a = values(row0, block, run, rotation)
        let b = values(row1, block, run, rotation)
        var index = (block * Block.runs + run) * 32
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
    }
    finish(a0, n, row0)
    finish(a1, n + 1, row0)
    finish(a2, n + 2, row0)
    finish(a3, n + 3, row0)
    finish(b0, n, row1)
    finish(b1, n + 1, row1)
    finish(b2, n + 2, row1)
    finish(b3, n + 3, row1)
  }
}
