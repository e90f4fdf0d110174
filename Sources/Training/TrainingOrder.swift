import Kernels
import Records

/// In which order a run takes its records: each epoch all of them, in batches.
public struct TrainingOrder: Sendable {
  /// Order within an epoch.
  public enum Kind: String, Sendable, CaseIterable {
    /// As drawn from the seed, anew for each epoch.
    case shuffled
    /// As the stream has them.
    case stream
  }

  private let kind: Kind
  private let count: Int
  private let batch: Int
  private let epochs: Int
  private let seed: UInt64

  /// An order of `count` records.
  public init(_ kind: Kind, count: Int, batch: Int, epochs: Int, seed: UInt64) {
    self.kind = kind
    self.count = count
    self.batch = batch
    self.epochs = epochs
    self.seed = seed
  }

  private var batchesPerEpoch: Int { (count + batch - 1) / batch }

  /// Steps of the whole run; an epoch's last batch may be smaller.
  public var steps: Int { batchesPerEpoch * epochs }

  /// The first step behind the epoch that a step is in.
  public func endOfEpoch(step: Int) -> Int { (step / batchesPerEpoch + 1) * batchesPerEpoch }

  /// The records of a step, by their place in the stream, and the step's epoch, both from 0.
  public func records(step: Int) -> (epoch: Int, indices: [Int]) {
    let (epoch, part) = step.quotientAndRemainder(dividingBy: batchesPerEpoch)
    var indices = Array(0..<count)
    if kind == .shuffled {
      var generator = SplitMix64(seed: SplitMix64.mixed(seed &+ UInt64(epoch + 1) &* 0x9E37_79B9_7F4A_7C15))
      indices.shuffle(using: &generator)
    }
    return (epoch, Array(indices[part * batch..<min(count, (part + 1) * batch)]))
  }

  /// Tells runs apart: over what decides the records' losses, in the order of the stream, and everything that decides
  /// the order.
  public func fingerprint(records: some LossSource) -> String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(kind.rawValue) \(count) \(batch) \(epochs) \(seed)")
    records.add(to: &fingerprint)
    return fingerprint.hexadecimal
  }
}
