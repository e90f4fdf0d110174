import Kernels
import Records
import Tensors

/// A model of the llama family in a GGUF file.
struct GGUFModel {
  let file: GGUFFile

  init(path: String) throws { file = try GGUFFile(path: path) }

  func checkpoint() throws -> ModelCheckpoint {
    let configuration = try configuration()
    let c = configuration
    let embedding = try file.matrix("token_embd.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let head =
      c.tiedHead ? embedding : try file.matrix("output.weight", rows: c.vocabularySize, columns: c.hiddenSize)
    let layers = try (0..<c.layers).map { layer in
      try LayerWeights(
        attentionNorm: file.vector("blk.\(layer).attn_norm.weight", count: c.hiddenSize),
        feedForwardNorm: file.vector("blk.\(layer).ffn_norm.weight", count: c.hiddenSize)
      ) { projection in
        let shape = c.shape(of: projection)
        // The converter of the llama family stores the rows of query and key heads interleaved.
        let interleaved = projection == .query || projection == .key
        return try file.matrix(
          "blk.\(layer).\(Self.names[projection] ?? "").weight", rows: shape.rows, columns: shape.columns,
          interleavedHeadDimension: interleaved ? c.headDimension : nil)
      }
    }
    return ModelCheckpoint(
      path: file.path, configuration: c, embedding: embedding, head: head,
      finalNorm: try file.vector("output_norm.weight", count: c.hiddenSize), layers: layers,
      fingerprint: try fingerprint())
  }

  private static let names: [Projection: String] = [
    .query: "attn_q", .key: "attn_k", .value: "attn_v", .output: "attn_output", .gate: "ffn_gate", .up: "ffn_up",
    .down: "ffn_down",
  ]

  private func configuration() throws -> ModelConfiguration {
    let architecture = try file.string("general.architecture") ?? "none"
    guard architecture == "llama" else {
      throw CheckpointError(file.path, "the architecture is \"\(architecture)\", expected \"llama\"")
    }
    let hidden = try file.requiredInteger("llama.embedding_length")
    let heads = try file.requiredInteger("llama.attention.head_count")
    guard heads > 0 else { throw CheckpointError(file.path, "llama.attention.head_count is \(heads)") }
    let dimension = try file.integer("llama.attention.key_length") ?? hidden / heads
    guard let embedding = file.tensors["token_embd.weight"], embedding.dimensions.count == 2 else {
      throw CheckpointError(file.path, "the tensor token_embd.weight is missing")
    }
    for suffix in ["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_gate_inp.weight"]
    where file.tensors["blk.0.\(suffix)"] != nil {
      throw CheckpointError(file.path, "the tensor blk.0.\(suffix) is there, which this architecture is not read with")
    }
    if let rotary = try file.integer("llama.rope.dimension_count"), rotary != dimension {
      throw CheckpointError(
        file.path, "the rotary embedding covers \(rotary) of \(dimension) entries of a head, expected all")
    }
    let configuration = ModelConfiguration(
      hiddenSize: hidden, intermediateSize: try file.requiredInteger("llama.feed_forward_length"),
      layers: try file.requiredInteger("llama.block_count"), heads: heads,
      keyHeads: try file.integer("llama.attention.head_count_kv") ?? heads, headDimension: dimension,
      vocabularySize: embedding.dimensions[1], contextLength: try file.integer("llama.context_length") ?? 2048,
      normEpsilon: Float(try file.double("llama.attention.layer_norm_rms_epsilon") ?? 1e-5),
      rotaryBase: try file.double("llama.rope.freq_base") ?? 10000, rotaryScaling: try rotaryScaling(dimension),
      tiedHead: file.tensors["output.weight"] == nil)
    try configuration.validate(source: file.path)
    return configuration
  }

  private func rotaryScaling(_ dimension: Int) throws -> RotaryScaling {
    if let type = try file.string("llama.rope.scaling.type"), type != "none" {
      throw CheckpointError(file.path, "rotary scaling of type \"\(type)\", expected none or the factors of Llama 3.1")
    }
    guard file.tensors["rope_freqs.weight"] != nil else { return .none }
    let divisors = try file.vector("rope_freqs.weight", count: dimension / 2)
    guard divisors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw CheckpointError(file.path, "rope_freqs.weight holds a divisor that is not positive")
    }
    return .divisors(divisors)
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
