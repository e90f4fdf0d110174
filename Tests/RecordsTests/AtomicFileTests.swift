import Records
import TemporaryFolders
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct AtomicFileTests {
  @Test func theTargetAppearsOnlyWhenComplete() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "t")
    let file = try AtomicFile(path: folder.file("t"))
    try file.append(Array("ne".utf8))
    try file.append(Array("w".utf8))
    #expect(folder.text("t") == "old")
    #expect(folder.names.count == 2)
    try file.commit()
    #expect(folder.text("t") == "new")
    #expect(folder.names == ["t"])
    #expect(throws: FileError.self) { try file.append([1]) }
    file.discard()
    #expect(folder.text("t") == "new")
  }

  @Test func anAbandonedFileLeavesNothing() throws {
    let folder = try TemporaryFolder()
    do {
      let file = try AtomicFile(path: folder.file("t"))
      try file.append([1, 2, 3])
    }
    #expect(folder.names == [])
  }

  @Test func theLinkedFileIsReplacedAndKeepsItsMode() throws {
    let folder = try TemporaryFolder()
    let target = try folder.write("old", to: "target")
    chmod(target, 0o640)
    symlink("target", folder.file("link"))
    try AtomicFile.write(Array("new".utf8), to: folder.file("link"))
    #expect(folder.text("target") == "new")
    #expect(folder.names == ["link", "target"])
    var status = stat()
    #expect(lstat(folder.file("link"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(lstat(target, &status) == 0 && status.st_mode & 0o777 == 0o640)
  }

  @Test func failuresNameTheTarget() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("no/such")
    let error = FileError(path: path, kind: .transfer, reason: "cannot create: No such file or directory")
    #expect(throws: error) { try AtomicFile.write([], to: path) }
    #expect(throws: FileError.self) { try AtomicFile.write([], to: folder.path) }
  }

  #if os(Linux)
    @Test func aFullDiskIsReported() {
      let error = FileError(path: "/dev/full", kind: .transfer, reason: "cannot write: No space left on device")
      #expect(throws: error) { try AtomicFile.write([1], to: "/dev/full") }
    }
  #endif
}
