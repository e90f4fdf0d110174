/// What ranks tell each other besides sums, so that all of them go on, fail and end together.
///
/// A rank that cannot go on tells it in `end`, whatever the others are waiting for: each exchange of theirs then throws
/// `RanksEnded`. No rank is left waiting for one that has gone.
public struct RankGroup {
  /// The ranks.
  public let communicator: any Communicator
  /// Number of this process, from 0.
  public var rank: Int { communicator.rank }
  /// How many processes there are.
  public var size: Int { communicator.size }

  /// Ranks that communicate by `communicator`.
  public init(_ communicator: any Communicator) { self.communicator = communicator }

  private enum Tag: UInt8 {
    case report
    case failure
    case ending
  }

  /// Every rank's report, on every rank.
  /// - Parameter report: this rank's, or why it has none.
  /// - Throws: on all ranks the `TrainingError` of the lowest rank that has no report; `RanksEnded` if a rank has ended;
  ///   `CommunicationError`.
  public func exchange(_ report: Result<[UInt8], TrainingError>) throws -> [[UInt8]] {
    let message: [UInt8] =
      switch report {
      case .success(let bytes): [Tag.report.rawValue] + bytes
      case .failure(let error): [Tag.failure.rawValue] + Array(error.description.utf8)
      }
    let messages = try communicator.allGather(message)
    let endings = Self.endings(messages)
    guard endings.isEmpty else { throw RanksEnded(endings: endings) }
    for message in messages where message.first == Tag.failure.rawValue {
      throw TrainingError(String(decoding: message.dropFirst(), as: UTF8.self))
    }
    return messages.map { Array($0.dropFirst()) }
  }

  /// Tells the others that this rank ends, and waits until they know. Nothing can be exchanged afterwards.
  /// - Parameters:
  ///   - status: with which exit status; nil leaves that to the others.
  ///   - message: what failed; empty if nothing did.
  /// - Returns: the endings of all ranks that end now: all of them, unless others were to go on.
  /// - Throws: `CommunicationError`.
  public func end(status: Int32?, message: String = "") throws(CommunicationError) -> [RankEnding] {
    var bytes = [Tag.ending.rawValue, status == nil ? 0 : 1]
    let bits = UInt32(bitPattern: status ?? 0)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    return Self.endings(try communicator.allGather(bytes + Array(message.utf8)))
  }

  private static func endings(_ messages: [[UInt8]]) -> [RankEnding] {
    messages.enumerated().compactMap { rank, message in
      guard message.first == Tag.ending.rawValue, message.count >= 6 else { return nil }
      let status = message[2..<6].reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
      return RankEnding(
        rank: rank, status: message[1] == 0 ? nil : Int32(bitPattern: status),
        message: String(decoding: message[6...], as: UTF8.self))
    }
  }

  /// Checks that all ranks have the same.
  /// - Parameter value: what is compared, this rank's.
  /// - Throws: `TrainingError` on all ranks that names the first that differs from rank 0; as `exchange`.
  public func agree(on name: String, _ value: String) throws {
    let values = try exchange(.success(Array(value.utf8)))
    if let other = values.firstIndex(where: { $0 != values[0] }) {
      throw TrainingError("rank \(other) differs from rank 0 in its \(name)")
    }
  }
}

/// How a rank ends.
public struct RankEnding: Sendable, Equatable {
  /// Which.
  public var rank: Int
  /// Its exit status; nil if it has none of its own.
  public var status: Int32?
  /// What failed; empty if nothing did.
  public var message: String

  /// An ending from its parts.
  public init(rank: Int, status: Int32?, message: String) {
    self.rank = rank
    self.status = status
    self.message = message
  }
}

/// Other ranks have ended, so this one must.
public struct RanksEnded: Error, Sendable {
  /// Those that have.
  public let endings: [RankEnding]
}
