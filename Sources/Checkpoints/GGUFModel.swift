import Kernels
import Records
import Tensors

/// A model in a GGUF file.
struct GGUFModel {
  let file: GGUFFile

  init(path: String) throws { file = try GGUFFile(path: path) }

  func checkpoint() throws -> ModelCheckpoint {
    let c = try configuration()
    let embedding = try file.matrix("token_embd.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let head =
      c.tiedHead ? embedding : try file.matrix("output.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let layers = try (0..<c.layers).map { layer in
      try LayerWeights(c) { norm in
        try file.vector(Self.tensorName(layer, norm), count: c.size(of: norm))
      } bias: { projection in
        let stored = try file.vector(
          Self.tensorName(layer, projection, "bias"), count: c.shape(of: projection).rows)
        return hasInterleavedRows(projection, c) ? Self.untangled(stored, c.headDimension) : stored
      } projection: { projection in
        let shape = c.shape(of: projection)
        return try file.matrix(
          Self.tensorName(layer, projection, "weight"), rows: shape.rows, columns: shape.columns,
          interleavedHeadDimension: hasInterleavedRows(projection, c) ? c.headDimension : nil)
      }
    }
    try refuseUnread(c)
    return ModelCheckpoint(
      path: file.path, configuration: c, embedding: embedding, head: head,
      finalNorm: try file.vector("output_norm.weight", count: c.hiddenSize), layers: layers,
      fingerprint: try fingerprint())
  }

  /// The converter stores the rows of query and key heads interleaved in some families.
  private func hasInterleavedRows(_ projection: Projection, _ c: ModelConfiguration) -> Bool {
    c.family.rules.hasInterleavedHeads && (projection == .query || projection == .key)
  }

  /// The entries of interleaved heads in the order of the original model.
  private static func untangled(_ stored: [Float], _ headDimension: Int) -> [Float] {
    let half = headDimension / 2
    return stored.indices.map { index in
      let (head, entry) = index.quotientAndRemainder(dividingBy: headDimension)
      return stored[head * headDimension + entry % half * 2 + entry / half]
    }
  }

  // MARK: Names

  static func tensorName(_ layer: Int, _ projection: Projection, _ part: String) -> String {
    let name =
      switch projection {
      case .query: "attn_q"
      case .key: "attn_k"
      case .value: "attn_v"
      case .output: "attn_output"
      case .gate: "ffn_gate"
      case .up: "ffn_up"
      case .down: "ffn_down"
      }
    return "blk.\(layer).\(name).\(part)"
  }

  private static func tensorName(_ layer: Int, _ norm: LayerNorm) -> String {
    let name =
      switch norm {
      case .attention: "attn_norm"
      case .query: "attn_q_norm"
      case .key: "attn_k_norm"
      case .attentionOutput: "post_attention_norm"
      case .feedForward: "ffn_norm"
      case .feedForwardOutput: "post_ffw_norm"
      }
    return "blk.\(layer).\(name).weight"
  }

  /// Refuses a model with tensors that are not read: it would compute something else with them.
  private func refuseUnread(_ c: ModelConfiguration) throws(CheckpointError) {
    var read: Set = ["token_embd.weight", "output.weight", "output_norm.weight"]
    if c.family.rules.ggufArchitecture == "llama" { read.insert(GGUFMetadata.rotaryDivisors) }
    for layer in 0..<c.layers {
      for norm in c.norms { read.insert(Self.tensorName(layer, norm)) }
      for projection in Projection.allCases { read.insert(Self.tensorName(layer, projection, "weight")) }
      for projection in c.biases { read.insert(Self.tensorName(layer, projection, "bias")) }
    }
    guard let first = file.tensors.keys.filter({ !read.contains($0) }).min() else { return }
    throw CheckpointError(file.path, "the tensor \(first) is there, which this architecture is not read with")
  }

  // MARK: Configuration

  private func configuration() throws(CheckpointError) -> ModelConfiguration {
    let architecture = try file.string("general.architecture") ?? "none"
    guard let family = ModelFamily(ggufArchitecture: architecture) else {
      let names = Set(ModelFamily.allCases.map { "\"\($0.rules.ggufArchitecture)\"" }).sorted()
      throw CheckpointError(
        file.path,
        "the architecture is \"\(architecture)\", expected one of \(names.joined(separator: ", "))")
    }
    let metadata = GGUFMetadata(file: file, architecture: architecture)
    let hidden = try metadata.requiredInteger("embedding_length")
    let heads = try metadata.requiredInteger("attention.head_count")
    guard heads > 0 else {
      throw CheckpointError(file.path, "\(metadata.key("attention.head_count")) is \(heads)")
    }
    let dimension = try metadata.integer("attention.key_length") ?? hidden / heads
    guard let embedding = file.tensors["token_embd.weight"], embedding.dimensions.count == 2 else {
      throw CheckpointError(file.path, "the tensor token_embd.weight is missing")
    }
    try metadata.refuseOptions(headDimension: dimension)
    var configuration = ModelConfiguration(
      family: family, hiddenSize: hidden, intermediateSize: try metadata.requiredInteger("feed_forward_length"),
      layers: try metadata.requiredInteger("block_count"), heads: heads,
      keyHeads: try metadata.integer("attention.head_count_kv") ?? heads, headDimension: dimension,
      vocabularySize: embedding.dimensions[1], contextLength: try metadata.integer("context_length") ?? 2048,
      normEpsilon: Float(try metadata.double("attention.layer_norm_rms_epsilon") ?? 1e-5),
      rotaryBase: try metadata.double("rope.freq_base") ?? 10000, rotaryScaling: .none,
      tiedHead: file.tensors["output.weight"] == nil)
    // Sizes first: the scaling and the family's rules go by them.
    try configuration.validate(source: file.path)
    configuration.rotaryScaling = try metadata.rotaryScaling(headDimension: dimension)
    configuration.biases = Set(
      Projection.allCases.filter { file.tensors[Self.tensorName(0, $0, "bias")] != nil })
    try family.rules.configure(&configuration, from: metadata)
    try configuration.validate(source: file.path)
    try refuseBiases(configuration)
    return configuration
  }

  private func refuseBiases(_ c: ModelConfiguration) throws(CheckpointError) {
    let sets = c.family.rules.biases
    if sets.contains(c.biases) { return }
    func list(_ biases: Set<Projection>) -> String {
      biases.isEmpty ? "none" : biases.sorted().map(\.rawValue).joined(separator: " ")
    }
    throw CheckpointError(
      file.path,
      "the projections with a bias are \(list(c.biases)), expected \(sets.map(list).joined(separator: ", or "))")
  }

  private func fingerprint() throws -> String {
    var fingerprint = Fingerprint()
    for (name, entry) in file.tensors.sorted(by: { $0.key < $1.key }) {
      fingerprint.add("\(name) \(entry.type) \(entry.dimensions)")
      fingerprint.add(GGUFFile.sample(of: entry, bytes: ModelSample.bytesPerTensor))
    }
    return fingerprint.hexadecimal
  }
}

/// How much of each tensor goes into a model's fingerprint: enough to tell fine-tunes apart, little enough to read.
enum ModelSample {
  static let bytesPerTensor = 256
}
