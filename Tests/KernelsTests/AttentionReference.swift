import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Attention by plain loops in double precision, one query at a time over the rows that it sees.
struct AttentionReference {
  let heads: Int
  let keyHeads: Int
  let headDimension: Int
  let scale: Double
  let packing: [SegmentRows]
  /// Rows that a query sees at most, its own and those nearest before it on its path.
  var window = Int.max

  var rows: Int { packing.map(\.rows.upperBound).max() ?? 0 }

  func output(queries: [Double], keys: [Double], values: [Double]) -> [Double] {
    var output = [Double](repeating: 0, count: rows * heads * headDimension)
    for segment in packing {
      for row in segment.rows {
        let path = segment.ancestors.flatMap(Array.init) + Array(segment.rows.lowerBound...row)
        let seen = Array(path.suffix(window))
        for head in 0..<heads {
          let place = (row * heads + head) * headDimension
          attend(place, keyHead: head / (heads / keyHeads), seen: seen, queries, keys, values, &output)
        }
      }
    }
    return output
  }

  private func attend(
    _ place: Int, keyHead: Int, seen: [Int], _ queries: [Double], _ keys: [Double], _ values: [Double],
    _ output: inout [Double]
  ) {
    var weights = [Double](repeating: 0, count: seen.count)
    var total = 0.0
    for (index, row) in seen.enumerated() {
      let key = (row * keyHeads + keyHead) * headDimension
      var dot = 0.0
      for entry in 0..<headDimension { dot += queries[place + entry] * keys[key + entry] }
      weights[index] = exp(scale * dot)
      total += weights[index]
    }
    for (weight, row) in zip(weights, seen) {
      let value = (row * keyHeads + keyHead) * headDimension
      for entry in 0..<headDimension { output[place + entry] += weight / total * values[value + entry] }
    }
  }
}
