import Kernels
import Testing
import TinyModels
import Transformer

/// Rows of what is learned come first, and see no others.
@Suite struct RiderLayoutTests {
  /// Runs of 20 distinct tokens to build sequences of.
  private func run(_ number: Int32, _ count: Int32 = 20) -> [Int32] { (0..<count).map { 100 * number + $0 } }

  private func check(_ layout: PackedLayout, _ learned: [[Int32]], _ riders: [[Int32]]) {
    #expect(layout.segments.flatMap { Array($0.rows) } == Array(0..<layout.rows), "segments follow each other")
    #expect(layout.segments[..<layout.learnedSegments].reduce(0) { $0 + $1.rows.count } == layout.learnedRows)
    for segment in layout.segments {
      #expect(segment.ancestors.allSatisfy { $0.upperBound <= segment.rows.lowerBound }, "ancestors precede")
    }
    let sequences = learned + riders
    #expect(layout.paths.count == sequences.count)
    for (index, sequence) in sequences.enumerated() {
      let path = layout.paths[index]
      let rows = path.flatMap(Array.init)
      #expect(rows.map { layout.tokens[$0] } == sequence)
      #expect(rows.map { layout.positions[$0] } == sequence.indices.map(Int32.init))
      #expect(sequence.indices.map { layout.row(sequence: index, position: $0) } == rows)
      if index < learned.count { #expect(rows.allSatisfy { $0 < layout.learnedRows }) }
      for (place, range) in path.enumerated() {
        #expect(layout.segments.first { $0.rows == range }?.ancestors == Array(path[..<place]))
      }
    }
    // Every learned row is some learned sequence's.
    let reached = Set(layout.paths[..<learned.count].flatMap { $0.flatMap(Array.init) })
    #expect(reached.count == layout.learnedRows)
  }

  @Test func learnedRowsComeFirst() {
    let learned = [run(1) + run(2), run(3)]
    let riders = [run(1) + run(4), run(3), run(1) + run(4) + run(5), run(6), run(3, 17)]
    let layout = PackedLayout(learned, riders: riders)
    check(layout, learned, riders)
    #expect(layout.learnedRows == 60 && layout.learnedSegments == 4 && layout.rows == 120)
    #expect(
      layout.segments == [
        SegmentRows(rows: 0..<20, ancestors: []), SegmentRows(rows: 20..<40, ancestors: [0..<20]),
        SegmentRows(rows: 40..<57, ancestors: []), SegmentRows(rows: 57..<60, ancestors: [40..<57]),
        SegmentRows(rows: 60..<80, ancestors: [0..<20]), SegmentRows(rows: 80..<100, ancestors: [0..<20, 60..<80]),
        SegmentRows(rows: 100..<120, ancestors: []),
      ])
    #expect(layout.paths[3] == [40..<57, 57..<60] && layout.paths[6] == [40..<57])
  }

  @Test func withoutRidersAllIsLearned() {
    let sequences = [run(1) + run(2), run(1) + run(3)]
    let layout = PackedLayout(sequences)
    #expect(layout.learnedRows == layout.rows && layout.learnedSegments == layout.segments.count)
    let read = PackedLayout([], riders: sequences)
    check(read, [], sequences)
    #expect(read.learnedRows == 0 && read.segments == layout.segments)
  }

  /// Trees of tokens from a vocabulary of two, so that prefixes of every length occur.
  @Test(arguments: [nil, 1, 3, 16], 0..<20) func randomForests(_ sharing: Int?, _ seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    func sequences(_ count: Int) -> [[Int32]] {
      (0..<count).map { _ in generator.tokens(Int.random(in: 1...40, using: &generator), vocabulary: 2) }
    }
    let (learned, riders) = (sequences(12), sequences(18))
    let layout = PackedLayout(learned, riders: riders, sharingPrefixesFrom: sharing)
    check(layout, learned, riders)
    let plain = PackedLayout(learned, sharingPrefixesFrom: sharing)
    #expect(Array(layout.tokens[..<layout.learnedRows]) == plain.tokens, "riders move no learned row")
    #expect(Array(layout.rowKeys[..<layout.learnedRows]) == plain.rowKeys)
    var count = PackedRowCount(sharingPrefixesFrom: sharing)
    count.add(learned + riders)
    #expect(count.rows == layout.rows)
    guard sharing == 1 else { return }
    func prefixes(_ sequences: [[Int32]]) -> Int {
      Set(sequences.flatMap { sequence in sequence.indices.map { Array(sequence[...$0]) } }).count
    }
    #expect(layout.rows == prefixes(learned + riders) && layout.learnedRows == prefixes(learned))
  }
}
