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
  /// Weight of the norm before the feed-forward block, D floats.
  public let feedForwardNorm: [Float]
  private let projections: [WeightMatrix]

  /// Weights of a layer.
  /// - Parameter projection: called once for each projection.
  init(
    attentionNorm: [Float], feedForwardNorm: [Float], projection: (Projection) throws -> WeightMatrix
  ) rethrows {
    self.attentionNorm = attentionNorm
    self.feedForwardNorm = feedForwardNorm
    projections = try Projection.allCases.map(projection)
  }

  /// The weight of a projection, [out, in].
  public subscript(projection: Projection) -> WeightMatrix {
    projections[Projection.allCases.firstIndex(of: projection) ?? 0]
  }
}
