import Judging
import Records
import Saliency
import Tensors
import Transformer

/// Judged records whose losses are made anew for each step, from the scores of the adapter as it is then.
///
/// For a step's records this is what nlft-judge and nlft-saliency do, less the archives between them.
public struct LiveRecords: LossSource {
  private struct Member {
    let judged: ScoredRecord
    /// What is scored of it; nil where the method reads no scores.
    let request: ScoringRequest?
    /// The record as the step's own pass scores it; nil if that is not asked for.
    let live: LiveRecord?
  }

  /// What turns scores into losses.
  public let builder: LossBuilder
  /// Whether scores are taken from the pass that is differentiated, with its dropout.
  public let singlePass: Bool
  private let model: TransformerModel
  private let hidden: ResponseScorer.HiddenStates
  private let scorer: ResponseScorer
  private let weighing: LiveWeighing
  private var members: [Member] = []

  /// No records yet.
  /// - Parameters:
  ///   - model: the model with the adapter that is trained.
  ///   - builder: turns scores into losses.
  ///   - hidden: how states are rounded, as by nlft-judge's option of that name.
  ///   - singlePass: whether scores are taken from the pass that is differentiated, with its dropout, and not from a
  ///     pass before it, without dropout. Without dropout both ways agree but for rounding.
  public init(
    model: TransformerModel, builder: LossBuilder, hidden: ResponseScorer.HiddenStates, singlePass: Bool = false
  ) {
    self.model = model
    self.builder = builder
    self.singlePass = singlePass
    self.hidden = builder.needsHidden ? hidden : .none
    scorer = ResponseScorer(model: model, hidden: self.hidden)
    weighing = LiveWeighing(builder: builder, scorer: scorer, model: model)
  }

  /// How many records were taken in.
  public var count: Int { members.count }

  /// The builder's, one text.
  public var settings: [String] { [builder.settings] }

  /// Takes a record in after checking that it has what the method needs, in tokens that the model has.
  /// - Throws: `SaliencyError`, of kind `leftOut` if the method leaves the record out by definition; `ScoringError`,
  ///   `TokenRangeError` or `TrainingError` if it does not fit the model.
  public mutating func append(_ judged: ScoredRecord) throws {
    let request = try request(for: judged)
    if let request {
      try scorer.validate(request)
      if builder.readsAnswer(isIncorrect: judged.isIncorrect) {
        let answer = try judged.required(\.answer, "answer")
        try model.validate(answer)
        try checkLength(request.base.count + answer.count)
      }
    } else {
      let frame = try builder.loss(for: judged)
      _ = try TrainingRecord(id: judged.id, frame: frame, model: model)
      try checkLength(frame.sequences.map(\.tokens.count).max() ?? 0)
    }
    let live = singlePass ? try request.map { try LiveRecord(judged, request: $0, builder: builder) } : nil
    members.append(Member(judged: judged, request: request, live: live))
  }

  private func checkLength(_ longest: Int) throws(TrainingError) {
    guard longest <= model.configuration.contextLength else {
      throw TrainingError(
        "prompt and response have \(longest) tokens, expected at most the model's context of "
          + "\(model.configuration.contextLength)")
    }
  }

  private func request(for judged: ScoredRecord) throws(SaliencyError) -> ScoringRequest? {
    guard let prompts = builder.prompts(isIncorrect: judged.isIncorrect) else { return nil }
    if prompts.judge, judged.judgePrompt == nil {
      throw SaliencyError(.record, "an incorrect record without a critique: has no \"tokens.judge\"")
    }
    return ScoringRequest(
      base: try judged.required(\.basePrompt, "base"),
      standard: prompts.standard ? try judged.required(\.standardPrompt, "standard") : nil,
      judge: prompts.judge ? try judged.required(\.judgePrompt, "judge") : nil,
      output: try judged.required(\.response, "output"))
  }

  /// Scores the records with the adapter as it is now and weighs their tokens.
  public func losses(of indices: [Int]) throws(TrainingError) -> StepLosses {
    let chosen = indices.map { members[$0] }
    var scores = self.scores(of: chosen.compactMap(\.request))[...]
    var losses = StepLosses(records: [])
    for member in chosen {
      let frame = member.request == nil ? nil : scores.popFirst()
      if let record = try weighing.record(member.judged, scores: frame) {
        losses.records.append(record)
      } else {
        losses.weightless.append(member.judged.id)
      }
    }
    return losses
  }

  /// The records, if their scores come from the pass.
  public func liveBatch(of indices: [Int]) -> LiveBatch? {
    guard singlePass, builder.method.needsScores else { return nil }
    return LiveBatch(records: indices.compactMap { members[$0].live }, weighing: weighing)
  }

  private func scores(of requests: [ScoringRequest]) -> [ScoresFrame] {
    scorer.passes(requests).flatMap { scorer.score(Array(requests[$0])) }
  }

  /// The record's.
  public func id(of index: Int) -> String { members[index].judged.id }

  /// What is scored, which is learned from afterwards; without scores the prompt with response and answer.
  public func workload(of index: Int) -> Workload {
    let judged = members[index].judged
    let sequences =
      members[index].request?.sequences
      ?? [judged.response, judged.answer].compactMap { $0.map { (judged.basePrompt ?? []) + $0 } }
    return Workload(sequences: sequences, predictions: sequences.count * (judged.response ?? judged.answer ?? []).count)
  }

  /// The settings, and the records' ids, verdicts and tokens. Where the scores come from counts if they differ.
  public func add(to fingerprint: inout Fingerprint) {
    let hasDropout = (model.adapter?.configuration.dropout ?? 0) > 0
    fingerprint.add(
      "live \(builder.settings) \(hidden.rawValue)"
        + (singlePass && hasDropout && builder.method.needsScores ? " single pass" : ""))
    for judged in members.map(\.judged) {
      fingerprint.add(judged.id)
      fingerprint.add(judged.isIncorrect ? 1 as UInt8 : 0)
      let lists = [judged.basePrompt, judged.response, judged.answer, judged.standardPrompt, judged.judgePrompt]
      for tokens in lists {
        fingerprint.add(Int32(truncatingIfNeeded: tokens?.count ?? -1))
        for token in tokens ?? [] { fingerprint.add(token) }
      }
    }
  }
}
