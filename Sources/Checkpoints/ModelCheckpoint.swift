import Kernels
import Tensors

/// A model's configuration and mapped weights.
public struct ModelCheckpoint: Sendable {
  /// The .gguf file or the Hugging Face directory.
  public let path: String
  /// The model's shape.
  public let configuration: ModelConfiguration
  /// Token embeddings, [V, D].
  public let embedding: WeightMatrix
  /// The matrix that makes the logits, [V, D]; the embedding itself where the two are tied.
  public let head: WeightMatrix
  /// Weight of the norm before the head, D floats.
  public let finalNorm: [Float]
  /// The decoder layers, in order.
  public let layers: [LayerWeights]
  /// Tells models apart: over the tensors' names, types, shapes and a sample of their bytes.
  public let fingerprint: String

  /// Opens a .gguf file or a Hugging Face directory. Weights are mapped, not read.
  /// - Throws: `CheckpointError` or `TensorError` naming the file and what is wrong with it.
  public static func open(_ path: String) throws -> ModelCheckpoint {
    switch try ModelLocation(path) {
    case .gguf(let path): try GGUFModel(path: path).checkpoint()
    case .directory(let path): try HuggingFaceModel(directory: path).checkpoint()
    }
  }
}

/// The weights of one decoder layer.
public struct LayerWeights: Sendable {
  /// Weight of the norm before attention, D floats.
  public let attentionNorm: [Float]
  /// Weight of the norm of each head of the queries, d floats; nil if the family has none.
  public let queryNorm: [Float]?
  /// Weight of the norm of each head of the keys, d floats; likewise.
  public let keyNorm: [Float]?
  /// Weight of the norm behind attention, D floats; likewise.
  public let attentionOutputNorm: [Float]?
  /// Weight of the norm before the feed-forward block, D floats.
  public let feedForwardNorm: [Float]
  /// Weight of the norm behind the feed-forward block, D floats; nil if the family has none.
  public let feedForwardOutputNorm: [Float]?
  private let projections: [WeightMatrix]
  private let biases: [[Float]?]

  /// Weights of a layer.
  /// - Parameters:
  ///   - configuration: says which parts there are.
  ///   - norm: called once for each norm.
  ///   - bias: called once for each projection that has one.
  ///   - projection: called once for each projection.
  init(
    _ configuration: ModelConfiguration, norm: (LayerNorm) throws -> [Float], bias: (Projection) throws -> [Float],
    projection: (Projection) throws -> WeightMatrix
  ) rethrows {
    func optional(_ kind: LayerNorm) throws -> [Float]? {
      configuration.norms.contains(kind) ? try norm(kind) : nil
    }
    attentionNorm = try norm(.attention)
    queryNorm = try optional(.query)
    keyNorm = try optional(.key)
    attentionOutputNorm = try optional(.attentionOutput)
    feedForwardNorm = try norm(.feedForward)
    feedForwardOutputNorm = try optional(.feedForwardOutput)
    projections = try Projection.allCases.map(projection)
    biases = try Projection.allCases.map { configuration.biases.contains($0) ? try bias($0) : nil }
  }

  /// The weight of a projection, [out, in].
  public subscript(projection: Projection) -> WeightMatrix { projections[projection.index] }

  /// The bias of a projection, out floats; nil if it has none.
  public func bias(of projection: Projection) -> [Float]? { biases[projection.index] }

  /// The weight of a norm; nil if the family has none.
  func weight(of norm: LayerNorm) -> [Float]? {
    switch norm {
    case .attention: attentionNorm
    case .query: queryNorm
    case .key: keyNorm
    case .attentionOutput: attentionOutputNorm
    case .feedForward: feedForwardNorm
    case .feedForwardOutput: feedForwardOutputNorm
    }
  }
}
