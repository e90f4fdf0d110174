/// Linear layers of a few rows, straight from the stored blocks: each weight is read once and used for all rows.
///
/// With few rows a product is bound by reading the weights and unpacking them.
enum BlockProducts {
  /// From more rows on, widening once for a matrix product is faster.
  static let mostRows = 15

  /// Weights of a piece, at least: fewer cost less than the wait for another thread.
  private static let smallestPiece = 1 << 14
  /// And at most: what is asked for ahead is then seldom another thread's, and no thread waits long for the last piece.
  private static let largestPiece = 1 << 16

  /// Y ← X · Wᵀ for layers with one input, whose weights have one format or come as a single row's `IntegerProducts` take
  /// them: they wait for the threads once.
  /// - Parameters:
  ///   - x: [n, in], n ≥ 1.
  ///   - layers: weights [out, in], outputs [n, out].
  ///   - isSingle: whether the kernels for one row may be taken, if there is only one: they round differently.
  ///   - inNarrowVectors: whether these are those for vectors of 256 bits even where there are wider ones.
  ///   - keepingEveryDigit: whether nothing is rounded to fewer digits than float32 has.
  static func linear(
    _ x: MatrixView, _ layers: [(weight: WeightMatrix, y: MatrixView)], isSingle: Bool, inNarrowVectors: Bool,
    keepingEveryDigit: Bool, pool: WorkerPool
  ) {
    if isSingle, x.rows == 1, let integers = IntegerProducts(layers, inNarrowVectors: inNarrowVectors) {
      integers.linear(x, layers, keepingEveryDigit: keepingEveryDigit, pool: pool)
      return
    }
    func linear<Block: StoredBlock>(
      _ block: Block.Type, _ x: MatrixView, _ layers: [(weight: WeightMatrix, y: MatrixView)], pool: WorkerPool
    ) { Self.linear(block, x, layers, isSingle: isSingle, pool: pool) }
    switch layers.first?.weight.format {
    case .f32: linear(SingleBlock.self, x, layers, pool: pool)
    case .f16: linear(HalfBlock.self, x, layers, pool: pool)
    case .bf16: linear(BrainBlock.self, x, layers, pool: pool)
    case .q8_0: linear(SignedByteBlock.self, x, layers, pool: pool)
    case .q4_0: linear(NibbleBlock.self, x, layers, pool: pool)
    case .q4_1: linear(NibbleMinimumBlock.self, x, layers, pool: pool)
    case .q5_0: linear(FiveBitBlock.self, x, layers, pool: pool)
    case .q5_1: linear(FiveBitMinimumBlock.self, x, layers, pool: pool)
    case .q2_k: linear(TwoBitSuperBlock.self, x, layers, pool: pool)
    case .q3_k: linear(ThreeBitSuperBlock.self, x, layers, pool: pool)
    case .q4_k: linear(FourBitSuperBlock.self, x, layers, pool: pool)
    case .q5_k: linear(FiveBitSuperBlock.self, x, layers, pool: pool)
    case .q6_k: linear(SixBitSuperBlock.self, x, layers, pool: pool)
    case nil: return
    }
  }

  private static func linear<Block: StoredBlock>(
    _: Block.Type, _ x: MatrixView, _ layers: [(weight: WeightMatrix, y: MatrixView)], isSingle: Bool,
    pool: WorkerPool
  ) {
    BlockInputs.withArranged(Block.self, x) { inputs in
      let tiles = layers.map { BlockTile<Block>(inputs: inputs, weight: $0.weight, y: $0.y, isSingle: isSingle) }
      share(layers, height: BlockTile<Block>.height, pool: pool) { layer, rows in tiles[layer].run(rows) }
    }
  }

  /// Spreads the rows of several layers' weights over the threads.
  /// - Parameters:
  ///   - height: rows that are taken together.
  ///   - run: does some rows, the first of which is a multiple of `height`, of the layer at an index.
  static func share(
    _ layers: [(weight: WeightMatrix, y: MatrixView)], height: Int, pool: WorkerPool,
    run: (_ layer: Int, _ rows: Range<Int>) -> Void
  ) {
    let counts = layers.map { ($0.weight.rows + height - 1) / height }
    let count = counts.reduce(0, +)
    let columns = layers.first?.weight.columns ?? 0
    let tile = max(1, height * columns)
    let weights = max(smallestPiece, min(largestPiece, count * tile / (2 * pool.threads)))
    pool.stretches(count, piece: max(1, weights / tile)) { piece in
      // The piece's tiles of all layers' tiles, one layer after the other.
      var (start, end) = (piece.lowerBound, piece.upperBound)
      for (layer, count) in counts.enumerated() {
        if start < count { run(layer, max(0, start) * height..<min(layers[layer].weight.rows, end * height)) }
        start -= count
        end -= count
        if end <= 0 { return }
      }
    }
  }
}

extension Products {
  /// Linear layers with the same input, forward: Y ← X · Wᵀ for each.
  /// - Parameters:
  ///   - x: [n, in].
  ///   - layers: weights [out, in] and where their outputs [n, out] go.
  public func linear(_ x: SharedRows, _ layers: [(weight: WeightMatrix, y: MatrixView)]) {
    let rows = x.rows
    guard let format = layers.first?.weight.format, rows > 0 else { return }
    let kernelRows = scheme.kernelRows(rows)
    let haveOneFormat = layers.allSatisfy { $0.weight.format == format }
    let areIntegers = rows == 1 && kernelRows == 1 && IntegerProducts(layers, inNarrowVectors: hasNarrowVectors) != nil
    guard !isPlain, kernelRows <= BlockProducts.mostRows, tiles == nil || kernelRows < Self.fewestTileRows,
      haveOneFormat || areIntegers, layers.allSatisfy({ words(for: $0.weight, rows: rows) == nil })
    else {
      for layer in layers { linear(x, layer.weight, into: layer.y) }
      return
    }
    for layer in layers {
      precondition(x.columns == layer.weight.columns && layer.y.columns == layer.weight.rows)
      precondition(rows == layer.y.rows)
    }
    BlockProducts.linear(
      x.view, layers, isSingle: kernelRows == 1, inNarrowVectors: hasNarrowVectors,
      keepingEveryDigit: keepsEveryDigit, pool: pool)
  }
}

/// Rows of x in the order in which a format's blocks are unpacked.
struct BlockInputs {
  /// The rows as they came.
  let x: MatrixView
  /// Whole runs of 32 columns.
  let runs: Int
  private let memory: UnsafeMutablePointer<Float>

  /// Arranged inputs of the whole runs of a row.
  func row(_ row: Int) -> UnsafeMutablePointer<Float> { memory + row * runs * 32 }

  static func withArranged<Block: StoredBlock>(_: Block.Type, _ x: MatrixView, _ body: (BlockInputs) -> Void) {
    let runs = x.columns / 32
    let bytes = max(1, x.rows * runs) * 32 * MemoryLayout<Float>.stride
    withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { memory in
      guard let memory = memory.bindMemory(to: Float.self).baseAddress else { return }
      let inputs = BlockInputs(x: x, runs: runs, memory: memory)
      for row in 0..<x.rows {
        let source = x.row(row)
        let target = inputs.row(row)
        for run in 0..<runs {
          let place = run * 32
          let arranged = Block.arranged(VectorMath.load(source + place), VectorMath.load(source + place + 16))
          VectorMath.store(arranged.0, target + place)
          VectorMath.store(arranged.1, target + place + 16)
        }
      }
      body(inputs)
    }
  }
}
