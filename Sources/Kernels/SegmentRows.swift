/// Where a segment's rows lie in packed matrices, and which rows before its own it sees.
public struct SegmentRows: Sendable, Equatable {
  /// The segment's own rows.
  public let rows: Range<Int>
  /// Rows of its ancestors, from the root down.
  public let ancestors: [Range<Int>]

  /// A segment from its parts.
  public init(rows: Range<Int>, ancestors: [Range<Int>]) {
    self.rows = rows
    self.ancestors = ancestors
  }

  /// The segment's queries over packed keys and values.
  public func group(keys: MatrixView, values: MatrixView) -> AttentionGroup {
    func block(_ range: Range<Int>) -> KeyBlock { KeyBlock(keys: keys.rows(range), values: values.rows(range)) }
    return AttentionGroup(queries: rows, ancestors: ancestors.map(block), own: block(rows))
  }

  /// What the first `count` queries see together.
  func visible(count: Int) -> [Range<Int>] {
    ancestors.filter { !$0.isEmpty } + [rows.lowerBound..<rows.lowerBound + count]
  }
}
