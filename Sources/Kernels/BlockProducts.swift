/// Linear layers of a few rows, straight from the stored blocks: each weight is read once and used for all rows.
///
/// With few rows a product is bound by reading the weights. A block's minimum meets the sum of the block's inputs, so
/// that a stored value costs little more than its unpacking.
enum BlockProducts {
  /// From more rows on, widening once for a matrix product is faster.
  static let mostRows = 15

  /// Weights of a part, at least: fewer cost less than the wait for another thread.
  private static let smallestPart = 1 << 14

  /// Y ← X · Wᵀ. x: [n, in], n ≥ 1; weight: [out, in]; y: [n, out].
  static func linear(_ x: MatrixView, _ weight: WeightMatrix, into y: MatrixView, pool: WorkerPool) {
    switch weight.format {
    case .f32: linear(SingleBlock.self, x, weight, into: y, pool: pool)
    case .f16: linear(HalfBlock.self, x, weight, into: y, pool: pool)
    case .bf16: linear(BrainBlock.self, x, weight, into: y, pool: pool)
    case .q8_0: linear(SignedByteBlock.self, x, weight, into: y, pool: pool)
    case .q4_0: linear(NibbleBlock.self, x, weight, into: y, pool: pool)
    case .q4_1: linear(NibbleMinimumBlock.self, x, weight, into: y, pool: pool)
    }
  }

  private static func linear<Block: StoredBlock>(
    _: Block.Type, _ x: MatrixView, _ weight: WeightMatrix, into y: MatrixView, pool: WorkerPool
  ) {
    let tiles = (weight.rows + BlockTile<Block>.height - 1) / BlockTile<Block>.height
    let parts = max(1, min(pool.threads * 2, tiles, weight.rows * weight.columns / smallestPart))
    BlockInputs.withArranged(Block.self, x) { inputs in
      pool.run(parts) { part, _ in
        let height = BlockTile<Block>.height
        let range = part * tiles / parts * height..<min(weight.rows, (part + 1) * tiles / parts * height)
        withUnsafeTemporaryAllocation(
          byteCount: BlockTile<Block>.scratchBytes(blocks: inputs.blocks), alignment: 64
        ) { memory in
          guard let scratch = memory.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
          BlockTile<Block>(inputs: inputs, weight: weight, y: y, factors: scratch).run(range)
        }
      }
    }
  }
}

/// Rows of x in the order in which a format's blocks are unpacked.
struct BlockInputs {
  /// The rows as they came.
  let x: MatrixView
  /// Whole runs of 32 columns.
  let blocks: Int
  /// The same, filled up to whole vectors.
  let padded: Int
  /// Where `ByteOrder.rotation` lies, the inputs behind it.
  private let memory: UnsafeMutableRawPointer
  private var values: UnsafeMutablePointer<Float> { (memory + 64).assumingMemoryBound(to: Float.self) }

  /// `ByteOrder.rotation`, as the compiler must see it.
  var rotation: SIMD16<UInt32> { memory.load(as: SIMD16<UInt32>.self) }

  /// Arranged inputs of the whole blocks of a row.
  func row(_ row: Int) -> UnsafeMutablePointer<Float> { values + row * (blocks * 32 + padded) }

  /// Σ x of each block of a row, zeros behind.
  func sums(_ row: Int) -> UnsafeMutablePointer<Float> { self.row(row) + blocks * 32 }

  static func withArranged<Block: StoredBlock>(_: Block.Type, _ x: MatrixView, _ body: (BlockInputs) -> Void) {
    let blocks = x.columns / 32
    let padded = (blocks + 15) / 16 * 16
    let bytes = 64 + x.rows * (blocks * 32 + padded) * MemoryLayout<Float>.stride
    withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { memory in
      guard let memory = memory.baseAddress else { return }
      memory.storeBytes(of: ByteOrder.rotation, as: SIMD16<UInt32>.self)
      let inputs = BlockInputs(x: x, blocks: blocks, padded: padded, memory: memory)
      for row in 0..<x.rows {
        let source = x.row(row)
        let target = inputs.row(row)
        let sums = inputs.sums(row)
        for block in 0..<blocks {
          let (low, high) = (VectorMath.load(source + block * 32), VectorMath.load(source + block * 32 + 16))
          let arranged = Block.arranged(low, high)
          VectorMath.store(arranged.0, target + block * 32)
          VectorMath.store(arranged.1, target + block * 32 + 16)
          if Block.hasFactors { sums[block] = VectorMath.sum(low + high) }
        }
        (sums + blocks).update(repeating: 0, count: padded - blocks)
      }
      body(inputs)
    }
  }
}
