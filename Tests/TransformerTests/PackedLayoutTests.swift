import Kernels
import Testing
import TinyModels
import Transformer

@Suite struct PackedLayoutTests {
  /// Runs of 20 distinct tokens to build sequences of.
  private func run(_ number: Int32, _ count: Int32 = 20) -> [Int32] { (0..<count).map { 100 * number + $0 } }

  /// What every layout must satisfy, whatever it shares.
  private func check(_ layout: PackedLayout, _ sequences: [[Int32]], sourceLocation: SourceLocation = #_sourceLocation)
  {
    #expect(layout.tokens.count == layout.rows && layout.positions.count == layout.rows, sourceLocation: sourceLocation)
    #expect(
      layout.segments.flatMap { Array($0.rows) } == Array(0..<layout.rows), "segments follow each other",
      sourceLocation: sourceLocation)
    #expect(layout.paths.count == sequences.count, sourceLocation: sourceLocation)
    for (index, sequence) in sequences.enumerated() {
      let rows = layout.paths[index].flatMap(Array.init)
      #expect(rows.map { layout.tokens[$0] } == sequence, "\(index)", sourceLocation: sourceLocation)
      #expect(rows.map { layout.positions[$0] } == sequence.indices.map(Int32.init), sourceLocation: sourceLocation)
      #expect(
        sequence.indices.map { layout.row(sequence: index, position: $0) } == rows, sourceLocation: sourceLocation)
      // Each segment sees exactly those before it on the path.
      for (place, range) in layout.paths[index].enumerated() {
        let segment = layout.segments.first { $0.rows == range }
        #expect(segment?.ancestors == Array(layout.paths[index][..<place]), sourceLocation: sourceLocation)
      }
    }
  }

  @Test func sharedPrefixesAreLaidOutOnce() {
    let sequences = [run(1) + run(2), run(1) + run(3), run(4), run(1) + run(2) + run(5), run(1) + run(2)]
    let layout = PackedLayout(sequences)
    check(layout, sequences)
    #expect(layout.rows == 100)
    #expect(
      layout.segments == [
        SegmentRows(rows: 0..<20, ancestors: []), SegmentRows(rows: 20..<40, ancestors: [0..<20]),
        SegmentRows(rows: 40..<60, ancestors: [0..<20, 20..<40]), SegmentRows(rows: 60..<80, ancestors: [0..<20]),
        SegmentRows(rows: 80..<100, ancestors: []),
      ])
    #expect(
      layout.paths == [
        [0..<20, 20..<40], [0..<20, 60..<80], [80..<100], [0..<20, 20..<40, 40..<60], [0..<20, 20..<40],
      ])
  }

  @Test func nothingIsSharedIfNotAskedFor() {
    let sequences = [run(1), run(1), run(1) + run(2)]
    let layout = PackedLayout(sequences, sharingPrefixesFrom: nil)
    check(layout, sequences)
    #expect(layout.segments.map(\.rows) == [0..<20, 20..<40, 40..<80])
    #expect(layout.segments.allSatisfy { $0.ancestors.isEmpty })
  }

  /// The first length is one below the threshold, the second at it.
  @Test(arguments: [(15, 60), (16, 44)]) func prefixesBelowTheThresholdAreNotShared(_ shared: Int32, _ rows: Int) {
    let sequences = [run(1, shared) + run(2, 30 - shared), run(1, shared) + run(3, 30 - shared)]
    let layout = PackedLayout(sequences)
    check(layout, sequences)
    #expect(layout.rows == rows)
    let finer = PackedLayout(sequences, sharingPrefixesFrom: 1)
    check(finer, sequences)
    #expect(finer.rows == 60 - Int(shared))
  }

  @Test func duplicatesTakeNoRows() {
    let sequences = [run(1), run(2), run(1), run(1)]
    let layout = PackedLayout(sequences)
    check(layout, sequences)
    #expect(layout.rows == 40)
    // Even short ones: a whole node costs nothing to share.
    let short: [[Int32]] = [[1, 2, 3], [1, 2, 3], [1, 2, 3, 4]]
    let small = PackedLayout(short)
    check(small, short)
    #expect(small.rows == 4)
  }

  /// The longer first or last, with the cut inside a node and at its end.
  @Test func oneSequenceAPrefixOfAnother() {
    for sequences in [[run(1) + run(2), run(1)], [run(1), run(1) + run(2)], [run(1) + run(2), run(1), run(1, 18)]] {
      let layout = PackedLayout(sequences)
      check(layout, sequences)
      #expect(layout.rows == 40)
    }
  }

  /// Trees of tokens from a vocabulary of two, so that prefixes of every length occur.
  @Test(arguments: [1, 2, 3, 5, 16], 0..<20) func randomForests(_ sharing: Int, _ seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let sequences = (0..<30).map { _ in
      generator.tokens(Int.random(in: 1...40, using: &generator), vocabulary: 2)
    }
    let layout = PackedLayout(sequences, sharingPrefixesFrom: sharing)
    check(layout, sequences)
    let total = sequences.reduce(0) { $0 + $1.count }
    #expect(layout.rows <= total)
    if sharing == 1 {
      let prefixes = Set(sequences.flatMap { sequence in sequence.indices.map { Array(sequence[...$0]) } })
      #expect(layout.rows == prefixes.count, "every prefix once")
    }
  }

  /// Keys follow the prefix: the same in every layout, different for different prefixes.
  @Test func rowKeysDependOnThePrefixAlone() {
    var generator = SplitMix64(seed: 60)
    let sequences = (0..<30).map { _ in generator.tokens(30, vocabulary: 2) }
    var keys: [[Int32]: UInt64] = [:]
    for sharing in [nil, 1, 4, 16] {
      let layout = PackedLayout(sequences, sharingPrefixesFrom: sharing)
      let rowKeys = layout.rowKeys
      for (index, sequence) in sequences.enumerated() {
        for position in sequence.indices {
          let key = rowKeys[layout.row(sequence: index, position: position)]
          #expect(keys[Array(sequence[...position])] ?? key == key)
          keys[Array(sequence[...position])] = key
        }
      }
    }
    #expect(Set(keys.values).count == keys.count)
  }

  @Test func noSequences() {
    let layout = PackedLayout([])
    #expect(layout.rows == 0 && layout.paths.isEmpty && layout.segments.isEmpty)
  }
}
