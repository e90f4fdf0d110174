import Records
import StoredStreams
import TemporaryFolders
import Testing

/// How far a reader has come, from which tools tell the time that is left.
@Suite struct ReadShareTests {
  private static let lines = (0..<4000).map { #"{"id":\#($0),"text":"\#(String(repeating: "x", count: 90))"}"# + "\n" }

  /// The share behind each record.
  private func shares(_ paths: [String]) throws -> [Double] {
    let reader = try RecordReader(paths: paths)
    var shares: [Double] = []
    while try reader.next() != nil { shares.append(try #require(reader.share)) }
    #expect(reader.share == 1)
    return shares
  }

  @Test func bytesOfLinesReadOfAllFiles() throws {
    let folder = try TemporaryFolder()
    let text = Self.lines.joined()
    let first = try folder.write(text, to: "a.jsonl")
    let second = try folder.write("[" + Self.lines.joined(separator: ",") + "]", to: "b.json")
    let total = Double(text.utf8.count * 2 + Self.lines.count + 1)
    let found = try shares([first, second])
    var used = 0
    for (index, line) in Self.lines.enumerated() {
      used += line.utf8.count
      #expect(abs(found[index] - Double(used) / total) < 1e-9)
    }
    #expect(found.count == 8000)
    #expect(abs(found[5999] - 0.75) < 0.01)
    #expect(zip(found, found.dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test(arguments: Compression.allCases)
  func compressedFilesBySharesOfWhatIsStored(compression: Compression) throws {
    let folder = try TemporaryFolder()
    let text = Array(Self.lines.joined().utf8)
    let stored = compression == .gzip ? StoredStreams.gzip(text) : StoredStreams.zstd(text)
    let found = try shares([try folder.write(stored, to: "a")])
    for (index, share) in found.enumerated() {
      // As exact as the blocks that are decoded at a time.
      #expect(abs(share - Double(index + 1) / 4000) < 0.25, "\(index)")
    }
    #expect(found.count == 4000)
  }

  @Test func nobodyKnowsTheLengthOfADevice() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Self.lines[0], to: "a.jsonl")
    #expect(try RecordReader(paths: [file, "/dev/null"]).share == nil)
    #expect(try RecordReader(paths: [try folder.write("", to: "empty")]).share == nil)
  }
}
