import GeneratedJSON
import Records
import StoredStreams
import TemporaryFolders
import Testing

/// Files that gzip and zstd compressed, whole and damaged.
@Suite struct CompressedInputTests {
  /// What a reader makes of a file before it ends or fails.
  private struct Outcome: Equatable {
    var lines: [String] = []
    var error: String?
    var layouts: [String] = []
  }

  private func read(_ bytes: [UInt8], longestLine: Int = RecordReader.longestLine) throws -> Outcome {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "in")
    var outcome = Outcome()
    let reader = try RecordReader(paths: [path], longestLine: longestLine)
    reader.opened = { layout in
      #expect(layout.file == path)
      outcome.layouts.append((layout.compression?.rawValue ?? "plain") + (layout.isArray ? " array" : ""))
    }
    do {
      while let line = try reader.next() {
        switch line.record {
        case .success(let record):
          outcome.lines.append("\(line.number):\(String(decoding: record.encoded, as: UTF8.self))")
        case .failure(let error): outcome.lines.append("\(line.number)!\(error)")
        }
      }
    } catch {
      #expect(error.path == path)
      outcome.error = error.reason
    }
    return outcome
  }

  /// `{"a":1}` and `{"a":"22222222222222"}`, each with a line feed, as gzip 1.12 and zstd 1.5.4 compress them.
  private static let files: [Compression: [UInt8]] = [
    .gzip: [
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0xE5,
      0xAA, 0x06, 0xD1, 0x4A, 0x46, 0x28, 0x40, 0xA9, 0x96, 0x0B, 0x00, 0x5A, 0x15, 0x54, 0x3C, 0x1F, 0x00, 0x00,
      0x00,
    ],
    .zstd: [
      0x28, 0xB5, 0x2F, 0xFD, 0x24, 0x1F, 0xC5, 0x00, 0x00, 0x90, 0x7B, 0x22, 0x61, 0x22, 0x3A, 0x31, 0x7D, 0x0A,
      0x7B, 0x22, 0x61, 0x22, 0x3A, 0x22, 0x32, 0x22, 0x7D, 0x0A, 0x01, 0x00, 0x07, 0xA8, 0x03, 0x3D, 0x63, 0x90,
      0xBA,
    ],
  ]
  private static let lines = [#"1:{"a":1}"#, #"2:{"a":"22222222222222"}"#]

  private func file(_ compression: Compression) throws -> [UInt8] { try #require(Self.files[compression]) }

  private func stored(_ text: String, _ compression: Compression) -> [UInt8] {
    switch compression {
    case .gzip: StoredStreams.gzip(Array(text.utf8))
    case .zstd: StoredStreams.zstd(Array(text.utf8))
    }
  }

  // MARK: Whole files

  @Test(arguments: Compression.allCases)
  func filesOfTheCommonToolsAreRead(_ compression: Compression) throws {
    let file = try file(compression)
    #expect(try read(file) == Outcome(lines: Self.lines, layouts: [compression.rawValue]))
    // A line may begin in one member or frame and end in the next.
    let head = stored(#"{"b":"#, compression)
    let tail = stored("3}\n", compression)
    let joined = try read(file + head + tail + stored("", compression) + file)
    let further = [#"3:{"b":3}"#, #"4:{"a":1}"#, #"5:{"a":"22222222222222"}"#]
    #expect(joined == Outcome(lines: Self.lines + further, layouts: [compression.rawValue]))
  }

  @Test(arguments: Compression.allCases)
  func arraysMarksAndEmptyFiles(_ compression: Compression) throws {
    let array = try read(stored("\u{FEFF}\r\n[{\"a\":1},\n{\"a\":2}]", compression))
    #expect(array == Outcome(lines: [#"2:{"a":1}"#, #"3:{"a":2}"#], layouts: [compression.rawValue + " array"]))
    #expect(try read(stored("", compression)) == Outcome(layouts: [compression.rawValue]))
  }

  @Test func skippableFramesArePassedOver() throws {
    let file = try file(.zstd)
    let outcome = try read(StoredStreams.skippableFrame + file + StoredStreams.skippableFrame)
    #expect(outcome == Outcome(lines: Self.lines, layouts: ["zstd"]))
  }

  @Test(arguments: Compression.allCases)
  func manyBlocks(_ compression: Compression) throws {
    var source = JSONSource(seed: 5)
    let lines = (1...5000).map { _ in source.object(spaced: false) }
    let file = stored(lines.map { $0 + "\n" }.joined(), compression)
    #expect(file.count > 1 << 18)
    let outcome = try read(file)
    #expect(outcome.error == nil)
    #expect(outcome.lines == lines.enumerated().map { "\($0.offset + 1):\($0.element)" })
  }

  // MARK: Damage

  @Test(arguments: Compression.allCases)
  func everyTruncationIsAnError(_ compression: Compression) throws {
    let file = try file(compression)
    for length in 4..<file.count {
      let outcome = try read(Array(file[..<length]))
      #expect(outcome.error == "the \(compression) data is truncated", "\(length) bytes")
      #expect(Self.lines.starts(with: outcome.lines), "\(length) bytes")
      // Whole members before the torn one are read.
      let second = try read(file + file[..<length])
      #expect(second.error == "the \(compression) data is truncated", "\(length) bytes")
      #expect(second.lines.starts(with: Self.lines), "\(length) bytes")
    }
    for length in 1..<4 {
      // Too short to tell: no record comes of it.
      let outcome = try read(Array(file[..<length]))
      #expect(outcome.error != nil || outcome.lines.allSatisfy { $0.contains("!") }, "\(length) bytes")
    }
  }

  @Test(arguments: Compression.allCases)
  func noFlippedBitGoesUnseen(_ compression: Compression) throws {
    let file = try file(compression)
    for index in file.indices {
      for bit in 0..<8 {
        var damaged = file
        damaged[index] ^= 1 << UInt8(bit)
        let outcome = try read(damaged)
        if outcome.layouts == ["plain"] {
          // Not taken for a compressed file: its bytes are no records.
          #expect(outcome.lines.contains { $0.contains("not JSON") }, "bit \(bit) of byte \(index)")
        } else {
          // Some bits of gzip's header have no meaning.
          #expect(outcome.error != nil || outcome.lines == Self.lines, "bit \(bit) of byte \(index): \(outcome)")
        }
      }
    }
  }

  @Test(arguments: Compression.allCases)
  func whatStandsBehindTheEndIsRefused(_ compression: Compression) throws {
    let file = try file(compression)
    for trailer in ["\n", "{}", "{\"a\":3}\n", "\0\0\0\0\0\0\0\0\0\0\0\0"] {
      let outcome = try read(file + Array(trailer.utf8))
      #expect(outcome.lines == Self.lines)
      #expect(outcome.error == "behind the end of the \(compression) data stand bytes that are no \(compression)")
    }
  }

  @Test func damageIsNamed() throws {
    var file = try file(.gzip)
    file[file.count - 8] ^= 1
    #expect(try read(file).error == "the gzip data is damaged: incorrect data check")
    file = try self.file(.zstd)
    file[file.count - 1] ^= 1
    #expect(try read(file).error == "the zstd data is damaged: Restored data doesn't match checksum")
  }

  @Test func windowsAreBounded() throws {
    let small = StoredStreams.zstd(repeating: 0x20, count: 100, windowLog: 27)
    #expect(try read(small) == Outcome(layouts: ["zstd"]))
    let large = StoredStreams.zstd(repeating: 0x20, count: 100, windowLog: 28)
    #expect(
      try read(large).error
        == "the zstd data needs a window of more than 2^27 bytes (zstd --long=27 is the most)")
  }

  @Test(
    arguments: [
      ("BZh91AY", "compressed by bzip2"), ("PAR1\u{15}", "a Parquet file"), ("PK\u{3}\u{4}", "a zip archive"),
    ])
  func otherFormsAreRefusedByName(_ beginning: String, _ name: String) throws {
    let outcome = try read(Array(beginning.utf8))
    #expect(outcome.error == "\(name), expected JSON Lines or a JSON array, plain or by gzip or zstd")
    #expect(outcome.lines == [])
  }

  // MARK: Long lines

  @Test func aLongLineCostsItself() throws {
    func line(_ length: Int) -> String { #"{"a":""# + String(repeating: "x", count: length - 8) + #""}"# }
    let limit = 100_000
    let text = [line(limit), line(limit + 1), line(50), line(limit * 9), line(60)].map { $0 + "\n" }.joined()
    let tooLong = "longer than 100000 bytes, which is the most that is read of one record"
    let expected = ["1:" + line(limit), "2!" + tooLong, "3:" + line(50), "4!" + tooLong, "5:" + line(60)]
    #expect(try read(Array(text.utf8), longestLine: limit).lines == expected)
    #expect(try read(Array(text.utf8.dropLast(61)), longestLine: limit).lines == Array(expected.dropLast()))
    let array = "[" + text.split(separator: "\n").joined(separator: ",\n") + "]"
    #expect(try read(Array(array.utf8), longestLine: limit).lines == expected)
  }

  @Test func blanksWithoutEndAreNotHeld() throws {
    let blanks = StoredStreams.zstd(repeating: 0x20, count: 64 << 20)
    #expect(blanks.count < 1 << 12)
    let limit = 1 << 16
    let record = stored("{\"a\":1}\n", .zstd)
    #expect(try read(blanks + record, longestLine: limit).lines == [#"1:{"a":1}"#])
    let outcome = try read(record + blanks + record + record, longestLine: limit)
    let tooLong = "2!longer than 65536 bytes, which is the most that is read of one record"
    #expect(outcome.lines == [#"1:{"a":1}"#, tooLong, #"3:{"a":1}"#])
  }
}
