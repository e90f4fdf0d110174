import Checkpoints
import Kernels
import Sampling
import Testing
import TinyModels
import Transformer

@Suite struct SamplerTests {
  private let model: TransformerModel
  private let prompts: [[Int32]]
  private let stopTokens = Set((0..<12).map { Int32($0 * 20) })
  private static let maximum = 30

  init() throws {
    var shape = TinyModel.Shape()
    shape.tiedHead = false
    let tiny = try TinyModel(shape)
    model = TransformerModel(
      checkpoint: try tiny.checkpoint(), adapter: tiny.adapter(), products: try Products(threads: 2))
    var generator = SplitMix64(seed: 5)
    let instruction = generator.tokens(40, vocabulary: shape.vocabularySize)
    // Long shared beginnings, a duplicate, one that begins another, a single token and one of more than a block.
    prompts =
      (1...5).map { instruction + generator.tokens($0 * 7, vocabulary: shape.vocabularySize) } + [
        instruction, instruction, generator.tokens(1, vocabulary: shape.vocabularySize),
        generator.tokens(150, vocabulary: shape.vocabularySize),
        instruction + generator.tokens(2, vocabulary: shape.vocabularySize),
      ]
  }

  private func requests(_ run: UInt64 = 0) -> [SamplingRequest] {
    prompts.enumerated().map {
      SamplingRequest(prompt: $1, seed: SamplingRequest.seed(run: run, id: "\($0)"))
    }
  }

  private func sample(_ requests: [SamplingRequest], _ choice: TokenChoice, batch: Int) throws -> [SampledResponse?] {
    let sampler = Sampler(
      model: model, choice: choice, stopTokens: stopTokens, maximumTokens: Self.maximum, batch: batch)
    var responses = [SampledResponse?](repeating: nil, count: requests.count)
    var waiting = requests.indices
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      waiting.popFirst().map { ($0, requests[$0]) }
    } finished: { (tag: Int, response) in
      #expect(responses[tag] == nil, "once each")
      responses[tag] = try response.get()
    }
    return responses
  }

  /// Without cache or batch: a pass over the whole sequence for each token.
  private func plain(_ request: SamplingRequest, _ choice: TokenChoice) -> [Int32] {
    var generator = SplitMix64(seed: request.seed)
    var tokens: [Int32] = []
    while tokens.count < Self.maximum {
      let sequence = request.prompt + tokens
      let logits = model.logits(PackedLayout([sequence]))
      let last = Array(logits.values.suffix(logits.columns))
      let token = last.withUnsafeBufferPointer { choice.choose($0, uniform: generator.unit()) }
      tokens.append(token)
      if stopTokens.contains(token) { break }
    }
    return tokens
  }

  private static let choices = [
    TokenChoice(temperature: 0.8), TokenChoice(temperature: 0), TokenChoice(temperature: 1.2, topP: 0.9, topK: 100),
  ]

  @Test(arguments: choices) func everyBatchGivesTheResponsesOfPlainPasses(_ choice: TokenChoice) throws {
    let requests = requests()
    let expected = requests.map { plain($0, choice) }
    for batch in [1, 3, 8, 100] {
      #expect(try sample(requests, choice, batch: batch).map { $0?.tokens } == expected, "batch \(batch)")
    }
  }

  @Test func finishReasonsSayHowResponsesEnd() throws {
    var reasons: [SampledResponse.Finish: Int] = [:]
    for response in try sample(requests(), TokenChoice(temperature: 0.8), batch: 4) {
      let response = try #require(response)
      reasons[response.finish, default: 0] += 1
      let body = response.tokens.dropLast()
      #expect(!body.contains(where: stopTokens.contains), "nothing follows a stop token")
      switch response.finish {
      case .stop: #expect(response.tokens.last.map(stopTokens.contains) == true)
      case .length:
        #expect(response.tokens.count == Self.maximum && response.tokens.last.map(stopTokens.contains) == false)
      }
    }
    #expect((reasons[.stop] ?? 0) > 0 && (reasons[.length] ?? 0) > 0, "the case has both")
  }

  @Test func aStopTokenAtTheLimitIsAStop() throws {
    let everything = Set((0..<259).map(Int32.init))
    let sampler = Sampler(
      model: model, choice: TokenChoice(temperature: 1), stopTokens: everything, maximumTokens: 1, batch: 2)
    var waiting = requests()[...]
    var finishes: [SampledResponse.Finish] = []
    try sampler.run {
      waiting.popFirst().map { ((), $0) }
    } finished: { (_: Void, response) in
      finishes.append(try response.get().finish)
    }
    #expect(finishes == [SampledResponse.Finish](repeating: .stop, count: prompts.count))
  }

  @Test func seedsDecideTheResponses() throws {
    let choice = TokenChoice(temperature: 0.8)
    let first = try sample(requests(1), choice, batch: 8)
    #expect(try sample(requests(1), choice, batch: 8) == first)
    let second = try sample(requests(2), choice, batch: 8)
    #expect(zip(first, second).allSatisfy { $0 != $1 })
    // Prompts 5 and 6 are the same; only their ids differ.
    #expect(prompts[5] == prompts[6] && first[5] != first[6])
    // What stands before a request does not matter.
    let reversed = try sample(requests(1).reversed(), choice, batch: 3)
    #expect(Array(reversed.reversed()) == first)
  }

  @Test func seedsOfRecordsDiffer() {
    let seeds = (0..<50).flatMap { id in
      [0, 1, 1 << 32, UInt64.max].map { SamplingRequest.seed(run: $0, id: "\(id)") }
    }
    #expect(Set(seeds).count == seeds.count)
    #expect(SamplingRequest.seed(run: 3, id: "a") == SamplingRequest.seed(run: 3, id: "a"))
  }

  /// Requests are taken as room is made, and each response comes as soon as it is complete.
  @Test(arguments: [1, 3, 8]) func neverMoreThanABatchIsUnderWay(_ batch: Int) throws {
    let sampler = Sampler(
      model: model, choice: TokenChoice(temperature: 0.8), stopTokens: stopTokens, maximumTokens: 10, batch: batch)
    let many = (0..<3).flatMap { requests(UInt64($0)) }
    var (taken, done, most) = (0, 0, 0)
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      guard taken < many.count else { return nil }
      taken += 1
      most = max(most, taken - done)
      return (taken - 1, many[taken - 1])
    } finished: { (_: Int, _) in
      done += 1
    }
    #expect(taken == many.count && done == many.count)
    #expect(most == batch)
  }

  private struct Interruption: Error {}

  @Test func errorsOfTheCallerComeThrough() throws {
    let sampler = Sampler(
      model: model, choice: TokenChoice(temperature: 0), stopTokens: stopTokens, maximumTokens: 5, batch: 2)
    #expect(throws: Interruption.self) {
      try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
        throw Interruption()
      } finished: { _, _ in
      }
    }
    let request = requests()[0]
    #expect(throws: Interruption.self) {
      try sampler.run {
        (0, request)
      } finished: { (_: Int, _) in
        throw Interruption()
      }
    }
    try sampler.run { () -> (tag: Int, request: SamplingRequest)? in
      nil
    } finished: { _, _ in
      Issue.record("there was no request")
    }
  }
}
