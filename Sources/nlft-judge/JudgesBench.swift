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

  /// Judges records and completes each, or fails it.
  func judge(_ records: [NumberedRecord]) throws {
    var valid: [(record: NumberedRecord, request: ScoringRequest)] = []
    for numbered in try criticized(records) {
      let request: ScoringRequest
      do {
        request = try self.request(for: numbered.record)
        try scorer.validate(request)
      } catch {
        try stream.fail(numbered, error)
        continue
      }
      valid.append((numbered, request))
    }
    var waiting = valid[...]
    while !waiting.isEmpty {
      let group = waiting.prefix(scorer.fitting(waiting.map(\.request)[...]))
      try score(Array(group))
      waiting = waiting.dropFirst(group.count)
    }
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

  private func score(_ group: [(record: NumberedRecord, request: ScoringRequest)]) throws {
    for ((numbered, request), scores) in zip(group, scorer.score(group.map(\.request))) {
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
      record.set("scores", to: try archive.append(frame.file).json)
      try stream.complete(numbered, with: [record])
    }
  }

  /// Ends the archive.
  func close() throws { try archive.close() }
}
