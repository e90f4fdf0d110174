import Records
import TemporaryFolders
import Testing

@Suite struct RecordReaderTests {
  /// What a reader makes of a file: "number:line" for records, "number!reason" for failures.
  private func read(_ bytes: [UInt8]) throws -> [String] {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "in.jsonl")
    let reader = try RecordReader(paths: [path])
    var seen: [String] = []
    while let line = try reader.next() {
      #expect(line.file == path)
      switch line.record {
      case .success(let record): seen.append("\(line.number):\(String(decoding: record.encoded, as: UTF8.self))")
      case .failure(let error): seen.append("\(line.number)!\(error)")
      }
    }
    #expect(try reader.next() == nil)
    return seen
  }

  private func read(_ text: String) throws -> [String] { try read(Array(text.utf8)) }

  @Test func oddLineEnds() throws {
    let expected = [#"1:{"a":1}"#, #"3:{"a":2}"#]
    #expect(try read("{\"a\":1}\n\n{\"a\":2}\n") == expected)
    #expect(try read("{\"a\":1}\r\n\r\n{\"a\":2}\r\n") == expected)
    #expect(try read("{\"a\":1}\n  \t\n{\"a\":2}") == expected)
    #expect(try read("\u{FEFF}{\"a\":1}\n\n{\"a\":2}\n\n\n") == expected)
    #expect(try read("{\"a\":1}\r\n\r\n{\"a\":2}\r") == expected)
  }

  @Test func emptyFiles() throws {
    #expect(try read("") == [])
    #expect(try read("\n\n") == [])
    #expect(try read("\u{FEFF}") == [])
    #expect(try read("[]") == [])
    #expect(try read(" [ \n ] \n") == [])
  }

  @Test func brokenLinesCostThemselves() throws {
    #expect(
      try read("{\"a\":1}\n{\"a\":\n3\n{\"a\":2}\n") == [
        #"1:{"a":1}"#, "2!not JSON: the text ends where a value is expected at byte 6",
        "3!not JSON: found '3' where an object is expected at byte 1", #"4:{"a":2}"#,
      ])
  }

  @Test func aTornLastLineIsNamed() throws {
    #expect(
      try read("{\"a\":1}\n{\"a\":\"xy") == [
        #"1:{"a":1}"#, "2!the last line is torn: not JSON: a string has no closing quote at byte 6",
      ])
  }

  @Test func longLinesCrossBlocks() throws {
    let long = String(repeating: "abcdefghijklmnop", count: 20_000)
    let expected = (1...3).map { #"\#($0):{"a":"\#(long)"}"# }
    #expect(try read(String(repeating: "{\"a\":\"\(long)\"}\n", count: 3)) == expected)
  }

  // MARK: Arrays

  @Test func arrayFiles() throws {
    let expected = [#"2:{"a": 1, "b": ["]},{",2]}"#, #"7:{"a": "\\"}"#]
    let text = "[\n  {\n    \"a\": 1,\n    \"b\": [\"]},{\",\n 2]},\n\n {\"a\": \"\\\\\"}\n]\n"
    #expect(try read(text) == [expected[0], #"7:{"a": "\\"}"#])
    #expect(try read("\u{FEFF}" + text.replacing("\n", with: "\r\n")) == expected)
    #expect(try read(#"[{"a":1},{"a":2}]"#) == [#"1:{"a":1}"#, #"1:{"a":2}"#])
  }

  @Test func brokenElementsCostThemselves() throws {
    #expect(
      try read("[{\"a\":1},\n{\"a\":},\n3,\n{\"a\":2}]") == [
        #"1:{"a":1}"#, "2!not JSON: found '}' where a value is expected at byte 6",
        "3!not JSON: found '3' where an object is expected at byte 1", #"4:{"a":2}"#,
      ])
  }

  @Test(arguments: [
    ("[{\"a\":1},\n{\"a\":", "2!the last line is torn: the file ends inside an element of its array"),
    ("[{\"a\":1},\n{\"a\":\"\\", "2!the last line is torn: the file ends inside an element of its array"),
    ("[{\"a\":1},\n", "2!the last line is torn: the file ends where an object is expected"),
    ("[{\"a\":1}\n", "2!the last line is torn: the file ends where ',' or ']' is expected"),
    ("[{\"a\":1},]", "1!not JSON: found ']' where an object is expected"),
    ("[{\"a\":1}]\n{\"a\":2}", "2!not JSON: found '{' where the end of the file behind its array is expected"),
  ])
  func brokenArraysAreNamed(text: String, failure: String) throws {
    #expect(try read(text) == [#"1:{"a":1}"#, failure])
  }

  @Test func rejectedElementsStandOnOneLine() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("[\n{\n\"a\":\n}\n]", to: "in.json")
    let line = try #require(try RecordReader(paths: [path]).next())
    #expect(String(decoding: line.bytes, as: UTF8.self) == "{ \"a\": }")
  }

  // MARK: Files

  @Test func filesFollowEachOther() throws {
    let folder = try TemporaryFolder()
    let first = try folder.write(#"{"a":1}"#, to: "1.jsonl")
    let second = try folder.write(#"[{"a":2}]"#, to: "2.json")
    let reader = try RecordReader(paths: [first, second, first])
    var places: [String] = []
    while let line = try reader.next() { places.append("\(line.file ?? "stdin"):\(line.number)") }
    #expect(places == ["\(first):1", "\(second):1", "\(first):1"])
  }

  @Test func allFilesAreLookedForBeforeTheFirstIsRead() throws {
    let folder = try TemporaryFolder()
    let first = try folder.write(#"{"a":1}"#, to: "1.jsonl")
    let missing = folder.file("missing.jsonl")
    let error = FileError(path: missing, kind: .open, reason: "cannot open: No such file or directory")
    #expect(throws: error) { try RecordReader(paths: [first, missing]) }
    let directory = FileError(path: folder.path, kind: .open, reason: "cannot open: Is a directory")
    #expect(throws: directory) { try RecordReader(paths: [first, folder.path]) }
  }
}
