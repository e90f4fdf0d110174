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

/// What dead processes leave, and what living ones are working on.
@Suite struct TemporaryEntryTests {
  /// A child of another test, between its fork and its exec, may hold a lock a moment longer.
  private func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<500 {
      if try holds() { return true }
      usleep(10_000)
    }
    return false
  }

  @Test func whatADeadProcessLeftGoesWithTheNextFile() throws {
    let folder = try TemporaryFolder()
    try folder.write("half", to: ".t.12345-1.tmp")
    let gone = try eventually {
      try AtomicFile.write([1], to: folder.file("t"))
      return folder.names == ["t"]
    }
    #expect(gone, "\(folder.names)")
  }

  @Test func whatIsNotTemporaryOfThisTargetStays() throws {
    let folder = try TemporaryFolder()
    let others = [
      ".t.12345.tmp", ".t.x-1.tmp", ".t.1-2-3.tmp", ".u.12345-1.tmp", ".t.12345-1.tmp.bak", "t.12345-1.tmp",
      ".t.-1.tmp",
    ]
    for name in others { try folder.write("mine", to: name) }
    try folder.folder(".t.12345-2.tmp")
    try folder.write("mine", to: ".t.12345-2.tmp/file")
    try AtomicFile.write([1], to: folder.file("t"))
    #expect(folder.names == (others + [".t.12345-2.tmp", "t"]).sorted())
    #expect(folder.text(".t.12345-2.tmp/file") == "mine")
  }

  @Test func whatALivingProcessIsWritingStays() throws {
    let folder = try TemporaryFolder()
    let first = try AtomicFile(path: folder.file("t"))
    try first.append([1])
    try AtomicFile.write([2], to: folder.file("t"))
    try first.commit()
    #expect(try folder.read("t") == [1])
    #expect(folder.names == ["t"])
  }

  @Test func aDirectoryLeftHalfMadeGoes() throws {
    let folder = try TemporaryFolder()
    try folder.folder(".d.77-3.tmp")
    try folder.write("x", to: ".d.77-3.tmp/a")
    try folder.write("x", to: ".d.77-3.tmp/.b.77-4.tmp")
    try folder.folder(".d.77-5.tmp")
    try folder.write("precious", to: ".d.77-5.tmp/thesis.tex")
    let gone = try eventually {
      try AtomicDirectory(path: folder.file("d"), names: ["a", "b"]).discard()
      return folder.names == [".d.77-5.tmp"]
    }
    #expect(gone, "\(folder.names)")
    #expect(folder.text(".d.77-5.tmp/thesis.tex") == "precious")
  }

  @Test func aDirectoryIsReplacedAsAWhole() throws {
    let folder = try TemporaryFolder()
    for content in ["one", "two"] {
      let directory = try AtomicDirectory(path: folder.file("d/"), names: ["a"])
      try folder.write(content, to: String(directory.temporary.dropFirst(folder.path.utf8.count + 1)) + "/a")
      try directory.commit()
      #expect(folder.text("d/a") == content)
      #expect(folder.names == ["d"])
    }
  }

  /// A file system without exchange: the old directory was moved aside, and then the process was killed.
  @Test func aDirectoryThatWasMovedAsideIsPutBack() throws {
    let folder = try TemporaryFolder()
    try folder.folder(".d.77-3.old")
    try folder.write("old", to: ".d.77-3.old/a")
    let back = try eventually {
      try AtomicDirectory(path: folder.file("d"), names: ["a"]).discard()
      return folder.names == ["d"]
    }
    #expect(back, "\(folder.names)")
    #expect(folder.text("d/a") == "old")
    // One that was not taken away in time goes.
    try folder.folder(".d.78-3.old")
    try folder.write("older", to: ".d.78-3.old/a")
    let gone = try eventually {
      try AtomicDirectory(path: folder.file("d"), names: ["a"]).discard()
      return folder.names == ["d"]
    }
    #expect(gone, "\(folder.names)")
    #expect(folder.text("d/a") == "old")
  }

  @Test func aClaimKeepsOthersAway() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("d")
    do {
      let claim = try OutputClaim(directory: path)
      let error = FileError(path: path + "/", kind: .transfer, reason: "is being written by another process")
      #expect(throws: error) { try OutputClaim(directory: path + "/") }
      let other = try OutputClaim(directory: folder.file("e"))
      // Its own process writes under it.
      let directory = try AtomicDirectory(path: path, names: [])
      try directory.commit()
      withExtendedLifetime((claim, other)) {}
    }
    #expect(folder.names == ["d"])
    _ = try OutputClaim(directory: path)
    #expect(folder.names == ["d"])
    let error = #expect(throws: FileError.self) { try OutputClaim(directory: folder.file("no/d")) }
    #expect(error?.description == "\(folder.file("no/d")): cannot create: No such file or directory")
  }

  @Test func aClaimOfADeadProcessIsNone() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: ".d.77-3.tmp")
    let claimed = eventually { (try? OutputClaim(directory: folder.file("d"))) != nil && folder.names.isEmpty }
    #expect(claimed, "\(folder.names)")
  }
}
