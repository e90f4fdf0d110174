import Kernels
import Tensors
import Transformer

/// A response with the prompts under which it is to be read.
public struct ScoringRequest: Sendable {
  /// `tokens.base`.
  public var base: [Int32]
  /// `tokens.standard`; nil where there is no standard answer.
  public var standard: [Int32]?
  /// `tokens.judge`; nil where there is no critique.
  public var judge: [Int32]?
  /// `tokens.output`, not empty.
  public var output: [Int32]

  /// A request from its parts.
  public init(base: [Int32], standard: [Int32]?, judge: [Int32]?, output: [Int32]) {
    self.base = base
    self.standard = standard
    self.judge = judge
    self.output = output
  }

  /// Prompts in a fixed order.
  var prompts: [[Int32]] { [base] + [standard, judge].compactMap { $0 } }

  /// What the model reads: each prompt with the response. The last response token predicts nothing.
  public var sequences: [[Int32]] { prompts.map { $0 + output.dropLast() } }

  /// The first position of each sequence whose state is read: all behind it are too.
  public var firstRead: [Int] { prompts.map { $0.count - 1 } }
}

/// Reads responses again under their prompts: the probability of each token, and the state that predicts it.
public struct ResponseScorer: Sendable {
  private let model: TransformerModel
  private let hidden: HiddenStates

  /// What becomes of the states that predict the response under the base prompt.
  public enum HiddenStates: String, Sendable, CaseIterable {
    /// Kept in single precision.
    case f32
    /// Kept in half precision.
    case f16
    /// Not kept.
    case none
  }

  /// A scorer. What it gives for a response does not depend on what else is scored in the same pass.
  public init(model: TransformerModel, hidden: HiddenStates) {
    self.model = model.choosing(by: .tall)
    self.hidden = hidden
  }

  /// Checks that a request's tokens are the model's and fit its context.
  /// - Throws: `TokenRangeError` or `ScoringError`.
  public func validate(_ request: ScoringRequest) throws {
    guard !request.output.isEmpty else { throw ScoringError("the response has no tokens") }
    for prompt in request.prompts {
      guard !prompt.isEmpty else { throw ScoringError("a prompt has no tokens") }
      try model.validate(prompt)
      let length = prompt.count + request.output.count
      guard length <= model.configuration.contextLength else {
        throw ScoringError(
          "prompt and response have \(length) tokens, expected at most the model's context of \(model.configuration.contextLength)"
        )
      }
    }
    try model.validate(request.output)
  }

  /// Where the model's numbers for a valid request stop being finite, for a message; nil if they do not.
  public func firstNonFinite(_ request: ScoringRequest) -> String? {
    for sequence in request.sequences {
      if let found = model.firstNonFinite(sequence) { return found }
    }
    return nil
  }

  /// Rows of one scoring pass: tall enough for fast products, and little memory.
  public static let rowLimit = 4096

  /// Takes requests apart into passes, each of as many as it has rows for and at least one.
  /// - Returns: which requests go into each pass, in their order.
  public func passes(_ requests: [ScoringRequest]) -> [Range<Int>] {
    var passes: [Range<Int>] = []
    var start = 0
    var count = model.rowCount
    for (index, request) in requests.enumerated() {
      count.add(request.sequences)
      guard count.rows > Self.rowLimit, index > start else { continue }
      passes.append(start..<index)
      start = index
      count = model.rowCount
      count.add(request.sequences)
    }
    return start < requests.count ? passes + [start..<requests.count] : passes
  }

  /// Scores several responses in one pass; what their prompts share is computed once.
  /// - Parameter requests: valid ones.
  /// - Returns: a frame for each, without its origin.
  public func score(_ requests: [ScoringRequest]) -> [ScoresFrame] {
    var sequences: [[Int32]] = []
    var starts: [Int] = []
    for request in requests {
      starts.append(sequences.count)
      sequences += request.sequences
    }
    let layout = model.layout(sequences)
    let states = model.states(layout, reading: layout.rows(from: requests.flatMap(\.firstRead)))
    return frames(of: requests, states: states) { request, sequence, position in
      layout.row(sequence: starts[request] + sequence, position: position)
    }
  }

  /// Scores responses from states that some pass has computed.
  /// - Parameters:
  ///   - states: final-norm outputs, [n, D].
  ///   - row: where the state at a position of one of a request's `sequences` is.
  /// - Returns: as `score`.
  public func frames(
    of requests: [ScoringRequest], states: Matrix,
    row: (_ request: Int, _ sequence: Int, _ position: Int) -> Int
  ) -> [ScoresFrame] {
    var rows: [Int] = []
    var targets: [Int32] = []
    for (index, request) in requests.enumerated() {
      for (sequence, prompt) in request.prompts.enumerated() {
        for (place, token) in request.output.enumerated() {
          rows.append(row(index, sequence, prompt.count - 1 + place))
          targets.append(token)
        }
      }
    }
    var logProbabilities = model.logProbabilities(states, rows: rows, targets: targets)[...]
    var remainingRows = rows[...]
    return requests.map { request in
      let count = request.output.count
      func take() -> [Float] {
        defer {
          logProbabilities = logProbabilities.dropFirst(count)
          remainingRows = remainingRows.dropFirst(count)
        }
        return Array(logProbabilities.prefix(count))
      }
      let hidden = kept(states, rows: Array(remainingRows.prefix(count)))
      let base = take()
      let standard = request.standard.map { _ in take() }
      let judge = request.judge.map { _ in take() }
      return ScoresFrame(
        origin: FrameOrigin(), tokens: request.output, base: base, standard: standard, judge: judge, hidden: hidden)
    }
  }

  private func kept(_ states: Matrix, rows: [Int]) -> ScoresFrame.Hidden? {
    guard hidden != .none else { return nil }
    let values = rows.flatMap { UnsafeBufferPointer(start: states.view.row($0), count: states.columns) }
    return ScoresFrame.Hidden(values: values, dimension: states.columns, isHalf: hidden == .f16)
  }
}

/// Why a response cannot be scored.
public struct ScoringError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what was expected.
  public let description: String

  init(_ description: String) { self.description = description }
}
