import Testing
import Training

@Suite struct RankGroupTests {
  private struct Broken: Error {}

  @Test func everyRankHasEveryReport() throws {
    let outcomes = ThreadRanks(3).run { communicator in
      let group = RankGroup(communicator)
      let first = try group.exchange(.success(Array(repeating: 7, count: group.rank)))
      return first + (try group.exchange(.success([UInt8(group.rank)])))
    }
    for outcome in outcomes { #expect(try outcome.get() == [[], [7], [7, 7], [0], [1], [2]]) }
  }

  @Test func whatFailsOnOneFailsOnAll() throws {
    let outcomes = ThreadRanks(4).run { communicator in
      let group = RankGroup(communicator)
      return try group.exchange(group.rank < 2 ? .success([]) : .failure(TrainingError("é \(group.rank)")))
    }
    for outcome in outcomes { #expect(throws: TrainingError("é 2")) { try outcome.get() } }
  }

  @Test func rankThatEndsIsWaitedForByNobody() throws {
    let outcomes = ThreadRanks(3).run { communicator -> [RankEnding] in
      let group = RankGroup(communicator)
      _ = try group.exchange(.success([]))
      if group.rank == 1 { return try group.end(status: 74, message: "disk") }
      do { _ = try group.exchange(.failure(TrainingError("not told any more"))) } catch let error as RanksEnded {
        return error.endings
      }
      throw Broken()
    }
    for outcome in outcomes { #expect(try outcome.get() == [RankEnding(rank: 1, status: 74, message: "disk")]) }
  }

  @Test func allEnd() throws {
    let outcomes = ThreadRanks(2).run { communicator in
      try RankGroup(communicator).end(status: communicator.rank == 0 ? -1 : nil)
    }
    let expected = [RankEnding(rank: 0, status: -1, message: ""), RankEnding(rank: 1, status: nil, message: "")]
    for outcome in outcomes { #expect(try outcome.get() == expected) }
  }

  @Test func agreement() throws {
    func agree(_ values: [String]) -> [Result<Void, any Error>] {
      ThreadRanks(3).run { try RankGroup($0).agree(on: "model", values[$0.rank]) }
    }
    for outcome in agree(["a", "a", "a"]) { try outcome.get() }
    for outcome in agree(["a", "a", "b"]) {
      #expect(throws: TrainingError("rank 2 differs from rank 0 in its model")) { try outcome.get() }
    }
  }
}
