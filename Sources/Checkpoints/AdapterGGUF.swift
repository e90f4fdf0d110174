import Kernels

/// An adapter as a GGUF file that llama.cpp adds to a model, as its convert_lora_to_gguf.py writes it.
extension Adapter {
  /// Writes the file: for each projection `blk.N.….weight.lora_a`, A as it is, and `lora_b`, B with its rows in the order of
  /// the rows of the model's weight.
  ///
  /// llama.cpp scales every update by the file's only α over the matrix's rank. Where that is not the update's own
  /// scale, by patterns or rsLoRA, the rest of it is in B.
  /// - Parameter model: the shape of the model that the adapter was read for.
  /// - Throws: `CheckpointError` naming a tensor with a value that the type cannot hold; `FileError`.
  public func writeGGUF(to path: String, for model: ModelConfiguration, as type: WeightType) throws {
    let alpha = fileAlpha
    let pairs = layers.enumerated().flatMap { layer, pairs in
      pairs.sorted { $0.key < $1.key }.map { projection, pair in
        (name: GGUFModel.tensorName(layer, projection, "weight"), projection: projection, pair: pair)
      }
    }
    var file = try GGUFFileWriter(
      path: path,
      metadata: [
        ("general.architecture", .string(model.family.rules.ggufArchitecture)), ("general.type", .string("adapter")),
        ("adapter.type", .string("lora")), ("general.file_type", .unsigned(type.ggufFileType)),
        ("adapter.lora.alpha", .float(alpha)), ("general.quantization_version", .unsigned(2)),
      ],
      tensors: pairs.flatMap { name, _, pair in
        [
          GGUFFileWriter.Tensor(name: name + ".lora_a", dimensions: [pair.a.columns, pair.a.rows]),
          GGUFFileWriter.Tensor(name: name + ".lora_b", dimensions: [pair.b.columns, pair.b.rows]),
        ]
      }, type: type)
    for (name, projection, pair) in pairs {
      try file.append(name + ".lora_a", pair.a.values)
      let given = alpha / Float(pair.a.rows)
      // Most often the scales are the same, and B stays as it is to the last bit.
      let factor = given == pair.scale ? 1 : pair.scale / given
      let isInterleaved = model.family.rules.hasInterleavedHeads && (projection == .query || projection == .key)
      let rows = isInterleaved ? Self.interleaved(pair.b, headDimension: model.headDimension) : pair.b.values
      try file.append(name + ".lora_b", factor == 1 ? rows : rows.map { $0 * factor })
    }
    try file.commit()
  }

  /// α for the file, so that α/r is the scale where no pattern says otherwise. llama.cpp takes 0 for "neither α nor
  /// rank": then it is 1, and B is zero.
  private var fileAlpha: Float {
    let stabilizing = configuration.isRankStabilized ? Double(configuration.rank).squareRoot() : 1
    let alpha = Float(configuration.alpha * stabilizing)
    return abs(alpha) > 1e-30 && alpha.isFinite ? alpha : 1
  }

  /// The rows of each head with the first and the second half of it taken in turns, as GGUF files of the llama family
  /// have those of queries and keys.
  private static func interleaved(_ matrix: Matrix, headDimension: Int) -> [Float] {
    let half = headDimension / 2
    let values = matrix.values
    return (0..<matrix.rows).flatMap { row in
      let (head, place) = row.quotientAndRemainder(dividingBy: headDimension)
      let source = head * headDimension + place % 2 * half + place / 2
      return values[source * matrix.columns..<(source + 1) * matrix.columns]
    }
  }
}
