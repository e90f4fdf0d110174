import Checkpoints

extension Communicator {
  /// Replaces an adapter's entries by their sums over all ranks: an all-reduce.
  ///
  /// Each rank adds up one part of every piece, always rank 0 + rank 1 + …, and the others get its sums. So all ranks
  /// have the same bits, from run to run as well, which MPI_Allreduce does not promise; what a rank sends is as little.
  /// - Parameters:
  ///   - adapter: shaped alike on all ranks.
  ///   - piece: Entries that are under way at a time, which bounds the memory for them.
  /// - Throws: `CommunicationError`.
  public func sum(_ adapter: Adapter, piece: Int = 1 << 22) throws(CommunicationError) {
    guard size > 1 else { return }
    let matrices = adapter.parameters.map { (start: $0.matrix.view.base, count: $0.matrix.rows * $0.matrix.columns) }
    let total = matrices.reduce(0) { $0 + $1.count }
    let block = (max(1, min(total, piece)) + size - 1) / size
    var place = (matrix: 0, entry: 0)
    var done = 0
    while done < total {
      let count = min(total - done, block * size)
      let runs = Self.runs(of: count, in: matrices, from: &place)
      let own = [Float](unsafeUninitializedCapacity: block * size) { buffer, initialized in
        var filled = 0
        for run in runs {
          for index in 0..<run.count { buffer[filled + index] = run[index] }
          filled += run.count
        }
        // The last piece's end.
        for index in filled..<block * size { buffer[index] = 0 }
        initialized = block * size
      }
      let sums = try allGather(Self.sumOfBlocks(try allToAll(own), count: size))
      guard sums.count == own.count else {
        throw CommunicationError("\(sums.count) sums came back, expected \(own.count)")
      }
      sums.withUnsafeBufferPointer { sums in
        var read = 0
        for run in runs {
          for index in 0..<run.count { run[index] = sums[read + index] }
          read += run.count
        }
      }
      done += count
    }
  }

  /// The next `count` entries where they lie.
  private static func runs(
    of count: Int, in matrices: [(start: UnsafeMutablePointer<Float>, count: Int)],
    from place: inout (matrix: Int, entry: Int)
  ) -> [UnsafeMutableBufferPointer<Float>] {
    var runs: [UnsafeMutableBufferPointer<Float>] = []
    var left = count
    while left > 0 {
      let matrix = matrices[place.matrix]
      let length = min(left, matrix.count - place.entry)
      runs.append(UnsafeMutableBufferPointer(start: matrix.start + place.entry, count: length))
      left -= length
      place.entry += length
      if place.entry == matrix.count { place = (place.matrix + 1, 0) }
    }
    return runs
  }

  /// The entry-wise sum of equal blocks, the first first.
  private static func sumOfBlocks(_ blocks: [Float], count: Int) -> [Float] {
    let length = blocks.count / count
    return blocks.withUnsafeBufferPointer { blocks in
      var sums = Array(blocks[..<length])
      sums.withUnsafeMutableBufferPointer { sums in
        for block in 1..<count {
          for index in 0..<length { sums[index] += blocks[block * length + index] }
        }
      }
      return sums
    }
  }
}
