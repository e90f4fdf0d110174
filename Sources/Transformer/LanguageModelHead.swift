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
  private static let chunkRows = 256
  /// Tokens whose logits' gradients are multiplied at a time: what they are packed into is smaller than the logits.
  private static let sliceTokens = 12 << 10

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
    let gathered = Matrix(uninitializedRows: size, columns: states.columns)
    let logits = Matrix(uninitializedRows: size, columns: weight.rows)
    for start in stride(from: 0, to: rows.count, by: size) {
      let places = start..<min(rows.count, start + size)
      for (offset, place) in places.enumerated() {
        gathered.view.row(offset).update(from: states.view.row(rows[place]), count: states.columns)
      }
      let part = 0..<places.count
      products.linear(SharedRows(gathered.view.rows(part)), weight, into: logits.view.rows(part))
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
          let place = places.lowerBound + part
          let (logOdds, _) = logOdds(logits.row(part), target: targets[place])
          output[place] = Float(-Self.softplus(-logOdds))
        }
      }
    }
    return result
  }

  /// log p/(1 − p) of the target, and log Σ eˣ of the other logits. The target's logit is replaced by −∞.
  ///
  /// Taken from the others' sum, 1 − p keeps its digits where p is near 1, and a logit that is no number shows.
  private func logOdds(_ row: UnsafeMutablePointer<Float>, target: Int32) -> (logOdds: Double, others: Double) {
    let logit = Double(row[Int(target)])
    row[Int(target)] = -.infinity
    let others = Softmax.logNormalizer(row, count: weight.rows)
    return (logit - others, others)
  }

  /// log(1 + eˣ), which is −log(1 − p) of the log-odds and −log p of their negative.
  private static func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

  /// The loss of each term, and the gradient to the states, forward and backward in one go.
  ///
  /// With k = likelihood·(1 − p) − unlikelihood·p, the gradient to the logits is −k at the target and k·q at the
  /// others, q their probabilities among themselves.
  /// - Parameter gradient: [n, D], added to; nil for the loss alone.
  func loss(_ states: Matrix, terms: [LossTerm], addingTo gradient: Matrix?) -> [Double] {
    var losses = [Double](repeating: 0, count: terms.count)
    losses.withUnsafeMutableBufferPointer { buffer in
      let output = UnsafeMutableBufferPointer(rebasing: buffer[...])
      chunks(of: states, rows: terms.map(\.row)) { places, _, logits in
        products.pool.run(places.count) { part, _ in
          let term = terms[places.lowerBound + part]
          let row = logits.row(part)
          let (logOdds, others) = logOdds(row, target: term.target)
          var loss = 0.0
          if term.likelihood != 0 { loss += Double(term.likelihood) * Self.softplus(-logOdds) }
          if term.unlikelihood != 0 { loss += Double(term.unlikelihood) * Self.softplus(logOdds) }
          output[places.lowerBound + part] = loss
          guard gradient != nil else { return }
          let probability = 1 / (1 + exp(-logOdds))
          let remainder = 1 / (1 + exp(logOdds))
          let pull = Float(Double(term.likelihood) * remainder - Double(term.unlikelihood) * probability)
          Softmax.scaledProbabilities(row, count: weight.rows, logNormalizer: others, coefficient: pull)
          row[Int(term.target)] = -pull
        }
        guard let gradient else { return }
        let back = Matrix(uninitializedRows: places.count, columns: gradient.columns)
        for start in stride(from: 0, to: weight.rows, by: Self.sliceTokens) {
          let tokens = start..<min(weight.rows, start + Self.sliceTokens)
          products.linearBackward(
            SharedRows(logits.columns(tokens)), weight.rows(tokens), adding: start > 0, into: back.view)
        }
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
