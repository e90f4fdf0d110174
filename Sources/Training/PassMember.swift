/// A record as a forward and backward pass takes it.
protocol PassMember {
  /// The record's id, for messages.
  var id: String { get }
  /// The sequences that its loss is of, or may be of at most.
  var learned: [[Int32]] { get }
  /// Sequences that are only read.
  var riders: [[Int32]] { get }
}

extension PassMember {
  /// Which of the learned sequences begins with the tokens of a sequence of the record's loss.
  func place(of tokens: [Int32]) -> Int {
    guard let place = learned.firstIndex(of: tokens) ?? learned.firstIndex(where: { $0.starts(with: tokens) }) else {
      preconditionFailure("a loss of \(id) reaches beyond what its pass has learned")
    }
    return place
  }
}

extension TrainingRecord: PassMember {
  var learned: [[Int32]] { sequences.map(\.tokens) }
  var riders: [[Int32]] { [] }
}
