import CKernels

/// The distinct blocks of keys of some groups, and each part's way through them: a part is some queries of one group.
///
/// Rows of scores are laid out block of keys after block of keys, each padded to a multiple of 32. A lane of a row's sum
/// takes every sixteenth key; where a block's first score is in the lane of its position, the sum does not depend on how
/// the keys are cut into blocks.
struct AttentionPlan {
  let blocks: [KeyBlock]
  let parts: [Part]

  static let extent = TileOperand.extent
  /// Partial sums of a row.
  private static let lanes = 16

  /// Where a part's keys are: block by block, first column of the scores, and how many of them its last query sees.
  struct Stretch {
    let block: Int
    /// First key of the block, a multiple of `extent`: no query of the part sees the ones before.
    let start: Int
    let column: Int
    let count: Int
    /// Position of its first key.
    let position: Int
    /// Columns before `column` that are nobody's, up to a multiple of 32.
    let lane: Int
  }

  struct Part {
    let rows: Range<Int>
    let stretches: [Stretch]
    /// Scores of a row, with padding.
    let width: Int
    /// Keys of the last stretch that the part's first query sees.
    let firstSees: Int
    /// Keys that a query sees at most; nil for all.
    let window: Int?

    /// Queries of a panel.
    func lines(panel: Int) -> Range<Int> {
      panel * AttentionPlan.extent..<min(rows.count, (panel + 1) * AttentionPlan.extent)
    }

    /// Keys of a stretch that the last query of a panel sees; no key beyond matters to the panel.
    func seen(_ stretch: Int, panel: Int) -> Int {
      guard stretch == stretches.count - 1 else { return stretches[stretch].count }
      return firstSees + min(rows.count, (panel + 1) * AttentionPlan.extent) - 1
    }

    /// Keys of a stretch that a query sees: none if the range is empty.
    func seen(_ stretch: Int, row: Int) -> Range<Int> {
      let last = stretches.count - 1
      let end = stretch == last ? firstSees + row : stretches[stretch].count
      guard let window else { return 0..<end }
      let first = stretches[last].position + firstSees + row - window
      return min(end, max(0, first - stretches[stretch].position))..<end
    }

    /// Keys of a stretch from the first that any of some queries sees up to the last, and those before it down to a
    /// multiple of `extent`: none if the range is empty.
    func seen(_ stretch: Int, rows: Range<Int>) -> Range<Int> {
      let first = seen(stretch, row: rows.lowerBound)
      let end = seen(stretch, row: rows.upperBound - 1).upperBound
      return first.lowerBound < end ? first.lowerBound / AttentionPlan.extent * AttentionPlan.extent..<end : end..<end
    }
  }

  /// So many keys, padded.
  static func padded(_ count: Int) -> Int { TileOperand.count(count) * extent }

  /// - Parameters:
  ///   - queries: the most that a part has.
  ///   - inLanes: puts every score into the lane of its key's position; otherwise each block's first into the first.
  init(_ shape: Attention, _ groups: [AttentionGroup], queries: Int, inLanes: Bool = false) {
    var blocks: [KeyBlock] = []
    var places: [UnsafeMutablePointer<Float>: Int] = [:]
    func place(_ block: KeyBlock) -> Int {
      if let known = places[block.keys.base] { return known }
      places[block.keys.base] = blocks.count
      blocks.append(block)
      return blocks.count - 1
    }
    var parts: [Part] = []
    for group in groups {
      let chain = group.ancestors.filter { $0.keys.rows > 0 } + [group.own]
      let chainPlaces = chain.map(place)
      let before = group.keyCount - group.queries.count
      for start in stride(from: 0, to: group.queries.count, by: queries) {
        let count = min(queries, group.queries.count - start)
        let first = shape.firstSeen(before + start + 1)
        var stretches: [Stretch] = []
        var (column, position) = (0, 0)
        for (block, index) in zip(chain, chainPlaces) {
          let end = min(block.keys.rows, before + start + count - position)
          let skipped = max(0, first - position) / Self.extent * Self.extent
          if skipped < end {
            let lane = inLanes ? (position + skipped) % Self.lanes : 0
            stretches.append(
              Stretch(
                block: index, start: skipped, column: column + lane, count: end - skipped,
                position: position + skipped, lane: lane))
            column += Self.padded(lane + end - skipped)
          }
          position += block.keys.rows
        }
        let rows = group.queries.lowerBound + start..<group.queries.lowerBound + start + count
        let firstSees = before + start + 1 - (stretches.last?.position ?? 0)
        parts.append(
          Part(rows: rows, stretches: stretches, width: column, firstSees: firstSees, window: shape.window))
      }
    }
    (self.blocks, self.parts) = (blocks, parts)
  }
}

/// The keys that each of some lines of scores sees.
final class SeenKeys {
  let base = UnsafeMutablePointer<tiles_seen>.allocate(capacity: AttentionPlan.extent)

  deinit { base.deallocate() }

  func set(_ lines: Range<Int>, _ seen: (_ line: Int) -> Range<Int>) {
    for line in lines {
      let keys = seen(line)
      base[line - lines.lowerBound] = tiles_seen(
        first: Int32(truncatingIfNeeded: keys.lowerBound), end: Int32(truncatingIfNeeded: keys.upperBound))
    }
  }
}

/// What one pass backward reads and writes for each query.
struct AttentionGradients {
  let queries: MatrixView
  let outputs: MatrixView
  let normalizers: MatrixView
  let outputGradient: MatrixView
  let queryGradient: MatrixView
}
