import ArgumentParser
import MessagePassing
import Records
import ToolSupport
import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension RankGroup {
  /// Runs a rank's part to its end, and ends all ranks together with the same exit status.
  ///
  /// What fails is told by rank 0 alone, whichever rank it failed on.
  func together(_ body: () throws -> ExitCode) throws -> ExitCode {
    guard size > 1 else { return try body() }
    let endings: [RankEnding]
    do {
      let code = try body()
      endings = try end(status: rank == 0 ? code.rawValue : nil)
    } catch let ended as RanksEnded {
      endings = ended.endings
    } catch let error as CommunicationError {
      throw ToolError(.transfer, "\(error)")
    } catch {
      endings = try end(status: Self.status(of: error), message: ToolError(error).description)
      if rank == 0 { throw error }
    }
    guard let first = endings.first(where: { $0.status != nil }), let status = first.status else {
      throw ToolError(.internal, "rank \(rank): the others have ended without a status")
    }
    if rank == 0, first.rank != 0 { throw ToolError(first) }
    return ExitCode(status)
  }

  private static func status(of error: any Error) -> Int32 {
    if let error = error as? FileError, error.kind == .closed { return 0 }
    return (error as? ExitCode)?.rawValue ?? ToolError(error).status.rawValue
  }
}

extension RankGroup {
  /// Checks that all ranks have the same: they read it where they are.
  /// - Throws: `ToolError` on all ranks; as `exchange`.
  func checkSame(_ name: String, _ value: @autoclosure () -> String) throws {
    guard size > 1 else { return }
    do { try agree(on: name, value()) } catch let error as TrainingError { throw ToolError(.data, "\(error)") }
  }
}

extension ToolError {
  /// What failed on another rank.
  fileprivate init(_ ending: RankEnding) {
    self.init(
      ending.status.flatMap { Status(rawValue: $0) } ?? .internal, "rank \(ending.rank): \(ending.message)")
  }
}

/// Where a rank's records come from.
protocol RecordFeed {
  /// Takes all records; those that cannot be taken fail.
  func readAll(_ take: (Record) throws -> Void) throws
  /// Says something that a person may want to know.
  func note(_ message: String)
}

/// Rank 0's: the input, told on to the other ranks.
struct InputFeed: RecordFeed {
  let stream: ToolStream
  let ranks: RankGroup

  /// Bytes of records that are told at a time.
  private static let portion = 4 << 20

  func readAll(_ take: (Record) throws -> Void) throws {
    var portion: [UInt8] = []
    func pass() throws {
      _ = try ranks.exchange(.success(portion))
      portion = []
    }
    try stream.readAll { record in
      try take(record)
      guard ranks.size > 1 else { return }
      portion += record.encoded + [0x0A]
      if portion.count >= Self.portion { try pass() }
    }
    guard ranks.size > 1 else { return }
    if !portion.isEmpty { try pass() }
    // Nothing means the end.
    try pass()
  }

  func note(_ message: String) { stream.note(message) }
}

/// The other ranks': what rank 0 has taken.
struct RankFeed: RecordFeed {
  let ranks: RankGroup

  func readAll(_ take: (Record) throws -> Void) throws {
    while true {
      let portion = try ranks.exchange(.success([]))[0]
      if portion.isEmpty { return }
      for line in portion.split(separator: 0x0A) {
        let record = try Record(parsing: Array(line))
        do { try take(record) } catch let error as ToolError { throw error } catch {
          throw ToolError(.data, "id \"\(record.idText ?? "")\": \(error)")
        }
      }
    }
  }

  /// Rank 0 says it.
  func note(_ message: String) {}
}
