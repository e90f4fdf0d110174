import Checkpoints
import GoldenData
import Kernels
import Tensors
import Testing
import Transformer

/// A golden model of one architecture with what PyTorch computes for it.
struct GoldenModel {
  let expected: TensorFile
  let checkpoint: ModelCheckpoint
  let adapter: Adapter
  let products: Products

  init(_ architecture: String) throws {
    let folder = GoldenData.folder + "/models/" + architecture
    expected = try TensorFile(
      parsing: GoldenData.bytes("models/\(architecture)/expected.safetensors"), source: architecture)
    checkpoint = try ModelCheckpoint.open(folder)
    adapter = try Adapter.read(directory: folder + "/adapter", for: checkpoint.configuration)
    products = try Products(threads: 2)
  }

  var tokens: [Int32] { get throws { try expected.tensor("tokens").int32s() } }

  func floats(_ name: String) throws -> [Float] { try expected.tensor(name).floats() }

  func model(adapted: Bool) -> TransformerModel {
    TransformerModel(checkpoint: checkpoint, adapter: adapted ? adapter : nil, products: products)
  }
}

func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

@Suite(.enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)))
struct GoldenModelTests {
  @Test(arguments: GoldenData.architectures)
  func logitsAgreeWithPyTorch(_ architecture: String) throws {
    let golden = try GoldenModel(architecture)
    let layout = PackedLayout([try golden.tokens])
    for (name, adapted) in [("logits", false), ("adapted_logits", true)] {
      let logits = golden.model(adapted: adapted).logits(layout)
      #expect(largestDifference(logits.values, try golden.floats(name)) < 1e-4, "\(name)")
    }
  }

  @Test(arguments: GoldenData.architectures, [1 << 30, 0])
  func lossAndEveryGradientAgreeWithPyTorch(_ architecture: String, _ budget: Int) throws {
    let golden = try GoldenModel(architecture)
    let gradient = golden.adapter.zeros()
    let losses = golden.model(adapted: true).lossGradient(
      PackedLayout([try golden.tokens]), terms: try terms(golden), addingTo: gradient, activationBudget: budget)
    let expected = Double(try golden.floats("loss")[0])
    #expect(abs(losses.reduce(0, +) - expected) < 1e-4 * abs(expected))
    for (name, matrix) in gradient.parameters {
      let reference = try golden.floats("gradient." + name)
      let largest = reference.map(abs).max() ?? 0
      #expect(largestDifference(matrix.values, reference) <= 1e-4 * largest, "\(name)")
    }
  }

  private func terms(_ golden: GoldenModel) throws -> [LossTerm] {
    let targets = try golden.expected.tensor("target").int32s()
    let likelihood = try golden.floats("likelihood")
    let unlikelihood = try golden.floats("unlikelihood")
    return targets.indices.filter { likelihood[$0] != 0 || unlikelihood[$0] != 0 }.map {
      LossTerm(row: $0, target: targets[$0], likelihood: likelihood[$0], unlikelihood: unlikelihood[$0])
    }
  }
}
