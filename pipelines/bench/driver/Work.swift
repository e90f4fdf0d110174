/// Floating-point operations that a job cannot do without, a multiplication and an addition counting as two. Only
/// products are counted: what norms, activations and softmax take is overhead, and so is anything computed twice.
struct Work {
  let shape: ModelShape

  /// Rows of sequences whose shared prefixes are computed once.
  struct Rows {
    /// Different prefixes of all sequences.
    var count = 0
    /// The places of each sequence that no other has computed.
    private var places: [Range<Int>] = []

    init(_ sequences: [[Int32]], sharing: Bool = true) {
      var previous: [Int32] = []
      for sequence in sequences.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        let shared = sharing ? zip(previous, sequence).prefix { $0 == $1 }.count : 0
        count += sequence.count - shared
        places.append(shared..<sequence.count)
        previous = sequence
      }
    }

    /// Tokens that these rows attend to, themselves included, summed up.
    /// - Parameter window: as many at most for each; nil for all before it.
    func pairs(window: Int?) -> Int {
      func pairs(of length: Int) -> Int {
        let seen = min(length, window ?? length)
        return seen * (seen + 1) / 2 + (length - seen) * seen
      }
      return places.reduce(0) { $0 + pairs(of: $1.upperBound) - pairs(of: $1.lowerBound) }
    }
  }

  private var attentionWidth: Double { Double(shape.heads * shape.headDimension) }
  private var keyWidth: Double { Double(shape.keyHeads * shape.headDimension) }
  private var hidden: Double { Double(shape.hidden) }
  private var intermediate: Double { Double(shape.intermediate) }
  private var layers: Double { Double(shape.layers) }

  /// Weights of one layer's linear maps.
  private var layerWeights: Double {
    2 * hidden * attentionWidth + 2 * hidden * keyWidth + 3 * hidden * intermediate
  }

  /// Attention of each layer, forward.
  private func attention(_ rows: Rows) -> [Double] {
    shape.windows.map { 4 * attentionWidth * Double(rows.pairs(window: $0)) }
  }

  /// Forward pass of rows, and the logits at targets.
  func forward(_ rows: Rows, targets: Int) -> Double {
    let linear = 2 * layerWeights * layers * Double(rows.count)
    return linear + attention(rows).reduce(0, +) + 2 * hidden * Double(shape.vocabulary) * Double(targets)
  }

  /// Forward and backward pass of LoRA training with adapters of `rank` on gate, up and down projections.
  ///
  /// Backward, each frozen product is needed once, for the gradient of its input, and attention needs twice its forward
  /// work. The first layer needs no gradient of its inputs: nothing below its adapters is trained.
  func training(_ rows: Rows, targets: Int, rank: Int) -> Double {
    let count = Double(rows.count)
    let linear = 2 * (layerWeights * (layers - 1) + hidden * intermediate) * count
    let attention = 2 * self.attention(rows).dropFirst().reduce(0, +)
    let head = 2 * hidden * Double(shape.vocabulary) * Double(targets)
    // Forward both factors; backward each factor's own gradient and its input's, but for the first layer's two inputs.
    let factors = 3 * (hidden + intermediate) * Double(rank)
    let adapter = 2 * factors * 3 * layers * count - 2 * 2 * hidden * Double(rank) * count
    return forward(rows, targets: targets) + linear + attention + head + adapter
  }
}
