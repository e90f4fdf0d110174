/// The processes that train one adapter together, as one of them sees them: its rank among `size`.
///
/// All ranks must make the same calls in the same order, and each waits in a call for the others.
public protocol Communicator {
  /// Number of this process, from 0.
  var rank: Int { get }
  /// How many processes there are.
  var size: Int { get }
  /// Every rank's message, on every rank. A rank that waits here leaves its cores to others.
  /// - Throws: `CommunicationError`.
  func allGather(_ message: [UInt8]) throws(CommunicationError) -> [[UInt8]]
  /// Block k of `values`, which is cut into as many equal blocks as there are ranks, goes to rank k; block k of the
  /// result came from rank k.
  /// - Throws: `CommunicationError`.
  func allToAll(_ values: [Float]) throws(CommunicationError) -> [Float]
  /// All ranks' blocks, of one length, in the order of the ranks.
  /// - Throws: `CommunicationError`.
  func allGather(_ block: [Float]) throws(CommunicationError) -> [Float]
}

/// One process alone.
public struct SingleProcess: Communicator {
  /// The only one.
  public let rank = 0
  /// One.
  public let size = 1

  /// A process without others.
  public init() {}

  /// Its own message.
  public func allGather(_ message: [UInt8]) -> [[UInt8]] { [message] }

  /// Its own values.
  public func allToAll(_ values: [Float]) -> [Float] { values }

  /// Its own block.
  public func allGather(_ block: [Float]) -> [Float] { block }
}

/// The other ranks cannot be reached: nothing more can be told to them.
public struct CommunicationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What failed.
  public let description: String

  /// An error in words.
  public init(_ description: String) { self.description = description }
}
