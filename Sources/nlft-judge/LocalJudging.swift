import Critics
import Records
import ToolSupport

/// A critic in this process.
enum LocalCritic {
  /// A template around the standard answer.
  case answer
  /// Nobody: only what records bring.
  case none
  /// The trained model.
  case own(ModelCritic)
  /// Another model.
  case other(ModelCritic, path: String)

  /// The critic's name in messages.
  var name: String {
    switch self {
    case .answer: "answer"
    case .none: "none"
    case .own: "self"
    case .other(_, let path): "model \(path)"
    }
  }
}

/// Judges records with a critic in this process: some are criticised together, then scored together.
struct LocalJudging {
  let bench: JudgesBench
  let critic: LocalCritic

  /// Judges the whole stream.
  func run(batch: Int) throws {
    if case .other = critic { bench.stream.note("critic \(critic.name)") }
    var written = 0
    var waiting: [NumberedRecord] = []
    func judge() throws {
      try bench.score(try criticized(waiting, &written))
      waiting = []
    }
    while let numbered = try bench.stream.next() {
      waiting.append(numbered)
      if waiting.count == batch { try judge() }
    }
    try judge()
    if written > 0 { bench.stream.note("critiques: \(written) by \(critic.name)") }
  }

  /// The records with a critique where they want one; those whose critique failed are failed.
  private func criticized(_ records: [NumberedRecord], _ written: inout Int) throws -> [NumberedRecord] {
    var kept: [NumberedRecord] = []
    var wanting: [Int] = []
    for numbered in records {
      try bench.checkArchive(numbered.record)
      do {
        if try bench.wantsCritique(numbered.record) { wanting.append(kept.count) }
        kept.append(numbered)
      } catch { try bench.stream.fail(numbered, error) }
    }
    var failed = Set<Int>()
    for (place, critique) in zip(wanting, try critiques(of: wanting.map { kept[$0].record })) {
      do {
        guard let text = try critique.get() else { continue }
        kept[place].record.set("judgment", to: .string(text))
        written += 1
      } catch {
        failed.insert(place)
        try bench.stream.fail(kept[place], error)
      }
    }
    return kept.indices.filter { !failed.contains($0) }.map { kept[$0] }
  }

  /// A critique for each record, or nil where it stays without.
  private func critiques(of records: [Record]) throws -> [Result<String?, any Error>] {
    switch critic {
    case .none: return records.map { _ in .success(nil) }
    case .answer: return records.map { record in Result { try AnswerCritique.text(for: record) } }
    case .own(let model): return try model.critiques(of: records).map { $0.map { $0 } }
    case .other(let model, _):
      // Tokens that a record carries are the trained model's.
      let texts = records.map { record in
        var record = record
        record.removeTokens("critique")
        return record
      }
      return try model.critiques(of: texts).map { $0.map { $0 } }
    }
  }
}
