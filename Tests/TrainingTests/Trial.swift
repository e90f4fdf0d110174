import Checkpoints
import Kernels
import Tensors
import TinyModels
import Training
import Transformer

/// A tiny model and random records to train on.
struct Trial {
  let model: TinyModel
  let products: Products
  private let checkpoint: ModelCheckpoint

  init() throws {
    model = try TinyModel()
    products = try Products(threads: 2)
    checkpoint = try model.checkpoint()
  }

  func transformer(_ adapter: Adapter?) -> TransformerModel {
    TransformerModel(checkpoint: checkpoint, adapter: adapter, products: products)
  }

  func trainer(_ adapter: Adapter, optimizer: AdamW? = nil, clip: Double = 1) throws -> Trainer {
    try Trainer(model: transformer(adapter), optimizer: optimizer, clip: clip)
  }

  /// Random tokens with a term at every second position and at the last.
  func sequence(_ length: Int, seed: UInt64) -> LossSequence {
    var generator = SplitMix64(seed: SplitMix64.mixed(seed))
    let last = Int32(length - 1)
    let positions = Array(stride(from: 0, to: last, by: 2)) + [last]
    return LossSequence(
      tokens: generator.tokens(length, vocabulary: model.shape.vocabularySize), positions: positions,
      targets: generator.tokens(positions.count, vocabulary: model.shape.vocabularySize),
      likelihood: positions.map { $0 % 4 != 2 ? Float(generator.unit()) : 0 },
      unlikelihood: positions.map { $0 % 4 == 2 ? Float(generator.unit()) : 0 })
  }

  func record(_ id: String, _ sequences: [LossSequence]) throws -> TrainingRecord {
    try TrainingRecord(
      id: id, frame: LossFrame(origin: FrameOrigin(), sequences: sequences, classes: nil), model: transformer(nil))
  }

  /// Records of one or two sequences.
  func records(_ count: Int, length: Int = 20, seed: UInt64 = 0) throws -> [TrainingRecord] {
    try (0..<count).map { index in
      let sequences = (0...index % 2).map { sequence(length + index, seed: seed + UInt64(index + 100 * $0)) }
      return try record("r\(index)", sequences)
    }
  }
}

extension Adapter {
  /// All values, matrix after matrix.
  var values: [Float] { parameters.flatMap { $0.matrix.values } }

  /// An adapter of its own with the same values.
  func copy() -> Adapter {
    let copy = zeros()
    for ((_, target), (_, source)) in zip(copy.parameters, parameters) { target.fill(source.values) }
    return copy
  }
}
