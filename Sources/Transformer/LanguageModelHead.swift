#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Kernels

/// The matrix that turns final states into logits. Logits exist a chunk of rows at a time, never all at once.
struct LanguageModelHead {
  /// [V, D].
  let weight: WeightMatrix
  let products: Products

  /// Rows of a chunk: 128 rows of 50 000 logits are 25 MB.
  private static let chunkRows = 128

  /// Calls `body` with the logits of some of the rows at a time.
  /// - Parameters:
  ///   - states: final-norm output, [n, D].
  ///   - rows: which rows, in order; may repeat.
  ///   - body: gets places in `rows`, the gathered states [count, D] and their logits [count, V], to use or spoil.
  func chunks(
    of states: Matrix, rows: [Int], _ body: (_ places: Range<Int>, _ states: MatrixView, _ logits: MatrixView) -> Void
  ) {
    let size = min(Self.chunkRows, rows.count)
    guard size > 0 else { return }
    let gathered = Matrix(rows: size, columns: states.columns)
    let logits = Matrix(rows: size, columns: weight.rows)
    for start in stride(from: 0, to: rows.count, by: size) {
      let places = start..<min(rows.count, start + size)
      for (offset, place) in places.enumerated() {
        gathered.view.row(offset).update(from: states.view.row(rows[place]), count: states.columns)
      }
      let part = 0..<places.count
      products.linear(gathered.view.rows(part), weight, into: logits.view.rows(part))
      body(places, gathered.view.rows(part), logits.view.rows(part))
    }
  }

  /// log p(target) at each of the rows, natural logarithm.
  func logProbabilities(_ states: Matrix, rows: [Int], targets: [Int32]) -> [Float] {
    var result = [Float](repeating: 0, count: rows.count)
    result.withUnsafeMutableBufferPointer { buffer in
      let output = UnsafeMutableBufferPointer(rebasing: buffer[...])
      chunks(of: states, rows: rows) { places, _, logits in
        products.pool.run(places.count) { part, _ in
          let row = logits.row(part)
          let place = places.lowerBound + part
          let logProbability = Double(row[Int(targets[place])]) - Softmax.logNormalizer(row, count: weight.rows)
          output[place] = Float(min(0, logProbability))
        }
      }
    }
    return result
  }

  /// One term of a loss: −likelihood·log p − unlikelihood·log(1 − p), p the probability of `target` at `row`.
  struct Term {
    let row: Int
    let target: Int32
    let likelihood: Float
    let unlikelihood: Float
  }

  /// The loss of each term, and the gradient to the states, forward and backward in one go.
  ///
  /// With c = likelihood − unlikelihood·p/(1−p), the gradient to the logits is c·(softmax − onehot(target)).
  /// - Parameter gradient: [n, D], added to; nil for the loss alone.
  func loss(_ states: Matrix, terms: [Term], addingTo gradient: Matrix?) -> [Double] {
    var losses = [Double](repeating: 0, count: terms.count)
    losses.withUnsafeMutableBufferPointer { buffer in
      let output = UnsafeMutableBufferPointer(rebasing: buffer[...])
      chunks(of: states, rows: terms.map(\.row)) { places, _, logits in
        products.pool.run(places.count) { part, _ in
          let term = terms[places.lowerBound + part]
          let row = logits.row(part)
          let normalizer = Softmax.logNormalizer(row, count: weight.rows)
          let logProbability = min(0, Double(row[Int(term.target)]) - normalizer)
          // −expm1 keeps the digits of 1 − p where p is near 1; the floor keeps a certain token's loss finite.
          let remainder = max(-expm1(logProbability), 1e-12)
          var loss = 0.0
          if term.likelihood != 0 { loss -= Double(term.likelihood) * logProbability }
          if term.unlikelihood != 0 { loss -= Double(term.unlikelihood) * log(remainder) }
          output[places.lowerBound + part] = loss
          guard gradient != nil else { return }
          let odds = exp(logProbability) / remainder
          let coefficient = Float(Double(term.likelihood) - Double(term.unlikelihood) * odds)
          Softmax.scaledProbabilities(
            row, count: weight.rows, logNormalizer: normalizer, coefficient: coefficient)
          row[Int(term.target)] -= coefficient
        }
        guard let gradient else { return }
        let back = Matrix(rows: places.count, columns: gradient.columns)
        products.linearBackward(logits, weight, addingTo: back.view)
        for (offset, place) in places.enumerated() {
          Elementwise.add(
            back.view.rows(offset..<offset + 1), to: gradient.view.rows(terms[place].row..<terms[place].row + 1),
            pool: products.pool)
        }
      }
    }
    return losses
  }
}
