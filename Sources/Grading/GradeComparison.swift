import Records

/// A run compared with another over the same records, paired by `id`.
public struct GradeComparison: Sendable {
  /// The other stream's name.
  public let name: String
  private var others: [String: Bool] = [:]
  private var pairs: [(cluster: String, mine: Bool, other: Bool)] = []
  private var alone = 0

  /// Reads a graded stream to compare with.
  /// - Throws: `FileError` if it cannot be read; `RecordError`, with file and line, if a line has no `id` or no `correct`.
  public init(path: String) throws {
    name = path
    let reader = try RecordReader(paths: [path])
    while let line = try reader.next() {
      do {
        let record = try line.record.get()
        guard let id = record.idText else { throw RecordError(missing: "id") }
        guard let isCorrect = try record.optionalBool("correct") else { throw RecordError(missing: "correct") }
        guard others.updateValue(isCorrect, forKey: id) == nil else {
          throw RecordError("another record before it has the same id")
        }
      } catch {
        throw RecordError("\(path): line \(line.number): \(error)")
      }
    }
  }

  /// Adds the verdict on a record of this run.
  public mutating func add(_ grade: Grade, of record: Record) {
    guard let id = record.idText, let other = others.removeValue(forKey: id) else {
      alone += 1
      return
    }
    pairs.append((question(of: record, position: pairs.count), grade.isCorrect, other))
  }

  /// How many records stand in both streams.
  public var count: Int { pairs.count }

  /// How many records stand in one of the streams only.
  public var unpaired: Int { alone + others.count }

  /// This run's accuracy minus the other's, and the standard error of that, over the pairs.
  public var difference: ClusteredMean {
    ClusteredMean(pairs.map { ($0.cluster, ($0.mine ? 1 : 0) - ($0.other ? 1 : 0)) })
  }

  private var gains: Int { pairs.count { $0.mine && !$0.other } }
  private var losses: Int { pairs.count { !$0.mine && $0.other } }

  /// McNemar's exact p; nil without pairs, and when questions have several samples, which it would take for independent.
  public var probability: Double? {
    let difference = difference
    guard count > 0, difference.clusters == difference.count else { return nil }
    return mcNemarProbability(gains: gains, losses: losses)
  }

  /// The line for people: `difference +0.021 ± 0.012 (n 400, p 0.093) from base.jsonl`.
  public var line: String {
    let difference = difference
    let p = probability.map { $0 < 0.0005 ? ", p < 0.001" : ", p \(threeDecimals($0))" } ?? ""
    return "difference \(threeDecimals(difference.mean, signed: true)) ± \(threeDecimals(difference.standardError))"
      + " (n \(count)\(p)) from \(name)"
  }

  /// The comparison as an object; `only_here` and `only_there` count the records that one stream alone has.
  public var json: JSON {
    let difference = difference
    return .object([
      "with": .string(name),
      "n": .integer(count),
      "only_here": .integer(alone),
      "only_there": .integer(others.count),
      "accuracy": number(mean { $0.mine }),
      "accuracy_there": number(mean { $0.other }),
      "difference": number(difference.mean),
      "standard_error": number(difference.standardError),
      "gains": .integer(gains),
      "losses": .integer(losses),
      "mcnemar_p": number(probability),
    ])
  }

  private func mean(_ holds: ((cluster: String, mine: Bool, other: Bool)) -> Bool) -> Double? {
    pairs.isEmpty ? nil : Double(pairs.count(where: holds)) / Double(pairs.count)
  }
}
