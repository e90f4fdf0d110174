/// Matrix products spread over a worker pool. Each part of a product runs OpenBLAS on its own thread.
public struct Products: Sendable {
  private let blas: OpenBLAS
  /// Whether all products are OpenBLAS's, of widened weights.
  public let isPlain: Bool
  /// The threads that share the work.
  public let pool: WorkerPool
  private let scratch: [Matrix]
  /// Nil where the processor has no tile registers or float32 is asked for.
  private(set) var tiles: TileProducts?
  /// Nil where there are tiles, or the processor does not multiply words, or float32 is asked for.
  private(set) var words: WordProducts?
  /// Attention in float32 by the processor's own vectors; nil where there are tiles to do it, or no such vectors.
  private(set) var lanes: LaneKernels?
  /// Whether vectors of 256 bits are taken even where there are wider ones.
  private(set) var hasNarrowVectors = false
  /// Whether nothing is rounded to fewer digits than float32 has.
  public private(set) var keepsEveryDigit: Bool
  /// By how many rows kernels are chosen.
  public private(set) var scheme = RowScheme.asTheyCome

  /// Rows of a weight that are widened at a time: with the longest rows still within the second-level cache.
  private static let scratchFloats = 1 << 18
  /// Floats of a weight that are widened at a time for all threads.
  private static let wholeFloats = 1 << 20
  /// From this many rows for each thread on, threads share out the rows, not the weight.
  private static let tallRows = 256

  /// From this many rows on a product is worth packing its operands for the tile registers.
  static let fewestTileRows = 9
  /// From this many rows on a product with quantised weights goes through words, where the processor multiplies them.
  static let fewestWordRows = 2
  /// Of so many rows, or a multiple, OpenBLAS gives each the same bytes, however many there are and wherever it stands:
  /// its kernels take 4, 8, 12, 16 or 48 rows together and round what is left over differently.
  private static let evenRows = 48

  /// Products on a pool of `threads` threads.
  /// - Parameter plain: OpenBLAS alone, also where there is something faster.
  /// - Throws: `BLASError` if OpenBLAS cannot be loaded.
  public init(threads: Int, plain: Bool = false) throws(BLASError) {
    blas = try OpenBLAS.loaded.get()
    pool = WorkerPool(threads: threads)
    isPlain = plain
    tiles = !plain && TileProducts.areAvailable ? TileProducts(pool: pool) : nil
    words = !plain && tiles == nil ? WordProducts(pool: pool) : nil
    lanes = !plain && tiles == nil ? LaneKernels() : nil
    keepsEveryDigit = plain
    scratch = (0..<pool.threads).map { _ in Matrix(rows: 1, columns: Self.scratchFloats) }
  }

  /// The same without anything that keeps fewer digits than float32 does.
  public var inSinglePrecision: Products {
    var copy = self
    copy.tiles = nil
    copy.words = nil
    copy.lanes = isPlain ? nil : LaneKernels()
    copy.keepsEveryDigit = true
    return copy
  }

  /// The same as on a processor without tile registers.
  package var withoutTiles: Products {
    var copy = inSinglePrecision
    copy.words = isPlain ? nil : WordProducts(pool: pool)
    copy.keepsEveryDigit = isPlain
    return copy
  }

  /// The same as on a processor without tile registers whose vectors have 256 bits.
  package var inNarrowVectors: Products {
    var copy = withoutTiles
    copy.words = isPlain ? nil : WordProducts(pool: pool, narrow: true)
    copy.lanes = isPlain ? nil : LaneKernels(narrow: true)
    copy.hasNarrowVectors = true
    return copy
  }

  /// Whether there are tile registers to multiply with.
  package var hasTiles: Bool { tiles != nil }

  /// Whether products of quantised weights go through words.
  package var hasWords: Bool { words != nil }

  /// Whether attention over many queries has kernels of its own.
  var hasAttention: Bool { tiles != nil || lanes != nil }

  /// Attention gives a query the same bytes wherever its keys are cut at multiples of so many positions; nil if it does
  /// not.
  public var attentionCutUnit: Int? { tiles != nil ? TileOperand.extent : lanes != nil ? 1 : nil }

  /// The same with kernels chosen by another scheme.
  public func choosing(by scheme: RowScheme) -> Products {
    var copy = self
    copy.scheme = scheme
    return copy
  }

  /// Whether sums must not depend on the rows beside them.
  private var isEven: Bool { scheme != .asTheyCome }

  /// Products whose rows do not depend on each other, where OpenBLAS's do: its kernels for vectors of 256 bits round a row
  /// by its place among others.
  private var laneProducts: LaneProducts? {
    guard isEven, let lanes, lanes.areNarrow else { return nil }
    return LaneProducts(kernels: lanes, pool: pool)
  }

  /// Whether a row's results depend on it alone where the scheme wants that, whatever OpenBLAS does.
  package var haveIndependentRows: Bool { tiles != nil || lanes?.areNarrow == true }

  /// The kernels that OpenBLAS runs, by the name of the processor they were written for.
  public var coreName: String { blas.coreName }

  /// C ← α · op(A) · op(B) + β · C.
  /// - Parameters:
  ///   - a: [m, k], or [k, m] if transposed.
  ///   - b: [k, n], or [n, k] if transposed.
  ///   - c: [m, n].
  public func multiply(
    _ a: MatrixView, _ b: MatrixView, transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1,
    beta: Float = 0, into c: MatrixView
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    let depth = transposeA ? a.rows : a.columns
    if isEven, !transposeA, tiles == nil, scheme.kernelRows(c.rows) > 1 {
      if let laneProducts, beta == 0 || beta == 1 {
        return laneProducts.multiply(a, b, transposeB: transposeB, alpha: alpha, accumulate: beta == 1, into: c)
      }
      return multiplyEvenly(a, b, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
    }
    if let tiles, beta == 0 || beta == 1, suitsTiles(c, depth: depth) {
      // Turning an operand round costs more than turning a result round, so it is done to the smaller one.
      if transposeA, !transposeB, c.columns < c.rows {
        let left = tiles.packed(b, linesAreRows: false, side: .left, scale: alpha)
        let right = tiles.packed(a, linesAreRows: false, side: .right)
        return tiles.multiply(left, right, accumulate: beta == 1, transposed: true, into: c)
      }
      let left = tiles.packed(a, linesAreRows: !transposeA, side: .left, scale: alpha)
      let right = tiles.packed(b, linesAreRows: transposeB, side: .right)
      return tiles.multiply(left, right, accumulate: beta == 1, into: c)
    }
    let pieces = pool.threads
    // Small products cost less than the wait for the other threads.
    if c.rows * c.columns * depth < 1 << 16 || pieces == 1 {
      blas.product(a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
    } else if c.rows >= c.columns {
      pool.run(pieces) { part, _ in
        let range = part * c.rows / pieces..<(part + 1) * c.rows / pieces
        guard !range.isEmpty else { return }
        let a = transposeA ? a.columns(range) : a.rows(range)
        blas.product(
          a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.rows(range))
      }
    } else {
      pool.run(pieces) { part, _ in
        let range = part * c.columns / pieces..<(part + 1) * c.columns / pieces
        guard !range.isEmpty else { return }
        let b = transposeB ? b.rows(range) : b.columns(range)
        blas.product(
          a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c.columns(range))
      }
    }
  }

  /// Whether a product is worth packing its operands; where sums must not depend on other rows, only the scheme counts.
  private func suitsTiles(_ c: MatrixView, depth: Int) -> Bool {
    if isEven { return scheme.kernelRows(c.rows) > 1 }
    return min(c.rows, c.columns) >= Self.fewestTileRows && c.rows * c.columns * depth >= 1 << 18
  }

  /// The same in pieces of a fixed number of rows, which OpenBLAS may take apart but for other reasons than their number.
  private func multiplyEvenly(
    _ a: MatrixView, _ b: MatrixView, transposeB: Bool, alpha: Float, beta: Float, into c: MatrixView
  ) {
    pool.run((c.rows + Self.evenRows - 1) / Self.evenRows) { part, _ in
      let rows = part * Self.evenRows..<min(c.rows, (part + 1) * Self.evenRows)
      Self.withEvenRows(a.rows(rows), c.rows(rows), keeping: beta != 0) { a, c in
        blas.product(a, b, transposeA: false, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
      }
    }
  }

  /// Calls `body` with a and c, or with copies that zeros fill up to a multiple of `evenRows`; c is copied back.
  private static func withEvenRows(
    _ a: MatrixView, _ c: MatrixView, keeping: Bool, _ body: (MatrixView, MatrixView) -> Void
  ) {
    let padded = (c.rows + evenRows - 1) / evenRows * evenRows
    guard padded != c.rows else { return body(a, c) }
    let left = Matrix(rows: padded, columns: a.columns)
    let result = Matrix(rows: padded, columns: c.columns)
    Elementwise.copy(a, into: left.view.rows(0..<a.rows))
    if keeping { Elementwise.copy(c, into: result.view.rows(0..<c.rows)) }
    body(left.view, result.view)
    Elementwise.copy(result.view.rows(0..<c.rows), into: c)
  }

  /// The same on the calling thread alone, for use inside a part of a parallel loop.
  public func multiplyHere(
    _ a: MatrixView, _ b: MatrixView, transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1,
    beta: Float = 0, into c: MatrixView
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    blas.product(a, b, transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta, into: c)
  }

  /// C ← A · op(B), for an A that other products have too.
  /// - Parameters:
  ///   - a: [m, k].
  ///   - b: [k, n], or [n, k] if transposed.
  ///   - c: [m, n].
  public func multiply(_ a: SharedRows, _ b: MatrixView, transposeB: Bool = false, alpha: Float = 1, into c: MatrixView)
  {
    if let tiles, suitsTiles(c, depth: a.view.columns) {
      let right = tiles.packed(b, linesAreRows: transposeB, side: .right, scale: alpha)
      return tiles.multiply(a.packed(.left, by: tiles), right, accumulate: false, into: c)
    }
    multiply(a.view, b, transposeB: transposeB, alpha: alpha, into: c)
  }

  /// The input of linear layers, made some rows at a time and packed while they are in the cache, never written as a whole.
  /// - Parameters:
  ///   - weights: the layers'.
  ///   - make: writes some of the rows, on any thread.
  /// - Returns: nil where a product wants the rows as they are.
  public func packedRows(
    _ rows: Int, for weights: [WeightMatrix], _ make: (_ rows: Range<Int>, _ target: MatrixView) -> Void
  ) -> SharedRows? {
    guard let columns = weights.first?.columns else { return nil }
    if let tiles, scheme.kernelRows(rows) >= Self.fewestTileRows {
      let side = TileProducts.inputSide(rows: rows)
      return SharedRows(tiles.packed(rows: rows, columns: columns, side: side, make), side: side)
    }
    guard let words, weights.allSatisfy({ self.words(for: $0, rows: rows) != nil }) else { return nil }
    return SharedRows(words.packed(rows: rows, columns: columns, make))
  }

  /// Products with narrow matrices, for low-rank updates of so many rows and such a rank whose columns are whole vectors;
  /// nil where products of any shape do better.
  public func narrow(rows: Int, rank: Int, columns: [Int]) -> NarrowProducts? {
    let fewest = words == nil ? Self.fewestTileRows : Self.fewestWordRows
    guard !isPlain, scheme.kernelRows(rows) >= fewest, rank <= NarrowProducts.largestRank,
      columns.allSatisfy({ $0 % 16 == 0 })
    else { return nil }
    return NarrowProducts(pool: pool)
  }

  /// Linear layer, forward, with a low-rank update: Y ← X · Wᵀ + s · N · Bᵀ.
  public func linear(_ x: SharedRows, _ weight: WeightMatrix, update: LowRankUpdate, into y: MatrixView) {
    if let tiles, scheme.kernelRows(x.rows) >= Self.fewestTileRows, update.b.columns <= TileOperand.extent {
      let input = x.packed(TileProducts.inputSide(rows: x.rows), by: tiles)
      return tiles.linear(input, weight, update: update, into: y)
    }
    if let words = words(for: weight, rows: x.rows) {
      return words.linear(x.packed(by: words), weight, update: update, into: y)
    }
    linear(x, weight, into: y)
    multiply(
      update.narrow.columns(0..<update.b.columns), update.b, transposeB: true, alpha: update.scale, beta: 1, into: y)
  }

  /// Products in words, for an input of so many rows and a weight that has them.
  func words(for weight: WeightMatrix, rows: Int) -> WordProducts? {
    scheme.kernelRows(rows) >= Self.fewestWordRows && WordProducts.suit(weight) ? words : nil
  }

  /// Linear layer, forward: Y ← X · Wᵀ.
  /// - Parameters:
  ///   - x: [n, in].
  ///   - weight: [out, in], widened a tile of rows at a time.
  ///   - y: [n, out].
  public func linear(_ x: SharedRows, _ weight: WeightMatrix, into y: MatrixView) {
    precondition(x.columns == weight.columns && y.columns == weight.rows && x.rows == y.rows)
    let kernelRows = scheme.kernelRows(x.rows)
    if let tiles, kernelRows >= Self.fewestTileRows {
      let input = x.packed(TileProducts.inputSide(rows: x.rows), by: tiles)
      return tiles.linear(input, weight, into: y)
    }
    if let words = words(for: weight, rows: x.rows) { return words.linear(x.packed(by: words), weight, into: y) }
    if !isPlain, x.view.rows > 0, kernelRows <= BlockProducts.mostRows {
      return BlockProducts.linear(
        x.view, [(weight, y)], isSingle: kernelRows == 1, inNarrowVectors: hasNarrowVectors,
        keepingEveryDigit: keepsEveryDigit, pool: pool)
    }
    guard isEven else { return linear(x.view, weight, into: y) }
    if let laneProducts {
      return laneProducts.linear(x.view, weight, into: y) { widened(weight, rows: $0, columns: $1, $2) }
    }
    Self.withEvenRows(x.view, y, keeping: false) { linear($0, weight, into: $1) }
  }

  private func linear(_ x: MatrixView, _ weight: WeightMatrix, into y: MatrixView) {
    precondition(x.columns == weight.columns && y.columns == weight.rows && x.rows == y.rows)
    guard x.rows > 0 else { return }
    if x.rows >= Self.tallRows * pool.threads, !isEven {
      return withWidened(weight) { range, rows in
        shared(x.rows) { part in
          blas.product(
            x.rows(part), rows, transposeA: false, transposeB: true, alpha: 1, beta: 0,
            into: y.rows(part).columns(range))
        }
      }
    }
    // Sixteen rows of a tile must fit: longer rows are taken a stretch at a time.
    let stretch = min(weight.columns, Self.scratchFloats / 16)
    let fitting = max(16, Self.scratchFloats / stretch / 16 * 16)
    let tile = min(fitting, max(isEven ? 32 : 16, (weight.rows + pool.threads - 1) / pool.threads))
    let tiles = (weight.rows + tile - 1) / tile
    pool.run(tiles) { part, worker in
      let range = part * tile..<min(weight.rows, (part + 1) * tile)
      for start in stride(from: 0, to: weight.columns, by: stretch) {
        let columns = start..<min(weight.columns, start + stretch)
        let stretch = widened(weight, rows: range, columns: columns, worker)
        for rows in evenPieces(y.rows, columns: range.count) {
          blas.product(
            x.rows(rows).columns(columns), stretch, transposeA: false, transposeB: true, alpha: 1,
            beta: start == 0 ? 0 : 1, into: y.rows(rows).columns(range))
        }
      }
    }
  }

  /// The rows of a product with few columns in pieces of the same size, where sums must not depend on other rows:
  /// OpenBLAS has kernels of its own for small results. Otherwise all rows.
  private func evenPieces(_ rows: Int, columns: Int) -> [Range<Int>] {
    guard isEven, columns < 32 else { return [0..<rows] }
    return stride(from: 0, to: rows, by: Self.evenRows).map { $0..<min(rows, $0 + Self.evenRows) }
  }

  /// Linear layer, backward to its input: dX ← dY · W, or dX + dY · W.
  /// - Parameters:
  ///   - dy: [n, out].
  ///   - weight: [out, in].
  ///   - adding: whether dX is added to; otherwise it is overwritten.
  ///   - dx: [n, in].
  public func linearBackward(_ dy: SharedRows, _ weight: WeightMatrix, adding: Bool = true, into dx: MatrixView) {
    precondition(dx.columns == weight.columns && dy.view.columns == weight.rows && dx.rows == dy.view.rows)
    if let tiles, dx.rows >= Self.fewestTileRows {
      return tiles.linearBackward(dy.packed(.left, by: tiles), weight, accumulate: adding, into: dx)
    }
    if let words, dx.rows > BlockProducts.mostRows, WordProducts.suitTransposed(weight) {
      return words.linearBackward(dy.packed(by: words), rows: dy.view, weight, accumulate: adding, into: dx)
    }
    if !adding {
      pool.ranges(dx.rows) { rows, _ in for row in rows { dx.row(row).update(repeating: 0, count: dx.columns) } }
    }
    linearBackward(dy.view, weight, addingTo: dx)
  }

  private func linearBackward(_ dy: MatrixView, _ weight: WeightMatrix, addingTo dx: MatrixView) {
    precondition(dx.columns == weight.columns && dy.columns == weight.rows && dx.rows == dy.rows)
    guard dx.rows > 0 else { return }
    if dx.rows >= Self.tallRows * pool.threads {
      return withWidened(weight) { range, rows in
        shared(dx.rows) { part in
          blas.product(
            dy.rows(part).columns(range), rows, transposeA: false, transposeB: false, alpha: 1, beta: 1,
            into: dx.rows(part))
        }
      }
    }
    // Each part owns a range of input columns, so that no two threads add to the same place; a row of it must fit
    // into the scratch memory.
    let unit = weight.format.runLength
    let runs = weight.columns / unit
    let pieces = max(1, min(max(pool.threads, 2 * weight.columns / Self.scratchFloats), runs))
    pool.run(pieces) { part, worker in
      let columns = part * runs / pieces * unit..<(part + 1) * runs / pieces * unit
      let tile = max(1, Self.scratchFloats / max(1, columns.count))
      var start = 0
      while start < weight.rows {
        let range = start..<min(weight.rows, start + tile)
        blas.product(
          dy.columns(range), widened(weight, rows: range, columns: columns, worker), transposeA: false,
          transposeB: false, alpha: 1, beta: 1, into: dx.columns(columns))
        start = range.upperBound
      }
    }
  }

  /// Calls `body` with stretches of a weight's rows in float32, widened by all threads for all of them.
  ///
  /// With many rows on the other side this beats a tile for each thread: OpenBLAS then packs each side once.
  private func withWidened(_ weight: WeightMatrix, _ body: (_ range: Range<Int>, _ rows: MatrixView) -> Void) {
    if let plain = weight.plainView { return body(0..<weight.rows, plain) }
    let stretch = max(1, min(weight.rows, Self.wholeFloats / weight.columns))
    let memory = Matrix(uninitializedRows: stretch, columns: weight.columns)
    for start in stride(from: 0, to: weight.rows, by: stretch) {
      let range = start..<min(weight.rows, start + stretch)
      pool.ranges(range.count, minimum: 16) { part, _ in
        weight.widen(
          rows: start + part.lowerBound..<start + part.upperBound, columns: 0..<weight.columns,
          into: memory.view.row(part.lowerBound))
      }
      body(range, memory.view.rows(0..<range.count))
    }
  }

  /// Runs `body` on nearly equal ranges, one for each thread.
  private func shared(_ count: Int, _ body: (Range<Int>) -> Void) {
    let pieces = pool.threads
    pool.run(pieces) { part, _ in
      let range = part * count / pieces..<(part + 1) * count / pieces
      if !range.isEmpty { body(range) }
    }
  }

  private func widened(_ weight: WeightMatrix, rows: Range<Int>, columns: Range<Int>, _ worker: Int) -> MatrixView {
    if let plain = weight.plainView { return plain.rows(rows).columns(columns) }
    let target = scratch[worker].view.base
    weight.widen(rows: rows, columns: columns, into: target)
    return MatrixView(base: target, rows: rows.count, columns: columns.count, stride: columns.count)
  }
}
