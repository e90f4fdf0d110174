import Checkpoints
import Transformer

/// What a record costs: the tokens that the model reads for it, and how many of its predictions are looked at.
public struct Workload: Sendable {
  /// Sequences of tokens; prefixes shared within a rank are computed once.
  public var sequences: [[Int32]]
  /// Predictions over the vocabulary.
  public var predictions: Int

  /// A workload from its parts.
  public init(sequences: [[Int32]], predictions: Int) {
    self.sequences = sequences
    self.predictions = predictions
  }
}

extension TransformerModel {
  /// Deals records to ranks so that the busiest has as little to do as may be: the dearest first, each to the rank that is
  /// then the least busy (Graham 1969, longest processing time); afterwards the busiest rank gives a record to the least
  /// busy one, or exchanges two, as long as that helps. What a rank's records share is counted once.
  /// - Returns: for each rank its records' places in `workloads`, ascending; depends on the arguments alone.
  public func deal(_ workloads: [Workload], toRanks ranks: Int) -> [[Int]] {
    guard ranks > 1 else { return [Array(workloads.indices)] }
    var dealer = Dealer(model: self, workloads: workloads)
    dealer.dealDearestFirst(toRanks: ranks)
    // Each exchange lowers the highest of two costs; the bound is for many records of nearly one cost.
    for _ in workloads where !dealer.evenOut() { break }
    return dealer.hands.map { $0.places.sorted() }
  }
}

/// Records on their way to ranks.
private struct Dealer {
  struct Hand {
    var places: [Int] = []
    var rows: PackedRowCount
    var predictions = 0
    var cost = 0.0
  }

  let workloads: [Workload]
  let empty: Hand
  /// What each record costs alone.
  private(set) var costs: [Double] = []
  private(set) var hands: [Hand] = []
  /// Products of a row, and of a prediction: those of the layers, and that of the head.
  private let rowCost: Double
  private let predictionCost: Double

  init(model: TransformerModel, workloads: [Workload]) {
    self.workloads = workloads
    let shape = model.configuration
    let layer = Projection.allCases.map { shape.shape(of: $0) }.reduce(0) { $0 + Double($1.rows) * Double($1.columns) }
    rowCost = layer * Double(shape.layers)
    predictionCost = Double(shape.hiddenSize) * Double(shape.vocabularySize)
    empty = Hand(rows: model.rowCount)
    costs = workloads.indices.map { adding($0, to: empty).cost }
  }

  private func adding(_ place: Int, to hand: Hand) -> Hand {
    var hand = hand
    hand.places.append(place)
    hand.rows.add(workloads[place].sequences)
    hand.predictions += workloads[place].predictions
    hand.cost = Double(hand.rows.rows) * rowCost + Double(hand.predictions) * predictionCost
    return hand
  }

  private func hand(_ places: [Int]) -> Hand { places.reduce(empty) { adding($1, to: $0) } }

  mutating func dealDearestFirst(toRanks ranks: Int) {
    hands = Array(repeating: empty, count: ranks)
    for place in workloads.indices.sorted(by: { costs[$0] != costs[$1] ? costs[$0] > costs[$1] : $0 < $1 }) {
      let tried = hands.map { adding(place, to: $0) }
      var best = 0
      for rank in 1..<ranks where tried[rank].cost < tried[best].cost { best = rank }
      hands[best] = tried[best]
    }
  }

  /// Moves what brings the busiest and the least busy rank closest together.
  /// - Returns: whether that made the busier of them less busy.
  mutating func evenOut() -> Bool {
    var (most, least) = (0, 0)
    for rank in hands.indices {
      if hands[rank].cost > hands[most].cost { most = rank }
      if hands[rank].cost < hands[least].cost { least = rank }
    }
    let gap = hands[most].cost - hands[least].cost
    var best: (given: Int, taken: Int?, left: Double)?
    for given in hands[most].places {
      for taken in [nil] + hands[least].places.map(Optional.some) {
        let left = abs(gap - 2 * (costs[given] - (taken.map { costs[$0] } ?? 0)))
        if left < best?.left ?? gap { best = (given, taken, left) }
      }
    }
    guard let best else { return false }
    let giver = hand(hands[most].places.filter { $0 != best.given } + [best.taken].compactMap { $0 })
    let taker = hand(hands[least].places.filter { $0 != best.taken } + [best.given])
    guard max(giver.cost, taker.cost) < hands[most].cost else { return false }
    (hands[most], hands[least]) = (giver, taker)
    return true
  }
}
