import TemporaryFolders
import Tensors
import Testing

@Suite struct MappedFileTests {
  @Test func bytesAndRanges() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1, 2, 3, 4], to: "four")
    let file = try MappedFile(path: path)
    #expect(file.path == path && file.count == 4 && Array(file.bytes) == [1, 2, 3, 4])
    #expect(try Array(file.checked(offset: 1, count: 2)) == [2, 3])
    #expect(try file.checked(offset: 4, count: 0).isEmpty)
    for (offset, count) in [(0, 5), (4, 1), (5, 0), (-1, 1), (0, -1), (1, .max), (.max, 1)] {
      #expect(throws: TensorError.self) { try file.checked(offset: offset, count: count) }
    }
  }

  @Test func anEmptyFile() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(path: folder.write([], to: "empty"))
    #expect(file.count == 0 && file.bytes.isEmpty)
    #expect(try file.checked(offset: 0, count: 0).isEmpty)
    #expect(throws: TensorError.self) { try file.checked(offset: 0, count: 1) }
  }

  @Test func whatCannotBeOpened() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing")
    #expect(throws: TensorError(.opening, source: missing, "cannot be opened: No such file or directory")) {
      try MappedFile(path: missing)
    }
    #expect(throws: TensorError(.opening, source: folder.path, "is a directory")) {
      try MappedFile(path: folder.path)
    }
    #expect(throws: TensorError(.opening, source: "/dev/null", "is not a regular file")) {
      try MappedFile(path: "/dev/null")
    }
  }
}
