import GoldenData
import Maps
import Records
import Saliency
import SaliencyCases
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Records with their scores, and settings under which tool and page must agree on them.
struct PageCases {
  let records: [ScoredRecord]
  let builders: [LossBuilder]

  /// The golden cases, each as a correct and as an incorrect response; without them, generated ones alone.
  static func all(shuffling: UInt64? = nil) throws -> PageCases {
    var records = (1...12).flatMap { generated(seed: UInt64($0)) }
    if GoldenData.isThere {
      for (number, golden) in try SaliencyCase.all().enumerated() {
        records += both("golden-\(number)", golden.count) { tokens, id in golden.scores(tokens: tokens, id: id) }
      }
    }
    // What methods refuse: a missing critique, missing states, missing scores, missing tokens.
    func odd(_ id: String, like record: ScoredRecord, change: (inout ScoredRecord) -> Void) {
      var odd = record
      odd.id = id
      odd.scores?.origin.id = nil
      change(&odd)
      records.append(odd)
    }
    let (correct, incorrect) = (records[0], records[1])
    odd("no-judge", like: incorrect) { $0.scores?.judge = nil }
    odd("no-states", like: correct) { $0.scores?.hidden = nil }
    odd("no-standard", like: correct) {
      $0.scores?.standard = nil
      $0.answer = nil
    }
    odd("no-scores", like: incorrect) { $0.scores = nil }
    odd("no-response", like: correct) {
      $0.response = nil
      $0.scores = nil
    }
    return PageCases(records: records, builders: try builders(shuffling: shuffling))
  }

  private static func both(
    _ id: String, _ count: Int, scores: ([Int32], String) -> ScoresFrame
  ) -> [ScoredRecord] {
    let tokens = (0..<count).map { Int32(100 + $0 * 7 % 50) }
    return [false, true].map { isIncorrect in
      let id = "\(id)-\(isIncorrect)"
      return ScoredRecord(
        id: id, isIncorrect: isIncorrect, basePrompt: Array(repeating: 1, count: 20 + count % 5),
        response: tokens, answer: Array(repeating: 2, count: 9),
        judgePrompt: Array(repeating: 3, count: 12 + count % 7),
        scores: scores(tokens, id))
    }
  }

  /// States that turn slowly, and probabilities of all sizes.
  private static func generated(seed: UInt64) -> [ScoredRecord] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random() -> Float {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Float(state % 20_001) / 10_000 - 1
    }
    let count = 10 + Int(seed) * 11
    let dimension = 24
    var current = (0..<dimension).map { _ in random() }
    var states: [Float] = []
    for _ in 0..<count {
      current = current.map { $0 * 0.8 + random() * 0.6 }
      states += current
    }
    func logarithms() -> [Float] {
      (0..<count).map { _ in
        let size = random()
        return size > 0 ? -0.1 * size * size : -6 * size * size
      }
    }
    let (base, standard, judge) = (logarithms(), logarithms(), logarithms())
    return both("generated-\(seed)", count) { tokens, id in
      ScoresFrame(
        origin: FrameOrigin(id: id), tokens: tokens, base: base, standard: standard, judge: judge,
        hidden: ScoresFrame.Hidden(values: states, dimension: dimension))
    }
  }

  private static func builders(shuffling: UInt64?) throws -> [LossBuilder] {
    var builders = try LossMethod.allCases.map { try LossBuilder(method: $0, shuffling: shuffling) }
    let changes: [(inout SaliencyConstants) -> Void] = [
      { $0.threshold = 0.5 }, { $0.threshold = 0.801 }, { $0.threshold = 0.999 },
      { ($0.salientRule, $0.liftRatio) = (.lift, 1.1) }, { ($0.salientRule, $0.liftRatio) = (.lift, 3) },
      { $0.powers = SaliencyConstants.Powers(salient: 0.7, cluster: 2, plain: 0) },
      { ($0.ratioBase, $0.ratioStandard, $0.floor) = (1.05, 1.3, 0.2) },
      { ($0.ratioBase, $0.ratioStandard, $0.floor) = (3, 0, 0) },
      { $0.share = 0.5 }, { $0.share = 0 }, { ($0.centre, $0.unlikelihoodScale) = (-0.75, 1.3) },
      { ($0.incorrectPower, $0.share) = (0.5, 1) }, { ($0.incorrectPower, $0.share) = (0, 1) },
      { $0.clustering = .off }, { $0.judgeTerm = .aligned }, { $0.judgeTerm = .reference },
      { ($0.answerTerm, $0.correctAnswerTerm) = (0, 0.3) }, { ($0.answerTerm, $0.correctAnswerTerm) = (1.7, 0) },
      { $0.factor = 0.37 }, { ($0.unlikelihoodScale, $0.share, $0.answerTerm) = (0, 0, 0) },
    ]
    for method in [LossMethod.nlft, .nlftReference] {
      for change in changes {
        var constants = method.preset
        change(&constants)
        builders.append(try LossBuilder(method: method, constants: constants, shuffling: shuffling))
      }
    }
    for clustering in [SaliencyConstants.Clustering.near, .far] {
      for limit in [0, 0.05, 0.1, 0.2, 0.301, 0.4, 0.55, 0.7, 0.9, 1, 1.1, 1.4, 2] {
        var constants = SaliencyConstants.nlft
        (constants.clustering, constants.clusterLimit) = (clustering, limit)
        builders.append(try LossBuilder(method: .nlft, constants: constants, shuffling: shuffling))
      }
    }
    var constants = LossMethod.cut.preset
    (constants.cutRatio, constants.cutUnlikelihood, constants.factor) = (2, 0.85, 3)
    builders.append(try LossBuilder(method: .cut, constants: constants, shuffling: shuffling))
    return builders
  }

  // MARK: The page and what it must say

  /// Writes the page of the records.
  func write(to path: String, settings: MapSettings) throws {
    let page = try MapPage(path: path, settings: settings)
    for record in records {
      var fields = Record()
      fields.set("id", to: .string(record.id))
      try page.append(
        MapRecord(fields, scored: record, limits: settings.limits, shuffling: settings.builder.shuffling))
    }
    try page.finish()
  }

  /// What compare.js takes: settings, and what the tool makes of each record under them.
  var expected: JSON {
    .array(
      builders.map { builder in
        .object([
          "method": .string(builder.method.rawValue),
          "options": .object(
            builder.constants.options(of: builder.method).map { JSON.Member($0.option, .string($0.value)) }),
          "isShuffled": .bool(builder.shuffling != nil),
          "records": .array(records.map { Self.expected($0, builder) }),
        ])
      })
  }

  private static func expected(_ record: ScoredRecord, _ builder: LossBuilder) -> JSON {
    do {
      let loss = try builder.loss(for: record)
      let weights = try builder.responseWeights(of: record)
      // The response's own sequence is the first, unless it has no weight at all or is not learnt.
      let own = weights.map { $0.likelihood.contains { $0 != 0 } || $0.unlikelihood.contains { $0 != 0 } } ?? false
      let terms = loss.sequences.dropFirst(own ? 1 : 0)
      var members: [JSON.Member] = [
        JSON.Member(
          "terms",
          .array(terms.map { .array([.integer($0.positions.count), .double(Double($0.likelihood.first ?? 0))]) }))
      ]
      if let weights {
        // From the frame where the response is in it: what nlft-step will read.
        var likelihood = weights.likelihood.map { _ in Float(0) }
        var unlikelihood = likelihood
        if own, let sequence = loss.sequences.first {
          for (index, position) in sequence.positions.enumerated() {
            let token = Int(position) - (record.basePrompt?.count ?? 0) + 1
            likelihood[token] = sequence.likelihood[index]
            unlikelihood[token] = sequence.unlikelihood[index]
          }
        }
        members += [
          JSON.Member("classes", .string((loss.classes ?? []).map { "\($0.rawValue)" }.joined())),
          JSON.Member("likelihood", .array(likelihood.map { .double(Double($0)) })),
          JSON.Member("unlikelihood", .array(unlikelihood.map { .double(Double($0)) })),
        ]
      }
      return .object(members)
    } catch { return .object(["refusal": .string("\(error)")]) }
  }
}
