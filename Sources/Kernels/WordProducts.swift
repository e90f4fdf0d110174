import CKernels

/// Matrix products of many rows with quantised weights in 16-bit integers, on processors that multiply pairs of words
/// (AVX2, better with AVX-VNNI, or AVX-512 with VNNI) and have no tile registers: up to twice as fast as float32.
///
/// Rounding: an input counts to 2⁻¹⁶ of the largest of its 32 neighbours that are left in words, a weight as it is stored.
/// Log-probabilities come out 6e-5 from float32's on average (pipelines/bench/findings/avx2.md).
struct WordProducts: Sendable {
  private let pool: WorkerPool
  private let kernels: words_kernels
  /// One for each worker: packed weights.
  private let panels: [Matrix]

  /// Bytes of packed weights at a time: within the second-level cache, beside what streams past them.
  private static let panelBytes = 256 << 10
  /// Panels of inputs that are made at a time, at most.
  private static let madePanels = 4
  /// Columns, in runs, whose gradients a worker sums at a time.
  private static let columnRuns = 8
  private static let run = WordOperand.run
  private static let recordBytes = Int(words_weight_bytes)

  /// Products on a pool; nil where the processor lacks the instructions.
  /// - Parameter narrow: whether vectors of 256 bits are taken even where there are wider ones.
  init?(pool: WorkerPool, narrow: Bool = false) {
    guard let kernels = (narrow ? nil : words_wide()) ?? words_half() else { return nil }
    self.pool = pool
    self.kernels = kernels.pointee
    panels = (0..<pool.threads).map { _ in
      Matrix(uninitializedRows: 1, columns: MatrixMemory.hugePage / MemoryLayout<Float>.stride)
    }
  }

  /// Whether a weight's products can be computed so, forward.
  static func suit(_ weight: WeightMatrix) -> Bool {
    StoredWords(weight) != nil && weight.columns / run * recordBytes <= MatrixMemory.hugePage
  }

  /// Whether the products with its transpose can.
  static func suitTransposed(_ weight: WeightMatrix) -> Bool {
    weight.rows % run == 0 && StoredWords(weight).map { $0.beside != words_second_scales } ?? false
  }

  /// Packs rows.
  func packed(_ x: MatrixView) -> WordOperand {
    let operand = WordOperand(rows: x.rows, columns: x.columns)
    pool.ranges(operand.panels) { range, _ in
      for panel in range { operand.pack(panel: panel, x.rows(operand.rows(of: panel)), by: kernels) }
    }
    return operand
  }

  /// Packs rows that are made a few panels at a time.
  func packed(
    rows: Int, columns: Int, _ make: (_ rows: Range<Int>, _ target: MatrixView) -> Void
  ) -> WordOperand {
    let operand = WordOperand(rows: rows, columns: columns)
    let height = WordOperand.height * max(1, min(Self.madePanels, operand.panels / pool.threads))
    let scratch = (0..<pool.threads).map { _ in Matrix(uninitializedRows: height, columns: columns) }
    pool.run((rows + height - 1) / height) { part, worker in
      let range = part * height..<min(rows, (part + 1) * height)
      let made = scratch[worker].view.rows(0..<range.count)
      make(range, made)
      for panel in range.lowerBound / WordOperand.height..<(range.upperBound - 1) / WordOperand.height + 1 {
        let own = operand.rows(of: panel)
        operand.pack(
          panel: panel, made.rows(own.lowerBound - range.lowerBound..<own.upperBound - range.lowerBound), by: kernels)
      }
    }
    return operand
  }

  /// Y ← X · Wᵀ, or X · Wᵀ + s · N · Bᵀ.
  /// - Parameters:
  ///   - x: [n, in], packed.
  ///   - weight: [out, in], which `suit` has said yes to.
  ///   - y: [n, out].
  func linear(_ x: WordOperand, _ weight: WeightMatrix, update: LowRankUpdate? = nil, into y: MatrixView) {
    guard let stored = StoredWords(weight) else { return }
    let run = Self.run
    let count = (weight.rows + run - 1) / run
    let bytes = x.runs * Self.recordBytes
    let rank = update?.b.columns ?? 0
    pool.panels(count, fitting: max(1, Self.panelBytes / bytes), lines: x.panels) { part, lines, worker in
      let packed = UnsafeMutableRawPointer(panels[worker].view.base)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, part.count * rank * run)) { factors in
        for (index, panel) in part.enumerated() {
          let rows = panel * run..<min(weight.rows, (panel + 1) * run)
          stored.pack(rows, by: kernels, into: packed + index * bytes)
          if let update, let factor = factors.baseAddress {
            Self.transpose(update.b.rows(rows), scale: update.scale, into: factor + index * run * rank)
          }
        }
        for line in lines {
          let rows = x.rows(of: line)
          for (index, panel) in part.enumerated() {
            let columns = panel * run..<min(weight.rows, (panel + 1) * run)
            var more = words_update(
              narrow: update?.narrow.row(rows.lowerBound), narrow_stride: update?.narrow.stride ?? 0, depth: rank,
              factor: factors.baseAddress.map { $0 + index * run * rank })
            var ahead = x.ahead(of: line, in: lines, runs: 0..<x.runs, product: index, of: part.count)
            var result = result(y, rows, columns)
            kernels.multiply(x.panel(line), packed + index * bytes, x.runs, stored.beside, &more, &ahead, &result)
          }
        }
      }
    }
  }

  /// Up to 32 rows of a factor as columns, [rank, 32], zeros beyond them.
  private static func transpose(_ b: MatrixView, scale: Float, into target: UnsafeMutablePointer<Float>) {
    target.update(repeating: 0, count: b.columns * run)
    for row in 0..<b.rows {
      let source = b.row(row)
      for k in 0..<b.columns { target[k * run + row] = source[k] * scale }
    }
  }

  private func result(_ y: MatrixView, _ rows: Range<Int>, _ columns: Range<Int>) -> words_result {
    words_result(
      base: y.row(rows.lowerBound) + columns.lowerBound, stride: y.stride, rows: rows.count, columns: columns.count)
  }

  /// dX ← dY · W, added to dX if asked.
  /// - Parameters:
  ///   - dy: [n, out], packed.
  ///   - rows: the same rows as they are.
  ///   - weight: [out, in], which `suitTransposed` has said yes to.
  ///   - dx: [n, in].
  func linearBackward(
    _ dy: WordOperand, rows: MatrixView, _ weight: WeightMatrix, accumulate: Bool, into dx: MatrixView
  ) {
    guard let stored = StoredWords(weight) else { return }
    let run = Self.run
    let count = weight.columns / run
    let offsets = stored.beside == words_minima ? offsets(rows, stored) : nil
    let stretches = stretches(of: dy.runs)
    let bytes = (stretches.first?.count ?? 0) * Self.recordBytes
    let fitting = min(Self.columnRuns, max(1, Self.panelBytes / max(1, bytes)))
    // Each part owns input columns of some rows, so that no two threads add to the same place.
    pool.panels(count, fitting: fitting, lines: dy.panels) { part, lines, worker in
      let packed = UnsafeMutableRawPointer(panels[worker].view.base)
      for stretch in stretches {
        for (place, block) in stretch.enumerated() {
          stored.packTransposed(
            block * run..<(block + 1) * run, runs: part, by: kernels, into: packed + place * Self.recordBytes,
            stride: bytes)
        }
        let isFirst = stretch.lowerBound == 0
        for line in lines {
          let rows = dy.rows(of: line)
          for (index, column) in part.enumerated() {
            var runs = words_runs(first: stretch.lowerBound, count: stretch.count, all: dy.runs)
            var ahead = dy.ahead(of: line, in: lines, runs: stretch, product: index, of: part.count)
            var result = result(dx, rows, column * run..<(column + 1) * run)
            kernels.multiply_transposed(
              dy.panel(line), packed + index * bytes, &runs,
              isFirst ? offsets.map { UnsafePointer($0.view.row(rows.lowerBound) + column) } : nil,
              offsets?.columns ?? 0, accumulate || !isFirst, &ahead, &result)
          }
        }
      }
    }
  }

  /// What the minima of a weight make of each row, [n, p]: a number for each of its runs, p of them or more.
  private func offsets(_ dy: MatrixView, _ stored: StoredWords) -> Matrix {
    let run = Self.run
    let minima = Matrix(rows: stored.weight.rows, columns: NarrowProducts.columns(rank: stored.weight.columns / run))
    pool.run(stored.weight.rows / run) { block, _ in
      stored.minima(block * run..<(block + 1) * run, by: kernels, into: minima.view)
    }
    let result = Matrix(uninitializedRows: dy.rows, columns: minima.columns)
    NarrowProducts(pool: pool).project(dy, minima.view, into: result.view)
    return result
  }

  /// Stretches of depth whose packed weights fit, as equal as they can be; the first is the longest.
  private func stretches(of runs: Int) -> [Range<Int>] {
    let most = max(1, Self.panelBytes / Self.recordBytes)
    let count = (runs + most - 1) / most
    guard count > 0 else { return [] }
    let length = (runs + count - 1) / count
    return stride(from: 0, to: runs, by: length).map { $0..<min(runs, $0 + length) }
  }
}
