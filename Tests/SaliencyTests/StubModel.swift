import Records
import Saliency
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

func logarithm(_ value: Double) -> Double { log(value) }

/// A language model made up for tests: given probabilities behind the base prompt, elsewhere an arbitrary function of
/// the prefix and the target.
struct StubModel {
  let basePrompt: [Int32]
  let judgePrompt: [Int32]
  let response: [Int32]
  /// Probability of each response token under the base prompt.
  let base: [Double]

  func probability(of target: Int32, after prefix: ArraySlice<Int32>) -> Double {
    let behind = prefix.count - basePrompt.count
    if behind >= 0, behind < response.count, prefix.starts(with: basePrompt),
      Array(prefix.dropFirst(basePrompt.count)) == Array(response.prefix(behind)), target == response[behind]
    {
      return base[behind]
    }
    var fingerprint = Fingerprint()
    for token in prefix { fingerprint.add("\(token),") }
    fingerprint.add("→\(target)")
    return 0.05 + 0.9 * Double(fingerprint.number) / Double(UInt64.max)
  }

  /// A frame's loss as §3 of the design defines it.
  func loss(_ frame: LossFrame) -> Double {
    var loss = 0.0
    for sequence in frame.sequences {
      for (index, position) in sequence.positions.enumerated() {
        let p = probability(of: sequence.targets[index], after: sequence.tokens[0...Int(position)])
        loss -= Double(sequence.likelihood[index]) * log(p) + Double(sequence.unlikelihood[index]) * log(1 - p)
      }
    }
    return loss
  }

  /// N of §6, from labels laid over the positions of a sequence as the published code does: position p of the judge
  /// sequence predicts whatever follows position p in the base sequence.
  func judgeTerm(_ term: SaliencyConstants.JudgeTerm) -> Double {
    let judge = judgePrompt + response
    let labelled = term == .aligned ? judge : basePrompt + response
    let promptLength = term == .aligned ? judgePrompt.count : basePrompt.count
    guard term != .off else { return 0 }
    var sum = 0.0
    for label in promptLength..<labelled.count where label - 1 < judge.count {
      sum -= log(probability(of: labelled[label], after: judge[0..<label]))
    }
    return sum / Double(response.count)
  }
}
