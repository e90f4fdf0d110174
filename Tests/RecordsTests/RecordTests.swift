import GeneratedJSON
import Records
import Testing

@Suite struct RecordTests {
  private func record(_ text: String) throws -> Record { try Record(parsing: Array(text.utf8)) }

  private func text(_ record: Record) -> String { String(decoding: record.encoded, as: UTF8.self) }

  @Test func untouchedFieldsKeepTheirBytes() throws {
    let line = #"{"a":1.0,"b":1e+02,"caf\u00e9":"\u0041\/","d":[ 1 , {"x" : -0.10}],"e":null}"#
    var record = try record(line)
    #expect(text(record) == line)
    record.set("e", to: .bool(true))
    record.set("f", to: .string("ü\n"))
    #expect(text(record) == line.dropLast(5) + #"true,"f":"ü\n"}"#)
    #expect(record.keys == ["a", "b", "café", "d", "e", "f"])
    record.remove("d")
    #expect(text(record) == #"{"a":1.0,"b":1e+02,"caf\u00e9":"\u0041\/","e":true,"f":"ü\n"}"#)
    #expect(record["d"] == nil)
  }

  @Test func generatedLinesPassByteForByte() throws {
    for seed in 1...400 {
      var source = JSONSource(seed: UInt64(seed))
      let line = source.object(spaced: seed % 2 == 0)
      var record = try record(line)
      #expect(text(record) == line, "seed \(seed)")
      // Each value read through the record is the value of the whole line.
      let whole = try JSON(parsing: line)
      for key in record.keys { #expect(record[key] == whole[key], "seed \(seed), key \(key)") }
      // Setting and removing a field leaves the others' bytes.
      record.set("a new field", to: .integer(1))
      record.remove("a new field")
      #expect(text(record) == line, "seed \(seed)")
    }
  }

  @Test func everyTornLineIsRefused() throws {
    for seed in 1...40 {
      var source = JSONSource(seed: UInt64(seed))
      let line = Array(source.object(spaced: true).utf8)
      for length in 0..<line.count {
        #expect(throws: JSONError.self, "seed \(seed), \(length) bytes") {
          _ = try Record(parsing: Array(line[..<length]))
        }
      }
    }
  }

  @Test func aSpacedLineStaysSpaced() throws {
    var record = try record(#"{"id": 1, "question" : "q"}"#)
    record.set("output", to: .array([.integer(1), .integer(2)]))
    #expect(text(record) == #"{"id": 1, "question": "q", "output": [1,2]}"#)
  }

  @Test func lineBreaksBetweenTokensGo() throws {
    let record = try record("{\n  \"a\": [\r\n    1.50,\n    \"x  \\n y\"\n  ],\n  \"b\": {\"c\": 2}\n}")
    #expect(text(record) == #"{"a": [1.50,"x  \n y"], "b": {"c": 2}}"#)
  }

  @Test(arguments: [
    ("", "the text ends where an object is expected at byte 1"),
    ("[1]", "found '[' where an object is expected at byte 1"),
    (#"{"a":1} x"#, "found 'x' where the end is expected at byte 9"),
    (#"{"a":01}"#, "found '1' where ',' or '}' is expected at byte 7"),
    (#"{"a":1,}"#, "found '}' where a key in quotes is expected at byte 8"),
    (#"{"a":1,"a":2}"#, #"the key "a" stands twice at byte 8"#),
    (#"{"a":NaN}"#, "found 'N' where a value is expected at byte 6"),
    (#"{"a":"\ud800"}"#, "a lone surrogate in an escape at byte 9"),
    ("{\"a\":\"\t\"}", "found byte 0x9 where an escaped control character is expected at byte 7"),
  ])
  func brokenLinesAreNamed(line: String, reason: String) {
    #expect(throws: JSONError.self) { _ = try Record(parsing: Array(line.utf8)) }
    do { _ = try Record(parsing: Array(line.utf8)) } catch { #expect(error.description == "not JSON: " + reason) }
  }

  @Test func invalidUTF8IsRefused() {
    #expect(throws: JSONError.self) { _ = try Record(parsing: Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8)) }
  }

  @Test func deepNestingIsRefused() {
    let line = #"{"a":"# + String(repeating: "[", count: 100_000)
    #expect(throws: JSONError.self) { _ = try Record(parsing: Array(line.utf8)) }
  }

  @Test func keysAreComparedByTheirBytes() throws {
    let record = try record("{\"caf\u{E9}\":1,\"cafe\u{301}\":2}")
    #expect(record["cafe\u{301}"] == .number("2"))
  }

  // MARK: Typed access

  @Test func typedAccess() throws {
    let record = try record(#"{"id":7,"s":"t","n":null,"b":true,"i":3,"f":2.5,"input":"q"}"#)
    #expect(try record.string("s") == "t")
    #expect(try record.optionalString("n") == nil)
    #expect(try record.optionalString("absent") == nil)
    #expect(try record.optionalBool("b") == true)
    #expect(try record.optionalInteger("i") == 3)
    #expect(record.idText == "7")
    #expect(try record.question() == "q")
    #expect(throws: RecordError(#"no field "n""#)) { try record.string("n") }
    #expect(throws: RecordError(#"field "id": found a number, expected a string"#)) { try record.string("id") }
    #expect(throws: RecordError(#"field "s": found a string, expected a boolean"#)) { try record.optionalBool("s") }
    #expect(throws: RecordError(#"field "f": found 2.5, expected an integer"#)) { try record.optionalInteger("f") }
  }

  @Test(arguments: [
    (#"{"id":"a7"}"#, "a7"), (#"{"id":12}"#, "12"), (#"{"id":1.5}"#, nil), (#"{"id":null}"#, nil), ("{}", nil),
    (#"{"id":[1]}"#, nil), (#"{"id":""}"#, ""),
  ])
  func identifiers(line: String, expected: String?) throws {
    #expect(try record(line).idText == expected)
  }

  @Test(arguments: [
    (#"{"judgment":"wrong"}"#, true), (#"{"judgment":null}"#, false), (#"{"judgment":null,"correct":false}"#, false),
    (#"{"judgment":"wrong","correct":true}"#, true), (#"{"correct":false}"#, true), (#"{"correct":true}"#, false),
    ("{}", false),
  ])
  func incorrectness(line: String, expected: Bool) throws {
    #expect(try record(line).isIncorrect() == expected)
  }

  @Test func incorrectnessNeedsTheRightTypes() throws {
    #expect(throws: RecordError.self) { try record(#"{"judgment":1}"#).isIncorrect() }
    #expect(throws: RecordError.self) { try record(#"{"correct":"no"}"#).isIncorrect() }
  }

  // MARK: Tokens

  @Test func tokensAreSetBesideOthers() throws {
    var record = try record(#"{"tokens":{"base":[1, 2 ,-3],"note":1.50}}"#)
    #expect(try record.tokens("base") == [1, 2, -3])
    #expect(try record.tokens("output") == nil)
    record.setTokens("output", [5, 6])
    #expect(text(record) == #"{"tokens":{"base":[1, 2 ,-3],"note":1.50,"output":[5,6]}}"#)
    #expect(try record.tokens("output") == [5, 6])
    record.setTokens("base", [])
    #expect(try record.tokens("base") == [])
    var empty = Record()
    empty.setTokens("base", [9])
    #expect(text(empty) == #"{"tokens":{"base":[9]}}"#)
  }

  @Test(arguments: [
    (#"{"tokens":[1]}"#, #"field "tokens": found an array, expected an object"#),
    (#"{"tokens":{"base":"1"}}"#, #"field "tokens.base": found a string, expected an array of token numbers"#),
    (
      #"{"tokens":{"base":[1,2.5]}}"#,
      #"field "tokens.base": found 2.5 as element 2, expected an integer of 32 bits"#
    ),
    (
      #"{"tokens":{"base":[2147483648]}}"#,
      #"field "tokens.base": found 2147483648 as element 1, expected an integer of 32 bits"#
    ),
    (
      #"{"tokens":{"base":["7"]}}"#,
      #"field "tokens.base": found "7" as element 1, expected an integer of 32 bits"#
    ),
  ])
  func badTokensAreRefused(line: String, message: String) throws {
    #expect(throws: RecordError(message)) { try record(line).tokens("base") }
  }

  @Test func nullTokensAreAbsent() throws {
    #expect(try record(#"{"tokens":null}"#).tokens("base") == nil)
    #expect(try record(#"{"tokens":{"base":null}}"#).tokens("base") == nil)
  }
}
