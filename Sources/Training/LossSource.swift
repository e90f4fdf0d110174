import Records

/// The records of a run and where their losses come from.
public protocol LossSource {
  /// How many records there are.
  var count: Int { get }
  /// How the weights are made, as options of nlft-saliency: distinct texts in the order of their first appearance.
  /// Records that do not say it add none.
  var settings: [String] { get }
  /// The losses of a step's records.
  /// - Parameter indices: their places in the stream.
  /// - Throws: `TrainingError` naming the record that has none.
  func losses(of indices: [Int]) throws(TrainingError) -> StepLosses
  /// A step's records if the pass that is differentiated makes their losses; nil if they come from `losses(of:)`.
  func liveBatch(of indices: [Int]) -> LiveBatch?
  /// The id of the record at a place in the stream.
  func id(of index: Int) -> String
  /// What the losses and gradients of the record at a place in the stream cost.
  func workload(of index: Int) -> Workload
  /// Adds what decides the losses, in the order of the stream.
  func add(to fingerprint: inout Fingerprint)
}

extension LossSource {
  /// None: losses are made before the pass.
  public func liveBatch(of indices: [Int]) -> LiveBatch? { nil }
}

/// The losses of one step.
public struct StepLosses: Sendable {
  /// The records that the step is taken on.
  public var records: [TrainingRecord]
  /// Ids of the others: at this step none of their tokens has a weight.
  public var weightless: [String]

  /// Losses of `records`.
  public init(records: [TrainingRecord], weightless: [String] = []) {
    self.records = records
    self.weightless = weightless
  }
}

/// Losses that are what they are, whatever the adapter becomes.
extension [TrainingRecord]: LossSource {
  /// The settings that the records' frames brought.
  public var settings: [String] {
    var seen = Set<String>()
    return compactMap(\.settings).filter { seen.insert($0).inserted }
  }

  /// The records at these places.
  public func losses(of indices: [Int]) -> StepLosses { StepLosses(records: indices.map { self[$0] }) }

  /// The record's.
  public func id(of index: Int) -> String { self[index].id }

  /// Its sequences as far as weights reach.
  public func workload(of index: Int) -> Workload {
    Workload(
      sequences: self[index].sequences.map(\.tokens),
      predictions: self[index].sequences.reduce(0) { $0 + $1.positions.count })
  }

  /// Ids, tokens and weights.
  public func add(to fingerprint: inout Fingerprint) {
    for record in self {
      fingerprint.add(record.id)
      for sequence in record.sequences {
        for number in sequence.tokens + sequence.positions + sequence.targets { fingerprint.add(number) }
        for weight in sequence.likelihood + sequence.unlikelihood {
          fingerprint.add(Int32(bitPattern: weight.bitPattern))
        }
      }
    }
  }
}
