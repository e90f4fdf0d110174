import Kernels

/// Token sequences laid out as rows of one tall matrix, what they share computed once.
///
/// A layout is a forest of segments: a token sees its segment's ancestors whole and its own segment causally. A
/// sequence is a path from a root. Linear layers see one matrix of all rows; only attention knows the segments.
public struct PackedLayout: Sendable {
  /// Tokens of all segments, one after the other.
  public private(set) var tokens: [Int32] = []
  /// The position of each token in its sequences, from 0.
  public private(set) var positions: [Int32] = []
  /// Rows of each segment and of the segments it sees.
  public private(set) var segments: [SegmentRows] = []
  /// For each sequence its segments' rows, from the root down; together they are as long as the sequence.
  public private(set) var paths: [[Range<Int>]] = []

  /// Rows of the matrix.
  public var rows: Int { tokens.count }

  /// Lays sequences out.
  /// - Parameters:
  ///   - sequences: token sequences, none empty.
  ///   - sharing: shared prefixes of at least this many tokens are laid out once; nil lays out every sequence whole.
  ///     Short segments cost more in attention than they save elsewhere.
  public init(_ sequences: [[Int32]], sharingPrefixesFrom sharing: Int? = 16) {
    var root = PrefixTree(sharing: sharing)
    for (index, sequence) in sequences.enumerated() { root.insert(sequence, index: index) }
    paths = Array(repeating: [], count: sequences.count)
    for child in root.children { place(child, ancestors: [], position: 0) }
  }

  private mutating func place(_ node: PrefixTree.Node, ancestors: [Range<Int>], position: Int) {
    let rows = tokens.count..<tokens.count + node.tokens.count
    tokens += node.tokens
    positions += (0..<node.tokens.count).map { Int32(position + $0) }
    segments.append(SegmentRows(rows: rows, ancestors: ancestors))
    for sequence in node.sequences { paths[sequence].append(rows) }
    for child in node.children {
      place(child, ancestors: ancestors + [rows], position: position + node.tokens.count)
    }
  }

  /// The row of a position of a sequence.
  public func row(sequence: Int, position: Int) -> Int {
    var left = position
    for range in paths[sequence] {
      if left < range.count { return range.lowerBound + left }
      left -= range.count
    }
    preconditionFailure("position \(position) is beyond sequence \(sequence)")
  }

  /// A key for each row that depends on the tokens up to it alone, wherever the row lies: dropout masks hang on it.
  public var rowKeys: [UInt64] {
    var keys = [UInt64](repeating: 0, count: rows)
    for segment in segments {
      var key = segment.ancestors.last.map { keys[$0.upperBound - 1] } ?? 0x9E37_79B9_7F4A_7C15
      for row in segment.rows {
        key = (key ^ UInt64(UInt32(bitPattern: tokens[row]))) &* 0xFF51_AFD7_ED55_8CCD
        key ^= key >> 32
        keys[row] = key
      }
    }
    return keys
  }
}

/// How many rows sequences take together once their shared prefixes are packed, told while they are collected.
public struct PackedRowCount: Sendable {
  private var root: PrefixTree
  /// Rows of all sequences so far.
  public var rows: Int { root.rows }

  /// No sequences yet.
  /// - Parameter sharing: as `PackedLayout` takes it.
  public init(sharingPrefixesFrom sharing: Int? = 16) { root = PrefixTree(sharing: sharing) }

  /// Adds sequences.
  public mutating func add(_ sequences: [[Int32]]) {
    for sequence in sequences { root.insert(sequence, index: 0) }
  }
}

/// A tree of token runs: each sequence is a path, shared prefixes are shared nodes.
private struct PrefixTree: Sendable {
  struct Node: Sendable {
    var tokens: ArraySlice<Int32>
    /// Sequences whose path goes through this node.
    var sequences: [Int]
    var children: [Node]
  }

  /// Shortest shared run that becomes a node of its own; nil shares nothing.
  let sharing: Int?
  var children: [Node] = []
  /// Tokens of all nodes.
  private(set) var rows = 0

  init(sharing: Int?) { self.sharing = sharing.map { max(1, $0) } }

  mutating func insert(_ sequence: [Int32], index: Int) {
    rows += Self.insert(sequence[...], index: index, into: &children, sharing: sharing)
  }

  /// - Returns: how many of the tokens were not there yet.
  private static func insert(
    _ tokens: ArraySlice<Int32>, index: Int, into children: inout [Node], sharing: Int?
  ) -> Int {
    if tokens.isEmpty { return 0 }
    func appended() -> Int {
      children.append(Node(tokens: tokens, sequences: [index], children: []))
      return tokens.count
    }
    guard let sharing else { return appended() }
    var best: (child: Int, length: Int) = (0, 0)
    for (position, child) in children.enumerated() {
      let length = commonPrefix(child.tokens, tokens)
      if length > best.length { best = (position, length) }
    }
    let whole = best.length > 0 && best.length == children[best.child].tokens.count
    guard whole || best.length >= sharing else { return appended() }
    if !whole {
      // The rest of the node hangs below the shared run.
      let node = children[best.child]
      let rest = Node(
        tokens: node.tokens.dropFirst(best.length), sequences: node.sequences, children: node.children)
      children[best.child] = Node(
        tokens: node.tokens.prefix(best.length), sequences: node.sequences, children: [rest])
    }
    children[best.child].sequences.append(index)
    return insert(tokens.dropFirst(best.length), index: index, into: &children[best.child].children, sharing: sharing)
  }

  private static func commonPrefix(_ a: ArraySlice<Int32>, _ b: ArraySlice<Int32>) -> Int {
    var length = 0
    for (x, y) in zip(a, b) {
      if x != y { break }
      length += 1
    }
    return length
  }
}
