import Records
import StoredStreams
import TemporaryFolders
import Testing

/// Texts whose values would take far more memory than they have bytes.
@Suite struct HostileTextTests {
  private func failure(_ text: String, room: Int = JSON.standardRoom) -> String {
    do throws(JSONError) {
      _ = try JSON(parsing: Array(text.utf8), room: room)
      return "no error"
    } catch {
      return error.reason
    }
  }

  /// A megabyte at most in room for less.
  @Test(arguments: ["[]", "0", "[0]", #"{"":0}"#, #""a text of more than fifteen bytes""#, "1234567890123456789"])
  func valuesAreBounded(value: String) {
    let count = 40_000
    let text = "[" + Array(repeating: value, count: count).joined(separator: ",") + "]"
    #expect(failure(text, room: 1 << 24) == "no error")
    #expect(failure(text, room: 1 << 19) == "too many values for \(text.utf8.count) bytes")
  }

  /// What people write needs no more than the standard room, however long it is.
  @Test func listsOfTensorsFit() {
    let entries = (0..<100_000).map {
      #""model.layers.\#($0).mlp.experts.\#($0).down_proj.weight": "model-00001-of-00163.safetensors""#
    }
    #expect(failure(#"{"weight_map": {\#(entries.joined(separator: ",\n"))}}"#) == "no error")
  }

  @Test func fieldsAreBounded() throws {
    func line(_ count: Int) -> [UInt8] {
      Array("{\((0..<count).map { "\"\($0)\":0" }.joined(separator: ","))}".utf8)
    }
    #expect(try Record(parsing: line(65_536)).keys.count == 65_536)
    let error = #expect(throws: JSONError.self) { try Record(parsing: line(65_537)) }
    #expect(error?.reason == "more than 65536 fields")
  }

  /// Nothing is built of what is of the wrong kind anyway.
  @Test func wrongKindsAreNamed() throws {
    let record = try Record(parsing: Array(#"{"a":[1],"b":{"c":1},"d":" ","e":true}"#.utf8))
    func reason(_ read: () throws -> Any?) -> String {
      do { return "\(String(describing: try read()))" } catch { return "\(error)" }
    }
    #expect(reason { try record.optionalString("a") } == #"field "a": found an array, expected a string"#)
    #expect(reason { try record.optionalBool("b") } == #"field "b": found an object, expected a boolean"#)
    #expect(reason { try record.optionalInteger("a") } == #"field "a": found an array, expected an integer"#)
    #expect(reason { try record.optionalInteger("d") } == #"field "d": found a string, expected an integer"#)
    #expect(reason { try record.optionalString("e") } == #"field "e": found a boolean, expected a string"#)
  }

  /// A compressed line says nothing of its length before it is read: 16 MiB are the most, wherever it ends.
  @Test func linesOfCompressedFilesAreBounded() throws {
    let folder = try TemporaryFolder()
    func reasons(_ bytes: [UInt8]) throws -> [String] {
      let reader = try RecordReader(paths: [try folder.write(bytes, to: "in")])
      var reasons: [String] = []
      while let line = try reader.next() {
        if case .failure(let error) = line.record { reasons.append("\(error)") } else { reasons.append("read") }
      }
      return reasons
    }
    let tooLong = "longer than \(16 << 20) bytes, which is the most that is read of one record"
    let line = Array("\n{\"a\":1}\n".utf8)
    #expect(
      try reasons(StoredStreams.zstd(repeating: 0x78, count: 16 << 20 + 1) + StoredStreams.zstd(line))
        == [tooLong, "read"])
    #expect(
      try reasons(StoredStreams.gzip(repeating: 0x78, copies: 65_536) + StoredStreams.gzip(line)) == [tooLong, "read"])
    // One byte less is a line like others, and so is a plain one.
    let most = try reasons(StoredStreams.zstd(repeating: 0x78, count: 16 << 20) + StoredStreams.zstd(line))
    #expect(most == ["not JSON: found 'x' where an object is expected at byte 1", "read"])
    #expect(try reasons([UInt8](repeating: 0x78, count: 17 << 20) + line) == most)
  }

  @Test func pointersOfGitAreNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", to: "in")
    let error = #expect(throws: FileError.self) { try RecordReader(paths: [path]).next() }
    #expect(error?.reason.hasPrefix("a Git LFS pointer (git lfs pull fetches the file), expected ") == true)
    #expect(error?.kind == .open)
  }
}
