import Kernels
import Transformer

/// A prompt that wants a response.
public struct SamplingRequest: Sendable {
  /// The prompt's tokens, not empty.
  public var prompt: [Int32]
  /// Decides the random numbers of this response alone, whatever is sampled beside it.
  public var seed: UInt64

  /// A request from its parts.
  public init(prompt: [Int32], seed: UInt64) {
    self.prompt = prompt
    self.seed = seed
  }
}

/// What the model answered.
public struct SampledResponse: Sendable, Equatable {
  /// Why the response ended.
  public enum Finish: String, Sendable {
    /// With a token that ends a turn, which is the last of `tokens`.
    case stop
    /// At the most tokens allowed.
    case length
  }

  /// The response's tokens.
  public var tokens: [Int32]
  /// Why it ended.
  public var finish: Finish
}

/// Why there is no response to a request.
public struct SamplingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public let description: String
}

/// Generates responses many at a time: finished ones leave the batch, waiting ones enter.
public struct Sampler {
  /// Reads prompts.
  private let reader: TransformerModel
  /// Generates.
  private let model: TransformerModel
  private let choice: TokenChoice
  private let stopTokens: Set<Int32>
  private let maximumTokens: Int
  private let batch: Int
  private let completed: (([Int32]) -> [Int32]?)?

  /// A sampler.
  /// - Parameters:
  ///   - stopTokens: tokens that end a response.
  ///   - maximumTokens: longest response.
  ///   - batch: responses generated at the same time.
  ///   - completed: looks at a response after each token; gives the whole response if it is to end here, else nil.
  public init(
    model: TransformerModel, choice: TokenChoice, stopTokens: Set<Int32>, maximumTokens: Int, batch: Int,
    completed: (([Int32]) -> [Int32]?)? = nil
  ) {
    // What is sampled for a request does not depend on what else is under way.
    reader = model.choosing(by: .tall)
    self.model = model.choosing(by: .batch(max(1, batch)))
    self.choice = choice
    self.stopTokens = stopTokens
    self.maximumTokens = max(1, maximumTokens)
    self.batch = max(1, batch)
    self.completed = completed
  }

  private struct Stream<Tag> {
    let tag: Tag
    let prompt: [Int32]
    let cache: KeyValueCache
    var generator: SplitMix64
    var tokens: [Int32] = []

    init(tag: Tag, request: SamplingRequest, cache: KeyValueCache) {
      self.tag = tag
      prompt = request.prompt
      self.cache = cache
      generator = SplitMix64(seed: request.seed)
    }
  }

  /// Answers requests until there are no more.
  /// - Parameters:
  ///   - next: gives the next request with a tag to know it by, or nil at the end.
  ///   - finished: gets each response as soon as it is complete, in any order; a `SamplingError` where the model's
  ///     numbers are not finite.
  public func run<Tag>(
    next: () throws -> (tag: Tag, request: SamplingRequest)?,
    finished: (_ tag: Tag, _ response: Result<SampledResponse, SamplingError>) throws -> Void
  ) throws {
    var active: [Stream<Tag>] = []
    var isExhausted = false
    while true {
      // Prompts are run some at a time: a pass over one short prompt costs nearly as much as over several.
      if !isExhausted, active.count <= batch - max(1, batch / 4) {
        var waiting: [(tag: Tag, request: SamplingRequest)] = []
        while active.count + waiting.count < batch {
          guard let request = try next() else {
            isExhausted = true
            break
          }
          waiting.append(request)
        }
        if !waiting.isEmpty { active += try admit(waiting, finished: finished) }
      }
      if active.isEmpty {
        if isExhausted { return }
        continue
      }
      let states = model.extend(active.map { ($0.cache, [$0.tokens[$0.tokens.count - 1]]) })
      active = try advance(active, states: states, rows: Array(active.indices), by: model, finished: finished)
    }
  }

  private func admit<Tag>(
    _ waiting: [(tag: Tag, request: SamplingRequest)],
    finished: (Tag, Result<SampledResponse, SamplingError>) throws -> Void
  ) throws -> [Stream<Tag>] {
    let (states, ends) = reader.prefill(waiting.map(\.request.prompt))
    let streams = zip(waiting, ends).map { waiting, end in
      Stream(
        tag: waiting.tag, request: waiting.request, cache: KeyValueCache(model.configuration, parent: end.cache))
    }
    return try advance(streams, states: states, rows: ends.map(\.row), by: reader, finished: finished)
  }

  /// Gives each stream its next token and lets go of those that have ended.
  private func advance<Tag>(
    _ streams: [Stream<Tag>], states: Matrix, rows: [Int], by model: TransformerModel,
    finished: (Tag, Result<SampledResponse, SamplingError>) throws -> Void
  ) throws -> [Stream<Tag>] {
    var streams = streams
    let uniforms = streams.indices.map { streams[$0].generator.unit() }
    var chosen = [Int32?](repeating: nil, count: streams.count)
    chosen.withUnsafeMutableBufferPointer { buffer in
      let chosen = UnsafeMutableBufferPointer(rebasing: buffer[...])
      model.logits(states, rows: rows) { places, logits in
        model.products.pool.run(places.count) { part, _ in
          let place = places.lowerBound + part
          let row = UnsafeBufferPointer(start: logits.row(part), count: logits.columns)
          guard FiniteNumbers.fill(logits.row(part), count: logits.columns) else { return }
          chosen[place] = choice.choose(row, uniform: uniforms[place])
        }
      }
    }
    var active: [Stream<Tag>] = []
    for (index, token) in chosen.enumerated() {
      guard let token else {
        try finished(streams[index].tag, .failure(failure(of: streams[index])))
        continue
      }
      streams[index].tokens.append(token)
      let stream = streams[index]
      if stopTokens.contains(token) {
        try finished(stream.tag, .success(SampledResponse(tokens: stream.tokens, finish: .stop)))
      } else if let whole = completed?(stream.tokens) {
        try finished(stream.tag, .success(SampledResponse(tokens: whole, finish: .stop)))
      } else if stream.tokens.count >= maximumTokens {
        try finished(stream.tag, .success(SampledResponse(tokens: stream.tokens, finish: .length)))
      } else {
        active.append(stream)
      }
    }
    return active
  }

  private func failure<Tag>(of stream: Stream<Tag>) -> SamplingError {
    let place = stream.tokens.isEmpty ? "the prompt" : "the response's token \(stream.tokens.count)"
    let cause = reader.firstNonFinite(stream.prompt + stream.tokens).map { ": \($0)" } ?? ""
    return SamplingError(description: "the logits behind \(place) are not finite\(cause)")
  }
}
