import Testing
import ToolSupport

@Suite struct RecordSelectionTests {
  /// Feeds ids until the selection is complete; nil is a line without one.
  private func taken(_ selection: inout RecordSelection, of ids: [String?]) -> [String?] {
    var taken: [String?] = []
    for id in ids {
      if selection.isComplete { break }
      if selection.takes(id: id) { taken.append(id) }
    }
    return taken
  }

  @Test func everythingByDefault() {
    var selection = RecordSelection()
    #expect(taken(&selection, of: ["a", nil, "b"]) == ["a", nil, "b"])
    #expect(!selection.isPartial && selection.note == nil && selection.warnings == [])
  }

  @Test func skipThenOnlyThenLimit() {
    var selection = RecordSelection(skip: 2, only: ["b", "d", "e", "g"], limit: 2)
    #expect(taken(&selection, of: ["a", "b", "c", "d", nil, "e", "f", "g"]) == ["d", "e"])
    #expect(selection.read == 6)
    #expect(selection.note == "left out 4 records, read nothing behind record 6")
    #expect(selection.warnings == [], "what stands behind the limit is not known to be missing")
  }

  @Test func limitStopsReadingAtTheLastRecordItself() {
    var selection = RecordSelection(limit: 3)
    #expect(taken(&selection, of: ["a", nil, "c", "d"]) == ["a", nil, "c"])
    #expect(selection.read == 3 && selection.isComplete)
    #expect(selection.note == "read nothing behind record 3")
  }

  @Test func idsThatAreNotThereAreNamedOnce() {
    var selection = RecordSelection(only: ["x", "b", "x", "y"])
    #expect(taken(&selection, of: ["a", "b"]) == ["b"])
    #expect(selection.warnings == ["x", "y"].map { "--only \($0): no record in the input has this id" })
    var behind = RecordSelection(skip: 1, only: ["a"])
    #expect(taken(&behind, of: ["a", "b"]) == [])
    #expect(behind.warnings == ["--only a: no record behind its first 1 records has this id"])
  }

  @Test func readingEndsWithTheLastIdUnlessIdsRepeat() {
    var unique = RecordSelection(only: ["b", "a"])
    #expect(taken(&unique, of: ["a", "b", "a"]) == ["a", "b"])
    #expect(unique.read == 2)
    var repeating = RecordSelection(only: ["a"], idsAreUnique: false)
    #expect(taken(&repeating, of: ["a", "b", "a"]) == ["a", "a"])
    #expect(repeating.warnings == [])
  }

  @Test func mostTaken() {
    #expect(RecordSelection().mostTaken == nil)
    #expect(RecordSelection(skip: 9).mostTaken == nil)
    #expect(RecordSelection(only: ["a", "b", "a"], limit: 5).mostTaken == 2)
    #expect(RecordSelection(only: ["a"], limit: 5, idsAreUnique: false).mostTaken == 5)
  }
}
