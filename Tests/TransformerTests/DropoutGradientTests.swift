import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// With dropout the loss is a fixed function of the adapter, as long as rate and seed stay: its differences can be taken.
@Suite struct DropoutGradientTests {
  private let dropout = StepDropout(rate: 0.3, seed: 5)

  private struct Problem {
    let model: TinyModel
    let adapter: Adapter
    let layout: PackedLayout
    let terms: [LossTerm]

    init() throws {
      model = try TinyModel(TinyModelCase.untied.shape)
      adapter = model.adapter()
      var generator = SplitMix64(seed: 50)
      let tokens = generator.tokens(25, vocabulary: model.shape.vocabularySize)
      layout = PackedLayout([tokens])
      terms = .random(tokens, vocabulary: model.shape.vocabularySize, &generator)
    }

    func loss(_ adapter: Adapter, _ dropout: StepDropout?, gradient: Adapter? = nil) throws -> Double {
      try model.transformer(adapter).lossGradient(
        layout, terms: terms, addingTo: gradient ?? adapter.zeros(), dropout: dropout
      ).reduce(0, +)
    }
  }

  /// float32 evaluations: along the gradient itself, where the loss changes most, by steps that outweigh the rounding.
  @Test func everyMatrixAgreesWithCentralDifferences() throws {
    let problem = try Problem()
    let gradient = problem.adapter.zeros()
    _ = try problem.loss(problem.adapter, dropout, gradient: gradient)
    for (place, (name, matrix)) in gradient.parameters.enumerated() {
      let values = matrix.doubles
      let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(length > 0, "\(name)")
      func moved(_ distance: Double) throws -> Double {
        let adapter = problem.adapter.copy()
        let target = adapter.parameters[place].matrix.view
        for index in values.indices { target.base[index] += Float(distance * values[index] / length) }
        return try problem.loss(adapter, dropout)
      }
      // The difference of fourth order: exact but for terms of h⁵.
      let h = 0.005
      let difference = try (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
      #expect(abs(difference - length) < 3e-3 * length, "\(name): \(difference), \(length)")
    }
  }

  @Test func dropoutChangesTheLossAndItsSeedTheMasks() throws {
    let problem = try Problem()
    let plain = try problem.loss(problem.adapter, nil)
    let dropped = try problem.loss(problem.adapter, dropout)
    #expect(abs(dropped - plain) > 1e-3)
    #expect(try problem.loss(problem.adapter, dropout) == dropped)
    #expect(abs(try problem.loss(problem.adapter, StepDropout(rate: 0.3, seed: 6)) - dropped) > 1e-3)
    #expect(abs(try problem.loss(problem.adapter, StepDropout(rate: 0, seed: 5)) - plain) < 1e-4)
  }

  /// The mean over many masks is the loss without: inputs that stay are scaled up.
  @Test func scalesWhatItKeeps() throws {
    let problem = try Problem()
    // A small update keeps the loss nearly linear in it.
    let small = problem.adapter.copy()
    for layer in small.layers { for (_, pair) in layer { pair.b.fill(pair.b.values.map { $0 * 0.02 }) } }
    let plain = try problem.loss(small, nil)
    let none = try problem.loss(problem.adapter.zeros(), nil)
    let losses = try (0..<300).map {
      try problem.loss(small, StepDropout(rate: 0.5, seed: SplitMix64.mixed(UInt64($0))))
    }
    let mean = losses.reduce(0, +) / 300
    let variance = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 299
    let standardError = (variance / 300).squareRoot()
    #expect(abs(mean - plain) < 5 * standardError)
    #expect(abs(mean - none) > 10 * standardError, "halved or dropped altogether it would be seen")
    #expect(abs(none + (plain - none) / 2 - mean) > 5 * standardError, "unscaled it would be seen")
  }
}

extension Adapter {
  /// An adapter of its own with the same values.
  func copy() -> Adapter {
    Adapter(
      configuration: configuration,
      layers: layers.map { $0.mapValues { LowRankPair(a: $0.a.copy(), b: $0.b.copy(), scale: $0.scale) } })
  }
}
