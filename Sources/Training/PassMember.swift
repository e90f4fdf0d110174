/// A record as a forward and backward pass takes it.
protocol PassMember {
  /// The record's id, for messages.
  var id: String { get }
  /// The sequences that its loss is of, or may be of at most.
  var learned: [[Int32]] { get }
  /// Sequences that are only read.
  var riders: [[Int32]] { get }
  /// For each of the learned sequences the first position that its loss or its scores read.
  var firstLearned: [Int] { get }
  /// The same for each of the others.
  var firstRidden: [Int] { get }
}

extension PassMember {
  /// Which of the learned sequences begins with the tokens of a sequence of the record's loss.
  func place(of tokens: [Int32]) -> Int {
    guard let place = learned.firstIndex(of: tokens) ?? learned.firstIndex(where: { $0.starts(with: tokens) }) else {
      preconditionFailure("a loss of \(id) reaches beyond what its pass has learned")
    }
    return place
  }

  /// The first position that is read of each sequence, be it for the sake of another one that begins like it.
  static func firstReads(_ sequences: [(tokens: [Int32], first: Int)]) -> [Int] {
    sequences.map { sequence in
      let alike = sequences.filter { sequence.tokens.starts(with: $0.tokens.prefix($0.first + 1)) }
      return alike.map(\.first).min() ?? 0
    }
  }
}

extension TrainingRecord: PassMember {
  var learned: [[Int32]] { sequences.map(\.tokens) }
  var riders: [[Int32]] { [] }
  var firstLearned: [Int] { Self.firstReads(sequences.map { ($0.tokens, Int($0.positions.min() ?? 0)) }) }
  var firstRidden: [Int] { [] }
}
