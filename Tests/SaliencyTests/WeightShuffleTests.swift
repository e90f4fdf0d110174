import Saliency
import Tensors
import Testing

@Suite struct WeightShuffleTests {
  /// A response of twenty tokens whose weights all differ.
  private static func record(_ id: String, incorrect: Bool = false) -> ScoredRecord {
    let count = 20
    let probabilities = (0..<count).map { 0.2 + 0.03 * Double($0) }
    let judge = (0..<count).map { $0 % 7 == 3 ? 0.9 : 0.1 }
    return ScoredRecord(
      id: id, isIncorrect: incorrect, basePrompt: [1, 2], response: (0..<Int32(count)).map { $0 + 5 },
      judgePrompt: [1, 3],
      scores: ScoresFrame(
        origin: FrameOrigin(), tokens: (0..<Int32(count)).map { $0 + 5 },
        base: LossBuilderTests.logarithms(probabilities.map { $0 / 2 }),
        standard: LossBuilderTests.logarithms(probabilities), judge: LossBuilderTests.logarithms(judge), hidden: nil))
  }

  private static func loss(_ record: ScoredRecord, shuffling: UInt64?) throws -> LossFrame {
    var constants = SaliencyConstants.nlft
    constants.clustering = .off
    constants.share = 1
    constants.answerTerm = 0
    constants.correctAnswerTerm = 0
    return try LossBuilder(method: .nlft, constants: constants, shuffling: shuffling).loss(for: record)
  }

  /// Class and weights of each token of the response, zero where the frame has left a token out.
  private static func weights(_ frame: LossFrame) -> [String] {
    let sequence = frame.sequences[0]
    return (frame.classes ?? []).enumerated().map { place, tokenClass in
      let index = sequence.positions.firstIndex(of: Int32(place + 1))
      return
        "\(tokenClass) \(index.map { sequence.likelihood[$0] } ?? 0) \(index.map { sequence.unlikelihood[$0] } ?? 0)"
    }
  }

  @Test(arguments: [false, true]) func theHistogramStaysAndThePlacesChange(_ incorrect: Bool) throws {
    let record = Self.record("a", incorrect: incorrect)
    let plain = Self.weights(try Self.loss(record, shuffling: nil))
    let shuffled = Self.weights(try Self.loss(record, shuffling: 1))
    #expect(Set(plain).count > 10 && plain.count == 20)
    #expect(shuffled != plain)
    #expect(shuffled.sorted() == plain.sorted())
  }

  @Test func seedAndIdDecide() throws {
    func places(_ id: String, _ seed: UInt64) throws -> [String] {
      Self.weights(try Self.loss(Self.record(id), shuffling: seed))
    }
    #expect(try places("a", 1) == places("a", 1))
    #expect(try places("a", 1) != places("a", 2))
    #expect(try places("a", 1) != places("b", 1))
  }

  /// Sequence, targets and predictions stay: only the weights move.
  @Test func everythingElseStays() throws {
    let plain = try Self.loss(Self.record("a"), shuffling: nil)
    let shuffled = try Self.loss(Self.record("a"), shuffling: 1)
    #expect(shuffled.sequences[0].tokens == plain.sequences[0].tokens)
    #expect(shuffled.sequences[0].positions == plain.sequences[0].positions)
    #expect(shuffled.sequences[0].targets == plain.sequences[0].targets)
    #expect(shuffled.settings?.hasSuffix(" --factor 10.0 --shuffle-weights 1") == true)
    #expect(plain.settings?.hasSuffix(" --factor 10.0") == true)
  }
}
