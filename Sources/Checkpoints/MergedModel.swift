import Kernels
import Records
import Synchronization
import Tensors

/// A model's weights with an adapter's update added: W + s·B·A for each adapted projection.
///
/// Nothing is held in memory but the tile that is being written.
public struct MergedModel: Sendable {
  /// The model.
  public let checkpoint: ModelCheckpoint
  /// The adapter; without one the weights are only converted.
  public let adapter: Adapter?
  private let products: Products

  /// Values of a tile: 16 MiB of float32.
  private static let tileValues = 1 << 22

  /// A merged model from its parts; the adapter must have been read for this model.
  public init(checkpoint: ModelCheckpoint, adapter: Adapter?, products: Products) {
    self.checkpoint = checkpoint
    self.adapter = adapter
    self.products = products
  }

  /// A tensor of the file to be.
  private struct Source {
    let name: String
    let shape: [Int]
    let weight: WeightMatrix
    let update: LowRankPair?

    var count: Int { shape.reduce(1, *) }
  }

  /// Writes model.safetensors: the header first, then tensor by tensor.
  /// - Parameter progress: called after each tensor with how many are written and how many there are.
  /// - Throws: `FileError`, or `CheckpointError` naming a tensor with a value that the type cannot hold.
  public func write(
    to path: String, as type: WeightType, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  )
    throws
  {
    let sources = sources
    let file = try AtomicFile(path: path)
    try file.append(Self.header(sources, type))
    let columns = sources.map { $0.weight.columns }.max() ?? 1
    let scratch = Matrix(rows: 1, columns: max(columns, Self.tileValues))
    var bytes = [UInt8](repeating: 0, count: scratch.columns * type.elementType.byteCount)
    for (index, source) in sources.enumerated() {
      let tile = max(1, scratch.columns / source.weight.columns)
      for start in stride(from: 0, to: source.weight.rows, by: tile) {
        let rows = start..<min(source.weight.rows, start + tile)
        let window = MatrixView(
          base: scratch.view.base, rows: rows.count, columns: source.weight.columns, stride: source.weight.columns,
          owner: scratch)
        compute(source, rows, into: window)
        let fits = try bytes.withUnsafeMutableBytes { buffer in
          let fits = narrow(window, to: type, into: buffer)
          let length = window.rows * window.columns * type.elementType.byteCount
          try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<length]))
          return fits
        }
        guard fits else {
          throw CheckpointError(
            checkpoint.path,
            "the tensor \(source.name) has values too large for \(type.rawValue); --type bf16 or f32 holds them")
        }
      }
      progress(index + 1, sources.count)
    }
    try file.commit()
  }

  /// Rows of W + s·B·A.
  private func compute(_ source: Source, _ rows: Range<Int>, into window: MatrixView) {
    products.pool.ranges(rows.count, minimum: 8) { range, _ in
      let part = rows.lowerBound + range.lowerBound..<rows.lowerBound + range.upperBound
      source.weight.widen(rows: part, columns: 0..<window.columns, into: window.row(range.lowerBound))
    }
    guard let update = source.update else { return }
    products.multiply(update.b.view.rows(rows), update.a.view, alpha: update.scale, beta: 1, into: window)
  }

  private func narrow(_ window: MatrixView, to type: WeightType, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard let base = buffer.baseAddress else { return true }
    nonisolated(unsafe) let target = base
    let overflowed = Atomic<Bool>(false)
    let rowBytes = window.columns * type.elementType.byteCount
    products.pool.ranges(window.rows, minimum: 8) { range, _ in
      let bad = Narrowing.narrow(
        window.row(range.lowerBound), count: range.count * window.columns, to: type,
        into: target + range.lowerBound * rowBytes)
      if bad { overflowed.store(true, ordering: .relaxed) }
    }
    return !overflowed.load(ordering: .relaxed)
  }

  // MARK: Layout

  private var sources: [Source] {
    func matrix(_ name: String, _ weight: WeightMatrix, _ update: LowRankPair? = nil) -> Source {
      Source(name: name, shape: [weight.rows, weight.columns], weight: weight, update: update)
    }
    func vector(_ name: String, _ values: [Float]) -> Source {
      let weight = WeightMatrix(Matrix(rows: 1, columns: values.count, values))
      return Source(name: name, shape: [values.count], weight: weight, update: nil)
    }
    // The family's files may leave something out of a norm's weight.
    let rules = checkpoint.configuration.family.rules
    func norm(_ name: String, _ values: [Float]) -> Source {
      vector(name, rules.normOffset == 0 ? values : values.map { $0 - rules.normOffset })
    }
    var sources = [matrix("model.embed_tokens.weight", checkpoint.embedding)]
    for (index, layer) in checkpoint.layers.enumerated() {
      for projection in Projection.allCases {
        let weight = projection.tensorName(layer: index, "weight")
        sources.append(matrix(weight, layer[projection], adapter?.layers[index][projection]))
        if let bias = layer.bias(of: projection) {
          sources.append(vector(projection.tensorName(layer: index, "bias"), bias))
        }
      }
      for kind in LayerNorm.allCases {
        guard let weight = layer.weight(of: kind) else { continue }
        sources.append(norm(rules.tensorName(layer: index, norm: kind), weight))
      }
    }
    sources.append(norm("model.norm.weight", checkpoint.finalNorm))
    if !checkpoint.configuration.tiedHead { sources.append(matrix("lm_head.weight", checkpoint.head)) }
    return sources
  }

  /// The length and the header of the file, padded with spaces to a multiple of eight bytes.
  private static func header(_ sources: [Source], _ type: WeightType) -> [UInt8] {
    var members = [JSON.Member("__metadata__", .object(["format": .string("pt")]))]
    var end = 0
    for source in sources {
      let start = end
      end += source.count * type.elementType.byteCount
      members.append(
        JSON.Member(
          source.name,
          .object([
            "dtype": .string(type.elementType.rawValue), "shape": .array(source.shape.map(JSON.integer)),
            "data_offsets": .array([.integer(start), .integer(end)]),
          ])))
    }
    var header = JSON.object(members).encoded
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
  }
}
