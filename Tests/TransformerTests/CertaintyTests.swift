import Checkpoints
import Kernels
import Tensors
import Testing
import TinyModels
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Losses of tokens that are nearly certain or nearly impossible, where 1 − p and p have no digits left in float32.
@Suite struct CertaintyTests {
  /// A model whose head is stretched until one token of a row has almost all the probability.
  private func model(_ stretch: Float) throws -> (TinyModel, TransformerModel, Adapter) {
    var shape = TinyModelCase.oneLayer.shape
    shape.tiedHead = false
    shape.headStretch = stretch
    let model = try TinyModel(shape)
    let adapter = model.adapter(targets: [.down])
    return (model, try model.transformer(adapter), adapter)
  }

  /// With 1 − p between 1e-5 and 1e-30 the gradient of −log(1 − p) to the logits is still p at the target and −p shared
  /// among the others; the one to −log p vanishes.
  @Test(arguments: [Float(6), 12, 25], [(Float(0), Float(1)), (1, 0), (0.5, 2)])
  func gradientsOfCertainTokens(_ stretch: Float, _ weights: (likelihood: Float, unlikelihood: Float)) throws {
    let (model, transformer, adapter) = try model(stretch)
    let tokens: [Int32] = [9, 30, 77, 12, 8]
    let reference = ReferenceDecoder(model, adapter: adapter)
    for (row, logits) in reference.logits(tokens).enumerated() {
      guard let largest = logits.max(), let best = logits.firstIndex(of: largest) else { continue }
      let certain = LossTerm(
        row: row, target: Int32(best), likelihood: weights.likelihood, unlikelihood: weights.unlikelihood)
      let gradient = adapter.zeros()
      let losses = transformer.lossGradient(PackedLayout([tokens]), terms: [certain], addingTo: gradient)
      let expected = reference.losses(tokens, [certain])[0]
      #expect(abs(losses[0] - expected) <= 1e-4 * abs(expected) + 1e-6, "row \(row)")
      var generator = SplitMix64(seed: 40)
      for (name, matrix) in gradient.parameters {
        let values = matrix.doubles
        let direction = generator.normals(values.count).map(Double.init)
        func loss(_ factor: Double) -> Double {
          var moved = reference
          moved.adapter[name] = reference.adapter[name].map { zip($0, direction).map { $0 + factor * $1 } }
          return moved.losses(tokens, [certain])[0]
        }
        let difference = (loss(1e-5) - loss(-1e-5)) / 2e-5
        let product = zip(values, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(abs(product - difference) <= 1e-3 * length + 1e-6, "row \(row), \(name): \(product), \(difference)")
      }
    }
  }

  /// Beyond what any model should reach: the losses stay finite numbers, and so do the gradients.
  @Test func losesNothingToInfinity() throws {
    let (model, transformer, adapter) = try model(3000)
    let tokens: [Int32] = [9, 30, 77, 12, 8]
    let terms = ReferenceDecoder(model, adapter: adapter).logits(tokens).enumerated().flatMap { row, logits in
      logits.indices.filter { $0 % 9 == 0 || logits[$0] == logits.max() }.map {
        LossTerm(row: row, target: Int32($0), likelihood: 1, unlikelihood: 1)
      }
    }
    let gradient = adapter.zeros()
    let losses = transformer.lossGradient(PackedLayout([tokens]), terms: terms, addingTo: gradient)
    #expect(losses.allSatisfy { $0.isFinite && $0 >= 0 })
    #expect((losses.max() ?? 0) > 1000)
    #expect(gradient.parameters.allSatisfy { $0.matrix.values.allSatisfy { $0.isFinite } })
  }

  /// A number that is none comes out as one, so that a step can refuse it and name the record.
  @Test func aLossThatIsNoNumberShows() throws {
    let (_, transformer, adapter) = try model(1)
    adapter.layers[0][.down]?.b[0, 0] = .nan
    let terms = [
      LossTerm(row: 2, target: 5, likelihood: 1, unlikelihood: 0),
      LossTerm(row: 2, target: 5, likelihood: 0, unlikelihood: 1),
    ]
    let losses = transformer.lossGradient(PackedLayout([[9, 30, 77]]), terms: terms, addingTo: adapter.zeros())
    #expect(losses.allSatisfy { $0.isNaN })
  }
}
