import Records

/// A test problem and two models' answers to it.
public struct AnswerPair: Sendable, Equatable {
  /// The record's id.
  public var id: String
  /// What was asked, and the standard answer.
  public var question: String, answer: String
  /// The two outputs.
  public var before: String, after: String
  /// Whether they are right.
  public var wasRight: Bool, isRight: Bool
}

/// What became of the test problems from one graded stream to another.
public struct AnswerChange: Sendable {
  /// Pairs in the order of the second stream.
  public var pairs: [AnswerPair] = []

  /// Pairs of one kind.
  public func pairs(wasRight: Bool, isRight: Bool) -> [AnswerPair] {
    pairs.filter { $0.wasRight == wasRight && $0.isRight == isRight }
  }

  /// Reads two graded streams; nil if one of them is not there. Problems that stand in one only are left out.
  init?(before: String, after: String) throws {
    var earlier: [String: (output: String, isRight: Bool)] = [:]
    let isThere = try RunFiles.records(before) { record in
      guard let id = record.idText else { throw RecordError(missing: "id") }
      earlier[id] = (try record.optionalString("output") ?? "", try record.optionalBool("correct") ?? false)
    }
    guard isThere else { return nil }
    var pairs: [AnswerPair] = []
    let isOtherThere = try RunFiles.records(after) { record in
      guard let id = record.idText else { throw RecordError(missing: "id") }
      guard let old = earlier[id] else { return }
      pairs.append(
        AnswerPair(
          id: id, question: try record.question() ?? "", answer: try record.optionalString("answer") ?? "",
          before: old.output, after: try record.optionalString("output") ?? "", wasRight: old.isRight,
          isRight: try record.optionalBool("correct") ?? false))
    }
    guard isOtherThere else { return nil }
    self.pairs = pairs
  }
}
