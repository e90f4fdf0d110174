import GeneratedJSON
import Records
import Testing

/// Values that a record keeps as bytes are passed over by quicker code than that which builds values. Both must come to
/// the same verdict, word for word.
@Suite struct JSONSkimmingTests {
  private static let frame = (head: Array(#"{"a":"#.utf8), tail: Array("}".utf8))

  private func verdicts(_ value: [UInt8]) -> (skimmed: String, built: String) {
    let text = Self.frame.head + value + Self.frame.tail
    var verdicts = (skimmed: "good", built: "good")
    do { _ = try Record(parsing: text) } catch { verdicts.skimmed = "\(error)" }
    do { _ = try JSON(parsing: text) } catch { verdicts.built = "\(error)" }
    return verdicts
  }

  @Test(arguments: [
    "0", "-0", "01", "-", "1.", "1.e5", ".5", "+1", "1e", "1e+", "1E-05", "0e0", "-01", "1 2", "truE", "nul", "true1",
    #""\u12""#, #""\u12G4""#, #""\uD83D\uDE00""#, #""\uD83D""#, #""\ud7ff\ue000""#, #""\x""#, #""a"#, #""\"#,
    "\"\u{1}\"",
    "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[]", "[ ]", "[ 1\t,\r\n2 ]", "[1\u{0B}]", "[1\u{0C},2]", "[[[[]]]",
    "{}", "{ }", #"{"b"}"#, #"{"b":}"#, #"{"b":1,}"#, #"{b:1}"#, #"{"b":1,"b":2}"#, #"{"b":1,"\u0062":2}"#,
    #"{"\u0062":1,"b":2}"#, #"{"é":1,"e\#u{301}":2}"#, #"{"b" : {"c" :[ ] } , "d":null }"#, "", " ", "\"\u{7F}é🙂\"",
  ])
  func verdictIsThatOfTheParser(_ value: String) {
    let verdicts = verdicts(Array(value.utf8))
    #expect(verdicts.skimmed == verdicts.built)
  }

  @Test func brokenBytesAreFoundWhereverTheyAre() throws {
    for seed in 1...60 {
      var source = JSONSource(seed: UInt64(seed))
      let value = Array(source.object(spaced: false).utf8)
      #expect(verdicts(value).skimmed == "good")
      for index in value.indices {
        for byte in [0x00, 0x22, 0x2C, 0x30, 0x5C, 0x5D, 0x7D, 0x80, 0xC3, 0xFF] as [UInt8] {
          var broken = value
          broken[index] = byte
          let verdicts = verdicts(broken)
          #expect(verdicts.skimmed == verdicts.built, "seed \(seed), byte \(byte) at \(index)")
        }
      }
    }
  }

  @Test func manyKeysAndDeepNesting() {
    func object(_ keys: [String]) -> [UInt8] { Array("{\(keys.map { "\"\($0)\":1" }.joined(separator: ","))}".utf8) }
    let keys = (0..<40).map { "k\($0)" }
    #expect(verdicts(object(keys)).skimmed == "good")
    for keys in [keys + ["k3"], keys + ["k39"], ["k0", "k0"]] {
      let verdicts = verdicts(object(keys))
      #expect(verdicts.skimmed == verdicts.built && verdicts.skimmed.contains("stands twice"))
    }
    for depth in [254, 255, 256, 300] {
      let nested = Array(String(repeating: "[", count: depth).utf8) + Array(String(repeating: "]", count: depth).utf8)
      let verdicts = verdicts(nested)
      #expect(verdicts.skimmed == verdicts.built)
      #expect((verdicts.skimmed == "good") == (depth <= 255))
    }
  }

  @Test func severalPartsOfTokens() throws {
    var record = try Record(parsing: Array(#"{"tokens":{"base":[7],"x":[1.5]}}"#.utf8))
    record.setTokens([("output", [0, -1, .max, .min]), ("base", [])])
    #expect(
      String(decoding: record.encoded, as: UTF8.self)
        == #"{"tokens":{"base":[],"x":[1.5],"output":[0,-1,2147483647,-2147483648]}}"#)
    #expect(try record.tokens(["output", "base", "judge"]) == ["output": [0, -1, .max, .min], "base": []])
    #expect(throws: RecordError.self) { try record.tokens(["base", "x"]) }
  }

  @Test(
    arguments: [
      ("[1,2]", [1, 2]), ("[ 1 , 2 ]", [1, 2]), ("[]", []), ("[0]", [0]), ("[2147483647]", [.max]),
      ("[2147483648]", nil),
      ("[99999999999999999999]", nil), ("[1.0]", nil), ("[1e3]", nil), ("[-5]", [-5]), (#"["7"]"#, nil),
    ] as [(String, [Int32]?)])
  func numbersOfTokens(_ text: String, _ expected: [Int32]?) throws {
    let record = try Record(parsing: Array(#"{"tokens":{"base":\#(text)}}"#.utf8))
    #expect((try? record.tokens("base")) == expected)
  }
}
