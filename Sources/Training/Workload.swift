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
  /// Deals records to ranks so that the busiest has as little to do as it may: the dearest first, each to the rank that is
  /// then the least busy (Graham 1969, longest processing time). Shared prefixes draw records together.
  ///
  /// A row costs the layers' products, a prediction that of the head.
  /// - Returns: for each rank its records' places in `workloads`, ascending; depends on the arguments alone.
  public func deal(_ workloads: [Workload], toRanks ranks: Int) -> [[Int]] {
    guard ranks > 1 else { return [Array(workloads.indices)] }
    let row = Projection.allCases.reduce(0.0) {
      let shape = configuration.shape(of: $1)
      return $0 + Double(shape.rows) * Double(shape.columns)
    }
    let rowCost = row * Double(configuration.layers)
    let predictionCost = Double(configuration.hiddenSize) * Double(configuration.vocabularySize)
    struct Hand {
      var places: [Int] = []
      var rows: PackedRowCount
      var predictions = 0
    }
    func cost(_ hand: Hand) -> Double {
      Double(hand.rows.rows) * rowCost + Double(hand.predictions) * predictionCost
    }
    func adding(_ place: Int, to hand: Hand) -> Hand {
      var hand = hand
      hand.places.append(place)
      hand.rows.add(workloads[place].sequences)
      hand.predictions += workloads[place].predictions
      return hand
    }
    let empty = Hand(rows: rowCount)
    let costs = workloads.indices.map { cost(adding($0, to: empty)) }
    var hands = [Hand](repeating: empty, count: ranks)
    for place in workloads.indices.sorted(by: { costs[$0] != costs[$1] ? costs[$0] > costs[$1] : $0 < $1 }) {
      let tried = hands.map { adding(place, to: $0) }
      var best = 0
      for rank in 1..<ranks where cost(tried[rank]) < cost(tried[best]) { best = rank }
      hands[best] = tried[best]
    }
    return hands.map { $0.places.sorted() }
  }
}
