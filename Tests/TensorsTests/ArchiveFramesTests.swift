import Records
import StoredStreams
import TemporaryFolders
import Tensors
import Testing

@Suite struct ArchiveFramesTests {
  private func references(_ path: String) throws -> [FrameReference] {
    let frames = try ArchiveFrames(path: path)
    var references: [FrameReference] = []
    while let reference = try frames.next() {
      references.append(reference)
      #expect(try frames.read(reference).metadata["id"] == "\(references.count)")
    }
    return references
  }

  @Test func everyFrameIsFound() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.safetensors.zst")
    let writer = try ArchiveWriter(path: path)
    let written = try (1...3).map { try writer.append(ArchiveTests.file($0)) }
    try writer.close()
    #expect(try references(path) == written)
    #expect(ArchiveFrames.isArchive(path: path))
    // A frame that readers skip, of three bytes.
    let skipped = [0x53, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3] as [UInt8]
    try folder.write(skipped + folder.read("a.safetensors.zst"), to: "b")
    #expect(try references(folder.file("b")).map(\.offset) == written.map { $0.offset + skipped.count })
  }

  @Test func aTornEndIsAnErrorBehindTheWholeFrames() throws {
    let folder = try TemporaryFolder()
    let writer = try ArchiveWriter(path: folder.file("a"))
    let one = try writer.append(ArchiveTests.file(1))
    _ = try writer.append(ArchiveTests.file(2))
    try writer.close()
    let path = try folder.write(Array(try folder.read("a").dropLast(5)), to: "b")
    let frames = try ArchiveFrames(path: path)
    #expect(try frames.next()?.bytes == one.bytes)
    #expect(throws: TensorError.self) { try frames.next() }
    #expect(try frames.next() == nil)
  }

  @Test func otherFilesAreNoArchives() throws {
    let folder = try TemporaryFolder()
    let texts: [[UInt8]] = [
      [], [0x28, 0xB5, 0x2F, 0xFD], Array(#"{"id":1,"question":"?"}"#.utf8),
      StoredStreams.zstd(Array(#"{"id":1,"question":"?"}"#.utf8)),
      StoredStreams.zstd(Array("{\n       {\n".utf8)), StoredStreams.zstd([]),
    ]
    for (index, bytes) in texts.enumerated() {
      #expect(!ArchiveFrames.isArchive(path: try folder.write(bytes, to: "\(index)")), "\(index)")
    }
    #expect(!ArchiveFrames.isArchive(path: folder.path))
    #expect(!ArchiveFrames.isArchive(path: folder.file("gone")))
    #expect(try ArchiveFrames(path: folder.file("0")).next() == nil)
  }
}
