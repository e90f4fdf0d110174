import Records

/// What the grades of a run add up to.
public struct GradeSummary: Sendable {
  /// The rule that decides `correct`.
  public let extraction: Extraction
  /// When values agree.
  public let matching: Matching
  /// How many records could not be graded.
  public var failed = 0
  private var grades: [(cluster: String, grade: Grade)] = []

  /// A summary without grades.
  public init(extraction: Extraction, matching: Matching) {
    self.extraction = extraction
    self.matching = matching
  }

  /// Adds a grade. Samples of one question belong together.
  public mutating func add(_ grade: Grade, of record: Record) {
    grades.append((question(of: record, position: grades.count), grade))
  }

  /// The accuracy and its standard error.
  public var accuracy: ClusteredMean { mean { $0.isCorrect } }

  private func mean(_ holds: (Grade) -> Bool) -> ClusteredMean {
    ClusteredMean(grades.map { ($0.cluster, holds($0.grade) ? 1 : 0) })
  }

  /// The line for people: `accuracy 0.153 ± 0.018 (n 400)`.
  public var line: String {
    let accuracy = accuracy
    let questions = accuracy.clusters < accuracy.count ? ", questions \(accuracy.clusters)" : ""
    return "accuracy \(threeDecimals(accuracy.mean)) ± \(threeDecimals(accuracy.standardError))"
      + " (n \(accuracy.count)\(questions))"
  }

  /// The summary as an object. Numbers that are not defined for so few records are null, and so is the Wilson interval,
  /// which takes records for independent, when questions have several samples.
  public var json: JSON {
    let accuracy = accuracy
    let correct = grades.count { $0.grade.isCorrect }
    let isIndependent = accuracy.clusters == accuracy.count
    let wilson = isIndependent ? wilsonInterval(successes: correct, count: accuracy.count) : nil
    return .object([
      "n": .integer(accuracy.count),
      "questions": .integer(accuracy.clusters),
      "failed": .integer(failed),
      "extract": .string(extraction.rawValue),
      "match": .string(matching.rawValue),
      "correct": .integer(correct),
      "accuracy": number(accuracy.mean),
      "standard_error": number(accuracy.standardError),
      "wilson_95": wilson.map { .array([.double($0.lower), .double($0.upper)]) } ?? .null,
      "format_compliance": number(mean { $0.isInFormat }.mean),
      "accuracy_by_extract": .object(
        Extraction.allCases.map { extraction in
          JSON.Member(extraction.rawValue, number(mean { $0.verdicts[extraction] == true }.mean))
        }),
    ])
  }
}

/// The question that a record is a sample of: its `source` if its `id` is that with `/k` behind it, as nlft-sample names
/// samples; otherwise the record stands for itself. (A `source` alone may be the name of a data set.)
func question(of record: Record, position: Int) -> String {
  if let id = record.idText, let source = record["source"], let slash = id.utf8.lastIndex(of: UInt8(ascii: "/")) {
    let name = if case .number(let digits) = source { digits } else { source.string }
    let sample = id.utf8[id.utf8.index(after: slash)...]
    let isNumber = !sample.isEmpty && sample.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    if isNumber, let name, id.utf8[..<slash].elementsEqual(name.utf8) { return "source " + name }
  }
  return "record \(position)"
}

/// A number that may be undefined, as JSON.
func number(_ value: Double?) -> JSON { value.map { .double($0) } ?? .null }

/// A number with three decimals, "–" if it is undefined.
func threeDecimals(_ value: Double?, signed: Bool = false) -> String {
  guard let value else { return "–" }
  let thousandths = Int((abs(value) * 1000).rounded())
  let digits = String(thousandths % 1000)
  let sign = value < 0 && thousandths > 0 ? "-" : signed ? "+" : ""
  return "\(sign)\(thousandths / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
}
