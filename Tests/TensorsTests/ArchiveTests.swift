import Records
import TemporaryFolders
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct ArchiveTests {
  /// A file of some size, different for each number.
  static func file(_ number: Int) -> TensorFile {
    var file = TensorFile(metadata: ["id": "\(number)"])
    file["values"] = Tensor((0..<500).map { Float($0 * number).squareRoot() })
    file["tokens"] = Tensor([Int32](repeating: Int32(number), count: 3))
    return file
  }

  @Test func framesComeBackFromAnywhere() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let reader = ArchiveReader()
    var references: [FrameReference] = []
    for number in 0..<5 {
      references.append(try writer.append(Self.file(number)))
      #expect(try reader.read(references[number]) == Self.file(number), "readable as soon as append returns")
    }
    try writer.close()
    #expect(references[0].offset == 0)
    for (reference, next) in zip(references, references.dropFirst()) {
      #expect(next.offset == reference.offset + reference.bytes)
    }
    for number in (0..<5).reversed() { #expect(try reader.read(references[number]) == Self.file(number)) }
    #expect(try folder.read("a.safetensors.zst").count == references[4].offset + references[4].bytes)
    #expect(throws: TensorError(.inputOutput, source: path, "is closed already")) { try writer.append(Self.file(1)) }
  }

  @Test func anArchiveIsEmptiedUnlessAppending() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let first = try ArchiveWriter(path: path)
    let one = try first.append(Self.file(1))
    try first.close()
    let second = try ArchiveWriter(path: path, appending: true)
    let two = try second.append(Self.file(2))
    try second.close()
    #expect(two.offset == one.bytes)
    #expect(try ArchiveReader().read(one) == Self.file(1) && ArchiveReader().read(two) == Self.file(2))
    // Not before there is something else to read: a tool that fails early has lost nothing.
    let third = try ArchiveWriter(path: path)
    #expect(try ArchiveReader().read(two) == Self.file(2))
    let three = try third.append(Self.file(3))
    #expect(three.offset == 0)
    #expect(try folder.read("a.safetensors.zst").count == three.bytes)
    try third.close()
    try ArchiveWriter(path: path).close()
    #expect(try folder.read("a.safetensors.zst").isEmpty)
  }

  @Test func anArchiveIsCutBehindWhatIsKept() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let first = try ArchiveWriter(path: path)
    let one = try first.append(Self.file(1))
    _ = try first.append(Self.file(2))
    try first.close()
    let second = try ArchiveWriter(path: path, keeping: one.bytes)
    let three = try second.append(Self.file(3))
    try second.close()
    #expect(three.offset == one.bytes)
    #expect(try ArchiveReader().read(one) == Self.file(1) && ArchiveReader().read(three) == Self.file(3))
    #expect(try folder.read("a.safetensors.zst").count == three.offset + three.bytes)
    try ArchiveWriter(path: path, keeping: one.bytes).close()
    #expect(try folder.read("a.safetensors.zst").count == one.bytes)
    let error = #expect(throws: TensorError.self) { try ArchiveWriter(path: path, keeping: one.bytes + 1) }
    #expect(
      error?.description == "\(path): has \(one.bytes) bytes, expected \(one.bytes + 1) that records name already")
  }

  @Test func whatIsNoArchiveIsNotOverwritten() throws {
    let folder = try TemporaryFolder()
    for content in [#"{"id":1}"#, "GGUF", "(", "\u{FEFF}"] {
      let path = try folder.write(content, to: "precious")
      let error = TensorError(
        .inputOutput, source: path, "holds something that is no tensor archive; it is not overwritten")
      #expect(throws: error) { try ArchiveWriter(path: path) }
      #expect(folder.text("precious") == content)
    }
    // The beginning of a frame is what a writer leaves that was killed in its first.
    let torn = try folder.write([0x28, 0xB5], to: "torn")
    #expect(try ArchiveWriter(path: torn).append(Self.file(1)).offset == 0)
  }

  @Test func twoWritersDoNotMix() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let reference = try writer.append(Self.file(1))
    #expect(throws: TensorError(.inputOutput, source: path, "is being written by another process")) {
      try ArchiveWriter(path: path)
    }
    #expect(try ArchiveReader().read(reference) == Self.file(1))
    try writer.close()
    _ = try ArchiveWriter(path: path)
  }

  @Test func everyDamageIsNoticed() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let one = try writer.append(Self.file(1))
    let two = try writer.append(Self.file(2))
    try writer.close()
    let good = try folder.read("a.safetensors.zst")
    var unnoticed = 0
    for index in stride(from: 0, to: one.bytes * 8, by: 3) {
      var bytes = good
      bytes[index / 8] ^= 1 << (index % 8)
      try folder.write(bytes, to: "a.safetensors.zst")
      // A few bits of a frame mean nothing; no flip may pass with other content.
      do {
        let file = try ArchiveReader().read(one)
        unnoticed += 1
        let isSame = file == Self.file(1)
        #expect(isSame, "bit \(index)")
      } catch {
        #expect(error.source == "\(path) at offset 0")
      }
    }
    #expect(unnoticed < 10)
    // Cut inside the second frame, the first is whole.
    try folder.write(Array(good.dropLast(5)), to: "a.safetensors.zst")
    #expect(try ArchiveReader().read(one) == Self.file(1))
    let error = try #require(throws: TensorError.self) { try ArchiveReader().read(two) }
    #expect(error.description.hasPrefix("\(path) at offset \(two.offset): the frame should take \(two.bytes) bytes"))
  }

  @Test func wrongRanges() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let one = try writer.append(Self.file(1))
    let two = try writer.append(Self.file(2))
    func reason(_ offset: Int, _ bytes: Int) throws -> String {
      let reference = FrameReference(archive: path, offset: offset, bytes: bytes)
      return try #require(throws: TensorError.self) { try ArchiveReader().read(reference) }.reason
    }
    #expect(try reason(1, one.bytes) == "no zstd frame starts here")
    #expect(try reason(0, one.bytes - 1).hasPrefix("the zstd frame is torn or damaged: "))
    #expect(try reason(0, one.bytes + two.bytes).hasPrefix("the zstd frame ends after \(one.bytes) of"))
    #expect(try reason(0, 4) == "no zstd frame starts here")
    #expect(try reason(two.offset, two.bytes + 1).contains("but the archive has"))
    #expect(try reason(.max, .max).contains("but the archive has"))
    #expect(try reason(-1, 5).contains("but the archive has"))
    #expect(throws: TensorError(.opening, source: "/nowhere/a", "cannot be opened: No such file or directory")) {
      try ArchiveReader().read(FrameReference(archive: "/nowhere/a", offset: 0, bytes: 1))
    }
    #expect(throws: TensorError(.inputOutput, source: "/nowhere/a", "cannot be opened: No such file or directory")) {
      try ArchiveWriter(path: "/nowhere/a")
    }
  }

  /// Frames built by hand (RFC 8878): magic, descriptor, window or content size, one raw block, checksum.
  @Test func framesThatLie() throws {
    let folder = try TemporaryFolder()
    let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    let block: [UInt8] = [1 | 3 << 3, 0, 0, 7, 7, 7]
    let checksum: [UInt8] = [0, 0, 0, 0]
    func reason(_ frame: [UInt8], limit: Int = ArchiveReader.standardLimit) throws -> String {
      let path = try folder.write(frame, to: "frame")
      let reference = FrameReference(archive: path, offset: 0, bytes: frame.count)
      return try #require(throws: TensorError.self) { try ArchiveReader(limit: limit).read(reference) }.reason
    }
    func declaring(_ size: UInt64) -> [UInt8] {
      magic + [0xE4] + (0..<8).map { UInt8(truncatingIfNeeded: size >> ($0 * 8)) } + block + checksum
    }
    #expect(try reason(declaring(1 << 40)).contains("declares 1099511627776 bytes, more than the 1073741824 allowed"))
    #expect(try reason(declaring(.max)).contains("declare"))
    #expect(try reason(declaring(1 << 29)).contains("declares 536870912 bytes, more than its 23 bytes can hold"))
    #expect(try reason(declaring(100)).contains("is damaged"))
    #expect(try reason(declaring(3)).contains("checksum"))
    #expect(try reason(declaring(3), limit: 2).contains("more than the 2 allowed"))
    #expect(try reason(magic + [0x04, 0x00] + block + checksum).contains("does not declare its content size"))
    #expect(try reason(magic + [0x20, 3] + block).contains("has no content checksum"))
    #expect(try reason([0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]) == "no zstd frame starts here", "a skippable frame")
  }

  /// A frame whose content is no tensor file is named with archive and offset.
  @Test func aFrameOfSomethingElse() throws {
    let folder = try TemporaryFolder()
    // zstd --check of "not tensors at all".
    let frame: [UInt8] =
      [0x28, 0xB5, 0x2F, 0xFD, 0x24, 18, 0x91, 0, 0] + Array("not tensors at all".utf8) + [0x92, 0x7C, 0x74, 0xDA]
    let path = try folder.write([0] + frame, to: "a")
    let error = try #require(throws: TensorError.self) {
      try ArchiveReader().read(FrameReference(archive: path, offset: 1, bytes: frame.count))
    }
    #expect(error.description.hasPrefix("\(path) at offset 1: not a safetensors file"))
  }

  @Test func highlyCompressibleContentIsNoBomb() throws {
    let folder = try TemporaryFolder()
    var file = TensorFile()
    file["zeros"] = Tensor([Float](repeating: 0, count: 1 << 22))
    let reference = try ArchiveWriter(path: folder.file("a")).append(file)
    #expect(reference.bytes < 1 << 12)
    let length = file.encoded().count
    #expect(try ArchiveReader(limit: length).read(reference) == file)
    #expect(throws: TensorError.self) { try ArchiveReader(limit: length - 1).read(reference) }
  }

  @Test func moreArchivesThanAreKeptOpen() throws {
    let folder = try TemporaryFolder()
    let references = try (0..<40).map { try ArchiveWriter(path: folder.file("\($0)")).append(Self.file($0)) }
    let reader = ArchiveReader()
    for _ in 0..<2 {
      for (number, reference) in references.enumerated() { #expect(try reader.read(reference) == Self.file(number)) }
    }
  }

  /// The command of §3 of the design; skipped where there is no zstd command.
  @Test(.enabled(if: system("command -v zstd >/dev/null") == 0, "no zstd command"))
  func framesCanBeCutOutWithShellTools() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let references = try (0..<3).map { try writer.append(Self.file($0)) }
    let (offset, bytes) = (references[1].offset, references[1].bytes)
    let one = folder.file("one.safetensors")
    #expect(system("tail -c +\(offset + 1) '\(path)' | head -c \(bytes) | zstd -q -d > '\(one)'") == 0)
    #expect(try folder.read("one.safetensors") == Self.file(1).encoded())
    #expect(system("zstd -q -d -c '\(path)' > '\(one)'") == 0)
    #expect(try folder.read("one.safetensors") == (0..<3).flatMap { Self.file($0).encoded() })
    // And the other way round: a frame made by the command.
    #expect(system("zstd -q -f -19 '\(one)' -o '\(folder.file("other"))'") == 0)
    try folder.write(Self.file(2).encoded(), to: "one.safetensors")
    #expect(system("zstd -q -f -19 '\(one)' -o '\(folder.file("other"))'") == 0)
    let length = try folder.read("other").count
    let other = FrameReference(archive: folder.file("other"), offset: 0, bytes: length)
    #expect(try ArchiveReader().read(other) == Self.file(2))
  }

  @Test func referencesInRecords() throws {
    let reference = FrameReference(archive: "s.zst", offset: 12, bytes: 34)
    #expect(reference.json.text == #"{"archive":"s.zst","offset":12,"bytes":34}"#)
    let counted = reference.json(adding: .object(["tokens": .integer(5)]))
    #expect(counted.text == #"{"archive":"s.zst","offset":12,"bytes":34,"tokens":5}"#)
    #expect(try FrameReference(json: counted, field: "loss") == reference)
    for text in [
      "7", "{}", #"{"archive":"","offset":0,"bytes":1}"#, #"{"archive":"a","offset":-1,"bytes":1}"#,
      #"{"archive":"a","offset":0,"bytes":0}"#, #"{"archive":"a","offset":0.5,"bytes":1}"#,
      #"{"archive":"a","offset":9223372036854775807,"bytes":1}"#, #"{"archive":"a\u0000b","offset":0,"bytes":1}"#,
    ] {
      let json = try JSON(parsing: text)
      let error = #expect(throws: TensorError.self) { try FrameReference(json: json, field: "scores") }
      #expect(error?.source == "field \"scores\"")
    }
  }
}
