import Kernels

/// Token sequences laid out as rows of one tall matrix, what they share computed once.
///
/// A layout is a forest of segments: a token sees its segment's ancestors whole and its own segment causally. A
/// sequence is a path from a root. Linear layers see one matrix of all rows; only attention knows the segments.
///
/// Riders are sequences that are read in the same pass and not learned from. What they share with learned sequences are
/// rows of those; their own rows come after all others, and nothing that is learned sees them.
public struct PackedLayout: Sendable {
  /// Tokens of all segments, one after the other.
  public private(set) var tokens: [Int32] = []
  /// The position of each token in its sequences, from 0.
  public private(set) var positions: [Int32] = []
  /// Rows of each segment and of the segments it sees.
  public private(set) var segments: [SegmentRows] = []
  /// For each sequence, riders last, its segments' rows, from the root down; together they are as long as the sequence.
  public private(set) var paths: [[Range<Int>]] = []
  /// Rows of learned sequences: the first ones.
  public private(set) var learnedRows = 0
  /// Segments of learned sequences: the first ones.
  public private(set) var learnedSegments = 0

  /// Rows of the matrix.
  public var rows: Int { tokens.count }

  /// Where a sequence may end one segment and begin another.
  public enum Cuts: Sendable, Equatable {
    /// Where it parts from another sequence.
    case anywhere
    /// There, but only at multiples of so many tokens.
    case aligned(Int)
    /// At all multiples of so many tokens, so that its segments do not depend on the other sequences.
    case every(Int)
  }

  /// Lays sequences out.
  /// - Parameters:
  ///   - sequences: token sequences, none empty.
  ///   - riders: sequences that are only read, none empty.
  ///   - sharing: shared prefixes of at least this many tokens are laid out once; nil lays out every sequence whole.
  ///     Short segments cost more in attention than they save elsewhere.
  ///   - cuts: where segments may end.
  public init(
    _ sequences: [[Int32]], riders: [[Int32]] = [], sharingPrefixesFrom sharing: Int? = 16, cuts: Cuts = .anywhere
  ) {
    var root = PrefixTree(sharing: sharing, cuts: cuts)
    for (index, sequence) in (sequences + riders).enumerated() { root.insert(sequence, index: index) }
    paths = Array(repeating: [], count: sequences.count + riders.count)
    var later: [Branch] = []
    for child in root.children {
      place(Branch(node: child, ancestors: [], position: 0), learned: sequences.count, leaving: &later)
    }
    learnedRows = rows
    learnedSegments = segments.count
    var none: [Branch] = []
    for branch in later { place(branch, learned: nil, leaving: &none) }
  }

  /// A node of the tree and what is above it.
  private struct Branch {
    let node: PrefixTree.Node
    let ancestors: [Range<Int>]
    let position: Int
  }

  /// Gives a node and what is below it their rows.
  /// - Parameters:
  ///   - learned: how many sequences are learned, the first ones; nil places what only riders go through.
  ///   - later: takes the nodes that none of the learned goes through.
  private mutating func place(_ branch: Branch, learned: Int?, leaving later: inout [Branch]) {
    let node = branch.node
    if let learned, !node.sequences.contains(where: { $0 < learned }) {
      later.append(branch)
      return
    }
    let rows = tokens.count..<tokens.count + node.tokens.count
    tokens += node.tokens
    positions += (0..<node.tokens.count).map { Int32(branch.position + $0) }
    segments.append(SegmentRows(rows: rows, ancestors: branch.ancestors))
    for sequence in node.sequences { paths[sequence].append(rows) }
    for child in node.children {
      place(
        Branch(node: child, ancestors: branch.ancestors + [rows], position: branch.position + node.tokens.count),
        learned: learned, leaving: &later)
    }
  }

  /// The row of a position of a sequence; riders are counted behind the others.
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
  /// - Parameters: as `PackedLayout` takes them.
  public init(sharingPrefixesFrom sharing: Int? = 16, cuts: PackedLayout.Cuts = .anywhere) {
    root = PrefixTree(sharing: sharing, cuts: cuts)
  }

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
  let cuts: PackedLayout.Cuts
  var children: [Node] = []
  /// Tokens of all nodes.
  private(set) var rows = 0

  init(sharing: Int?, cuts: PackedLayout.Cuts) {
    self.sharing = sharing.map { max(1, $0) }
    self.cuts = cuts
  }

  mutating func insert(_ sequence: [Int32], index: Int) {
    rows += insert(sequence[...], index: index, into: &children)
  }

  /// - Returns: how many of the tokens were not there yet.
  private func insert(_ tokens: ArraySlice<Int32>, index: Int, into children: inout [Node]) -> Int {
    if tokens.isEmpty { return 0 }
    func appended() -> Int {
      children.append(node(tokens, index: index))
      return tokens.count
    }
    guard let sharing else { return appended() }
    var best: (child: Int, length: Int) = (0, 0)
    for (position, child) in children.enumerated() {
      let length = shareable(Self.commonPrefix(child.tokens, tokens), of: child.tokens, and: tokens)
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
    return insert(tokens.dropFirst(best.length), index: index, into: &children[best.child].children)
  }

  /// How much of a common prefix may become a segment of both; both begin where segments may end.
  private func shareable(_ length: Int, of first: ArraySlice<Int32>, and second: ArraySlice<Int32>) -> Int {
    if length == first.count, length == second.count { return length }
    return switch cuts {
    case .anywhere: length
    case .aligned(let unit), .every(let unit): length / unit * unit
    }
  }

  /// A sequence's own tokens, cut where they have to be.
  private func node(_ tokens: ArraySlice<Int32>, index: Int) -> Node {
    guard case .every(let unit) = cuts, tokens.count > unit else {
      return Node(tokens: tokens, sequences: [index], children: [])
    }
    let rest = node(tokens.dropFirst(unit), index: index)
    return Node(tokens: tokens.prefix(unit), sequences: [index], children: [rest])
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
