import Grading
import Records
import TemporaryFolders
import Testing

@Suite struct GradeTests {
  private func record(_ text: String) throws -> Record { try Record(parsing: Array(text.utf8)) }

  @Test(arguments: [
    ("7 * 2 = 14\n#### 14", Extraction.gsm8k, "14"), ("#### 3\nso #### 4 \nbye", .gsm8k, "4"),
    ("#### yes", .gsm8k, "yes"),
    (" 1,200 ", .gsm8k, "1,200"), ("It is 12, or 13.", .lastNumber, "13"), ("#### $5", .gsm8k, "$5"),
  ])
  func expectedValues(answer: String, extraction: Extraction, value: String) throws {
    #expect(try Grade(output: "", answer: answer, extraction: extraction, matching: .number).expected == value)
  }

  @Test(arguments: ["", "no value", "It is 5.", "#### ", "#### \n5"])
  func answersWithoutValueAreRefused(answer: String) {
    #expect(throws: RecordError(#####"field "answer": found no final value, expected one behind "#### ""#####)) {
      try Grade(output: "#### 5", answer: answer, extraction: .gsm8k, matching: .number)
    }
  }

  @Test func gradesAreWrittenIntoTheRecord() throws {
    let given = try record(#####"{"output":"so 5.","answer":"#### 5","correct":null,"x":1.0}"#####)
    let strict = try Grade(given, extraction: .gsm8k, matching: .number)
    #expect(
      String(decoding: strict.applied(to: given).encoded, as: UTF8.self)
        == #####"{"output":"so 5.","answer":"#### 5","correct":false,"x":1.0,"predicted":null,"expected":"5"}"#####)
    #expect(strict.verdicts == [.gsm8k: false, .flexible: true, .lastNumber: true])
    #expect(!strict.isInFormat)
    let last = try Grade(given, extraction: .lastNumber, matching: .number)
    #expect(last.predicted == "5" && last.isCorrect)
  }

  @Test func summariesCountWhatTheyShould() throws {
    var summary = GradeSummary(extraction: .gsm8k, matching: .number)
    for output in ["#### 5", "#### 6", "it is 5", "#### 5.0"] {
      let given = try record(#####"{"output":"\#####(output)","answer":"#### 5"}"#####)
      summary.add(try Grade(given, extraction: .gsm8k, matching: .number), of: given)
    }
    #expect(summary.line == "accuracy 0.500 ± 0.289 (n 4)")
    let json = summary.json
    #expect(json["n"] == .integer(4) && json["correct"] == .integer(2) && json["questions"] == .integer(4))
    #expect(json["format_compliance"] == .double(0.75))
    #expect(json["accuracy_by_extract"]?["flexible"] == .double(0.75))
  }

  /// Pairs of records, and whether they are samples of one question.
  @Test(arguments: [
    (#"{"id":"a/3","source":"a"}"#, #"{"id":"a/4","source":"a"}"#, true),
    (#"{"id":"7/12","source":7}"#, #"{"id":"7/13","source":7}"#, true),
    (#"{"id":"a/b/3","source":"a/b"}"#, #"{"id":"a/b/4","source":"a/b"}"#, true),
    (#"{"id":"a/3","source":"a"}"#, #"{"id":"b/3","source":"b"}"#, false),
    (#"{"id":"a","source":"gsm8k"}"#, #"{"id":"b","source":"gsm8k"}"#, false),
    (#"{"id":"a/x","source":"a"}"#, #"{"id":"a/y","source":"a"}"#, false),
    (#"{"id":"a/","source":"a"}"#, #"{"id":"a/3","source":"a"}"#, false),
    (#"{"id":"b/3","source":"a"}"#, #"{"id":"b/4","source":"a"}"#, false),
    (#"{"source":"a"}"#, #"{"source":"a"}"#, false), (#"{"id":"a/3"}"#, #"{"id":"a/4"}"#, false),
  ])
  func samplesKnowTheirQuestion(one: String, other: String, areOfOneQuestion: Bool) throws {
    let grade = try Grade(output: "#### 5", answer: "#### 5", extraction: .gsm8k, matching: .number)
    var summary = GradeSummary(extraction: .gsm8k, matching: .number)
    for line in [one, other] { summary.add(grade, of: try record(line)) }
    #expect(summary.accuracy.clusters == (areOfOneQuestion ? 1 : 2))
    #expect(summary.json["questions"] == .integer(areOfOneQuestion ? 1 : 2))
  }

  /// Graded records of which the first `correct` are correct.
  private func grades(_ count: Int, correct: Int) throws -> [(grade: Grade, record: Record)] {
    try (0..<count).map { number in
      let output = number < correct ? "#### 5" : "#### 6"
      let grade = try Grade(output: output, answer: "#### 5", extraction: .gsm8k, matching: .number)
      return (grade, try record(#"{"id":"\#(number)"}"#))
    }
  }

  @Test(arguments: [
    (0, 4, "accuracy 0.000 ± 0.000 (n 4)"), (2499, 2500, "accuracy 1.000 ± 0.000 (n 2500)"),
    (1, 3, "accuracy 0.333 ± 0.333 (n 3)"), (1, 1, "accuracy 1.000 ± – (n 1)"), (0, 0, "accuracy – ± – (n 0)"),
  ])
  func summariesHaveThreeDecimals(correct: Int, count: Int, line: String) throws {
    var summary = GradeSummary(extraction: .gsm8k, matching: .number)
    for (grade, record) in try grades(count, correct: correct) { summary.add(grade, of: record) }
    #expect(summary.line == line)
  }

  /// The other run has every answer right, and one is wrong here, or the other way round.
  @Test(arguments: [
    (1666, 1667, "difference -0.001 ± 0.001 (n 1667, p 1.000)"),
    (1667, 1666, "difference +0.001 ± 0.001 (n 1667, p 1.000)"),
    (4999, 5000, "difference +0.000 ± 0.000 (n 5000, p 1.000)"), (1, 0, "difference +1.000 ± – (n 1, p 1.000)"),
  ])
  func differencesHaveThreeDecimalsAndASign(correct: Int, there: Int, line: String) throws {
    let folder = try TemporaryFolder()
    let count = max(correct, there)
    let others = try grades(count, correct: there).map { $0.grade.applied(to: $0.record).encoded }
    let path = try folder.write(Array(others.joined(separator: [0x0A])), to: "other.jsonl")
    var comparison = try GradeComparison(path: path)
    for (grade, record) in try grades(count, correct: correct) { comparison.add(grade, of: record) }
    #expect(comparison.line == line + " from " + path)
    #expect(comparison.unpaired == 0)
  }
}
