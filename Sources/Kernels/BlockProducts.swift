/// Linear layers of a few rows, straight from the stored blocks: each weight is read once and used for all rows.
///
/// With few rows a product is bound by reading the weights and unpacking them.
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
      let tile = BlockTile<Block>(inputs: inputs, weight: weight, y: y)
      pool.run(parts) { part, _ in
        let height = BlockTile<Block>.height
        tile.run(part * tiles / parts * height..<min(weight.rows, (part + 1) * tiles / parts * height))
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
  /// `ByteOrder.rotation`, the arranged rows behind it.
  private let memory: UnsafeMutableRawPointer

  /// `ByteOrder.rotation`, from memory.
  var rotation: SIMD16<UInt32> { memory.load(as: SIMD16<UInt32>.self) }

  /// Arranged inputs of the whole blocks of a row.
  func row(_ row: Int) -> UnsafeMutablePointer<Float> {
    (memory + 64).assumingMemoryBound(to: Float.self) + row * blocks * 32
  }

  static func withArranged<Block: StoredBlock>(_: Block.Type, _ x: MatrixView, _ body: (BlockInputs) -> Void) {
    let blocks = x.columns / 32
    let bytes = 64 + x.rows * blocks * 32 * MemoryLayout<Float>.stride
    withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { memory in
      guard let memory = memory.baseAddress else { return }
      memory.storeBytes(of: ByteOrder.rotation, as: SIMD16<UInt32>.self)
      let inputs = BlockInputs(x: x, blocks: blocks, memory: memory)
      for row in 0..<x.rows {
        let source = x.row(row)
        let target = inputs.row(row)
        for block in 0..<blocks {
          let place = block * 32
          let arranged = Block.arranged(VectorMath.load(source + place), VectorMath.load(source + place + 16))
          VectorMath.store(arranged.0, target + place)
          VectorMath.store(arranged.1, target + place + 16)
        }
      }
      body(inputs)
    }
  }
}
