import Records
import Testing

@testable import Grading

@Suite struct GradeTests {
  private func record(_ text: String) throws -> Record { try Record(parsing: Array(text.utf8)) }

  @Test(arguments: [
    ("7 * 2 = 14\n#### 14", Extraction.gsm8k, "14"), ("#### 3\nso #### 4 \nbye", .gsm8k, "4"),
    ("#### yes", .gsm8k, "yes"),
    (" 1,200 ", .gsm8k, "1,200"), ("It is 12, or 13.", .lastNumber, "13"), ("#### $5", .gsm8k, "$5"),
  ])
  func expectedValues(answer: String, extraction: Extraction, value: String) throws {
    #expect(try Grade.expectedValue(of: answer, extraction: extraction) == value)
  }

  @Test(arguments: ["", "no value", "It is 5.", "#### ", "#### \n5"])
  func answersWithoutValueAreRefused(answer: String) {
    #expect(throws: RecordError(#####"field "answer": found no final value, expected one behind "#### ""#####)) {
      try Grade.expectedValue(of: answer, extraction: .gsm8k)
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

  @Test(arguments: [
    (#"{"id":"a/3","source":"a"}"#, "source a"), (#"{"id":"7/12","source":7}"#, "source 7"),
    (#"{"id":"a/b/3","source":"a/b"}"#, "source a/b"), (#"{"id":"a","source":"gsm8k"}"#, "record 4"),
    (#"{"id":"a/x","source":"a"}"#, "record 4"), (#"{"id":"a/","source":"a"}"#, "record 4"),
    (#"{"source":"a"}"#, "record 4"), (#"{"id":"b/3","source":"a"}"#, "record 4"), (#"{"id":"a/3"}"#, "record 4"),
  ])
  func samplesKnowTheirQuestion(line: String, name: String) throws {
    #expect(question(of: try record(line), position: 4) == name)
  }

  @Test(arguments: [(0.0, "0.000"), (0.9996, "1.000"), (-0.0006, "-0.001"), (-0.0001, "0.000"), (12.3456, "12.346")])
  func threeDecimalDigits(value: Double, text: String) {
    #expect(threeDecimals(value) == text)
  }
}
