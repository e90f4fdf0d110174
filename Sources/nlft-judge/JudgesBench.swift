import Judging
import Prompting
import Records
import Tensors
import ToolSupport

/// Scores records whose critiques are there, and completes them.
struct JudgesBench {
  let prompter: RecordPrompter
  let scorer: ResponseScorer
  let archive: ArchiveWriter
  let origin: FrameOrigin
  let stream: ToolStream

  /// A record that can be scored.
  private struct Candidate {
    let record: NumberedRecord
    let request: ScoringRequest
    /// The standard answer's tokens: not scored, but some methods learn them.
    let answer: [Int32]?
  }

  /// Whether a record is incorrect and brings no critique: one that is there is not asked for again.
  func wantsCritique(_ record: Record) throws -> Bool {
    try record.isIncorrect() && record.optionalString("judgment") == nil
  }

  /// Throws what ends the tool if the record was judged before and its scores are in the archive that is being written:
  /// they would be lost before there are new ones.
  func checkArchive(_ record: Record) throws {
    do { try ToolSupport.checkArchive(archive.path, besides: record) } catch is TensorError {
      // No reference: there is nothing to lose.
    }
  }

  /// Throws if a record cannot be scored, whatever its critique will be.
  func validate(_ record: Record) throws { try scorer.validate(request(for: record)) }

  /// Scores records and completes each, or fails it.
  func score(_ records: [NumberedRecord]) throws {
    var valid: [Candidate] = []
    for numbered in records {
      do {
        let request = try request(for: numbered.record)
        try scorer.validate(request)
        valid.append(
          Candidate(record: numbered, request: request, answer: try prompter.answer(of: numbered.record)))
      } catch {
        try stream.fail(numbered, error)
      }
    }
    for pass in scorer.passes(valid.map(\.request)) { try score(Array(valid[pass])) }
  }

  private func request(for record: Record) throws -> ScoringRequest {
    guard record.idText != nil else { throw RecordError(missing: "id") }
    guard let output = try prompter.response(of: record) else { throw RecordError(missing: "output") }
    return ScoringRequest(
      base: try prompter.requiredPrompt(.base, of: record), standard: try prompter.prompt(.standard, of: record),
      judge: try prompter.prompt(.judge, of: record), output: output)
  }

  private func score(_ group: [Candidate]) throws {
    for (candidate, scores) in zip(group, scorer.score(group.map(\.request))) {
      let (numbered, request) = (candidate.record, candidate.request)
      let logProbabilities = [scores.base, scores.standard, scores.judge].compactMap { $0 }
      guard logProbabilities.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
        let cause = scorer.firstNonFinite(request).map { ": \($0)" } ?? ""
        try stream.fail(numbered, RecordError("a log-probability is not finite\(cause)"))
        continue
      }
      var frame = scores
      frame.origin = origin
      frame.origin.id = numbered.record.idText
      var record = numbered.record
      record.setTokens("base", request.base)
      if let standard = request.standard { record.setTokens("standard", standard) }
      if let judge = request.judge { record.setTokens("judge", judge) }
      record.setTokens("output", request.output)
      if let answer = candidate.answer { record.setTokens("answer", answer) }
      record.set("scores", to: try archive.append(frame.file).json)
      try stream.complete(numbered, with: [record])
    }
  }
}
