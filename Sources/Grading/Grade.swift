import Records

/// The verdict on one response.
public struct Grade: Sendable, Equatable {
  /// The value found in the response, or nil if there is none.
  public let predicted: String?
  /// The value of the standard answer.
  public let expected: String
  /// Whether the two agree.
  public let isCorrect: Bool
  /// The verdict that each extraction would give on its own.
  public let verdicts: [Extraction: Bool]
  /// Whether the response gives its value behind `#### `, as the standard answers do.
  public let isInFormat: Bool

  /// Grades a response.
  /// - Parameters:
  ///   - output: The response.
  ///   - answer: The standard answer.
  /// - Throws: `RecordError` if the answer has no final value.
  public init(output: String, answer: String, extraction: Extraction, matching: Matching) throws(RecordError) {
    let expected = try Self.expectedValue(of: answer, extraction: extraction)
    func verdict(_ extraction: Extraction) -> Bool {
      extraction.value(in: output).map { matching.matches($0, expected) } ?? false
    }
    self.expected = expected
    predicted = extraction.value(in: output)
    verdicts = Dictionary(uniqueKeysWithValues: Extraction.allCases.map { ($0, verdict($0)) })
    isCorrect = verdict(extraction)
    isInFormat = Extraction.gsm8k.value(in: output) != nil
  }

  /// Grades the response of a record: its `output` against its `answer`.
  /// - Throws: `RecordError` if a field is missing or of another type, or the answer has no final value.
  public init(_ record: Record, extraction: Extraction, matching: Matching) throws(RecordError) {
    try self.init(
      output: try record.string("output"), answer: try record.string("answer"), extraction: extraction,
      matching: matching)
  }

  /// The record with `predicted`, `expected` and `correct`.
  public func applied(to record: Record) -> Record {
    var record = record
    record.set("predicted", to: predicted.map { .string($0) } ?? .null)
    record.set("expected", to: .string(expected))
    record.set("correct", to: .bool(isCorrect))
    return record
  }

  /// The final value of a standard answer: the rest of the line behind its last `#### `; without one the whole answer if
  /// it is a number, else what the extraction finds in it.
  /// - Throws: `RecordError` if there is none.
  static func expectedValue(of answer: String, extraction: Extraction) throws(RecordError) -> String {
    let bytes = Array(answer.utf8)
    let value: String?
    if let start = endOfLastMarker(in: bytes) {
      let line = bytes[start...].prefix { $0 != 0x0A && $0 != 0x0D }
      value = trimmed(line)
    } else {
      let whole = trimmed(bytes[...])
      value = DecimalNumber(whole) != nil ? whole : extraction.value(in: answer)
    }
    guard let value, !value.isEmpty else {
      throw RecordError(field: "answer", found: "no final value", expected: "one behind \"#### \"")
    }
    return value
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
    let rest = bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    return String(decoding: Array(rest), as: UTF8.self)
  }
}
