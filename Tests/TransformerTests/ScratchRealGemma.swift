import Checkpoints
import Foundation
import Kernels
import Testing
import Transformer

@Suite struct ScratchRealGemma {
  @Test func real() throws {
    guard let path = ProcessInfo.processInfo.environment["REAL_GEMMA"] else { return }
    func numbers(_ name: String) throws -> [Double] {
      try String(contentsOfFile: "/tmp/gemma/" + name, encoding: .utf8).split(separator: "\n").compactMap { Double($0) }
    }
    let tokens = try numbers("tokens.txt").map { Int32($0) }
    let expected = try numbers("logprobs.txt")
    let greedy = try numbers("greedy.txt").map { Int32($0) }
    let checkpoint = try ModelCheckpoint.open(path)
    print(checkpoint.configuration)
    for products in [try Products(threads: 1), try Products(threads: 1).inSinglePrecision] {
      let model = TransformerModel(checkpoint: checkpoint, products: products)
      let layout = PackedLayout([tokens])
      let states = model.states(layout)
      let found = model.logProbabilities(states, rows: Array(0..<tokens.count - 1), targets: Array(tokens.dropFirst()))
      let differences = zip(found, expected).map { abs(Double($0) - $1) }
      print(tokens.count, "mean", found.reduce(0, +) / Float(found.count), expected.reduce(0, +) / Double(expected.count),
        "largest", differences.max() ?? -1, "mean difference", differences.reduce(0, +) / Double(differences.count),
        "behind 512", differences.dropFirst(512).max() ?? -1)
      let (first, ends) = model.prefill([tokens])
      var cache = KeyValueCache(model.configuration, parent: ends[0].cache)
      var generated: [Int32] = []
      var (state, row) = (first, ends[0].row)
      while generated.count < greedy.count {
        var next: Int32 = 0
        model.logits(state, rows: [row]) { _, logits in
          let line = UnsafeBufferPointer(start: logits.row(0), count: model.configuration.vocabularySize)
          next = Int32(line.indices.max { line[$0] < line[$1] } ?? 0)
        }
        generated.append(next)
        state = model.extend([(cache, [next])])
        row = 0
      }
      _ = cache
      print(generated == greedy, zip(generated, greedy).prefix { $0 == $1 }.count, "of", greedy.count)
    }
  }
}
