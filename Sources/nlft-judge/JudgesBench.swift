import Judging
import Prompting
import Records
import Tensors
import ToolSupport

/// Takes records through criticism and scoring, some at a time.
struct JudgesBench {
  let prompter: RecordPrompter
  let critic: Critic
  let selfCritic: SelfCritic
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

  /// Judges records and completes each, or fails it.
  func judge(_ records: [NumberedRecord]) throws {
    var valid: [Candidate] = []
    for numbered in try criticized(records) {
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

  /// The records with a critique where they want one; those whose critique failed are failed.
  private func criticized(_ records: [NumberedRecord]) throws -> [NumberedRecord] {
    var result: [NumberedRecord] = []
    var wanting: [Int] = []
    for var numbered in records {
      do {
        let isIncorrect = try numbered.record.isIncorrect()
        let hasCritique = try numbered.record.optionalString("judgment") != nil
        switch critic {
        case .answer where isIncorrect && !hasCritique:
          numbered.record.set("judgment", to: .string(try AnswerCritique.text(for: numbered.record)))
        case .`self` where isIncorrect && !hasCritique: wanting.append(result.count)
        default: break
        }
        result.append(numbered)
      } catch {
        try stream.fail(numbered, error)
      }
    }
    guard !wanting.isEmpty else { return result }
    var failed = Set<Int>()
    for (place, critique) in zip(wanting, try selfCritic.critiques(of: wanting.map { result[$0].record })) {
      do {
        result[place].record.set("judgment", to: .string(try critique.get()))
      } catch {
        failed.insert(place)
        try stream.fail(result[place], error)
      }
    }
    return result.indices.filter { !failed.contains($0) }.map { result[$0] }
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
        try stream.fail(numbered, RecordError("a log-probability is not finite"))
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

  /// Ends the archive.
  func close() throws { try archive.close() }
}
