import Checkpoints
import Kernels
import Testing
import TinyModels
import Transformer

/// The gradient of every adapted matrix against central differences of the plain double-precision evaluation.
@Suite struct GradientTests {
  private let step = 1e-5

  /// A model, its adapter, a sequence and its loss.
  private struct Problem {
    let model: TinyModel
    var adapter: Adapter
    let tokens: [Int32]
    let terms: [LossTerm]

    init(_ test: TinyModelCase, targets: [Projection] = Projection.allCases, length: Int = 21) throws {
      model = try TinyModel(test.shape)
      adapter = model.adapter(targets: targets)
      var generator = SplitMix64(seed: 30)
      tokens = generator.tokens(length, vocabulary: model.shape.vocabularySize)
      terms = .random(tokens, vocabulary: model.shape.vocabularySize, &generator)
    }
  }

  private func expectDifferences(
    _ problem: Problem, terms: [LossTerm]? = nil, gradient: Adapter, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var generator = SplitMix64(seed: 31)
    let terms = terms ?? problem.terms
    let reference = ReferenceDecoder(problem.model, adapter: problem.adapter)
    for (name, matrix) in gradient.parameters {
      let values = matrix.doubles
      let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(length > 0, "\(name)", sourceLocation: sourceLocation)
      for _ in 0..<2 {
        let direction = generator.normals(values.count).map(Double.init)
        func loss(_ factor: Double) -> Double {
          var moved = reference
          moved.adapter[name] = reference.adapter[name].map { zip($0, direction).map { $0 + factor * $1 } }
          return moved.losses(problem.tokens, terms).reduce(0, +)
        }
        let difference = (loss(step) - loss(-step)) / (2 * step)
        let product = zip(values, direction).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product - difference) < 1e-4 * length, "\(name)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test(arguments: TinyModelCase.allCases, [TransformerModel.activationBudget, 0])
  func everyMatrixAgreesWithCentralDifferences(_ test: TinyModelCase, _ budget: Int) throws {
    let problem = try Problem(test)
    let gradient = problem.adapter.zeros()
    let losses = try problem.model.transformer(problem.adapter).lossGradient(
      PackedLayout([problem.tokens]), terms: problem.terms, addingTo: gradient, activationBudget: budget)
    let expected = ReferenceDecoder(problem.model, adapter: problem.adapter).losses(problem.tokens, problem.terms)
    #expect(largestDifference(losses, expected) < 1e-4)
    expectDifferences(problem, gradient: gradient)
  }

  /// Which projections are trained decides how far down the gradient goes and what is computed again.
  @Test(arguments: [[Projection.down], [.gate, .up], [.output], [.query], [.key], [.value], [.key, .down]])
  func fewerProjections(_ targets: [Projection]) throws {
    let problem = try Problem(.tied, targets: targets)
    for budget in [TransformerModel.activationBudget, 0] {
      let gradient = problem.adapter.zeros()
      _ = try problem.model.transformer(problem.adapter).lossGradient(
        PackedLayout([problem.tokens]), terms: problem.terms, addingTo: gradient, activationBudget: budget)
      #expect(gradient.parameters.count == 4 * targets.count)
      expectDifferences(problem, gradient: gradient)
    }
  }

  /// An adapter on some layers only, as other tools may write it.
  @Test(arguments: [0, 1]) func oneLayerOnly(_ layer: Int) throws {
    var problem = try Problem(.untied)
    problem.adapter.layers[1 - layer] = [:]
    for budget in [TransformerModel.activationBudget, 0] {
      let gradient = problem.adapter.zeros()
      _ = try problem.model.transformer(problem.adapter).lossGradient(
        PackedLayout([problem.tokens]), terms: problem.terms, addingTo: gradient, activationBudget: budget)
      #expect(gradient.parameters.count == 14)
      expectDifferences(problem, gradient: gradient)
    }
  }

  /// Each kind of term by itself, and several at one row.
  @Test(arguments: [(Float(1), Float(0)), (0, 1), (0.7, 0.4), (-0.3, 0)])
  func everyKindOfTerm(_ likelihood: Float, _ unlikelihood: Float) throws {
    let problem = try Problem(.untied)
    let terms = [(3, Int32(17)), (3, 17), (3, 200), (12, 4), (20, 258)].map {
      LossTerm(row: $0, target: $1, likelihood: likelihood, unlikelihood: unlikelihood)
    }
    let gradient = problem.adapter.zeros()
    let losses = try problem.model.transformer(problem.adapter).lossGradient(
      PackedLayout([problem.tokens]), terms: terms, addingTo: gradient)
    let expected = ReferenceDecoder(problem.model, adapter: problem.adapter).losses(problem.tokens, terms)
    #expect(largestDifference(losses, expected) < 1e-4)
    expectDifferences(problem, terms: terms, gradient: gradient)
  }

  @Test func gradientsAreAddedToWhatIsThere() throws {
    let problem = try Problem(.tied)
    let model = try problem.model.transformer(problem.adapter)
    let once = problem.adapter.zeros()
    let twice = problem.adapter.zeros()
    _ = model.lossGradient(PackedLayout([problem.tokens]), terms: problem.terms, addingTo: once)
    for _ in 0..<2 {
      _ = model.lossGradient(PackedLayout([problem.tokens]), terms: problem.terms, addingTo: twice)
    }
    for (single, double) in zip(once.parameters, twice.parameters) {
      let expected = single.matrix.doubles.map { 2 * $0 }
      let largest = expected.map(abs).max() ?? 0
      #expect(largestDifference(double.matrix.doubles, expected) < 1e-5 * largest, "\(single.name)")
    }
  }

  /// No adapter, no gradient, but the losses all the same.
  @Test func lossesWithoutAnAdapter() throws {
    let problem = try Problem(.tied)
    let nothing = Adapter(configuration: problem.adapter.configuration, layers: [[:], [:]])
    for budget in [TransformerModel.activationBudget, 0] {
      let losses = try problem.model.transformer().lossGradient(
        PackedLayout([problem.tokens]), terms: problem.terms, addingTo: nothing, activationBudget: budget)
      #expect(largestDifference(losses, ReferenceDecoder(problem.model).losses(problem.tokens, problem.terms)) < 1e-4)
    }
  }
}
