#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Kernels

/// The matrix that turns final states into logits. Logits exist a chunk of rows at a time, never all at once.
package struct LanguageModelHead {
  /// [V, D].
  let weight: WeightMatrix
  let products: Products

  package init(weight: WeightMatrix, products: Products) {
    (self.weight, self.products) = (weight, products)
  }

  /// Rows of a chunk: 128 rows of 50 000 logits are 25 MB.
  private static let chunkRows = 256
  /// Tokens whose logits, and these' gradients, are computed at a time: the third-level cache holds them.
  package static let sliceTokens = 4 << 10
  /// Logits that are kept for their gradients: 256 rows of 130 000, 128 MB, and fewer rows of more.
  private static let mostLogits = chunkRows << 17

  /// Rows whose logits are kept for their gradients.
  private var gradientRows: Int { max(Self.chunkRows / 8, min(Self.chunkRows, Self.mostLogits / weight.rows)) }

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
  package func logProbabilities(_ states: Matrix, rows: [Int], targets: [Int32]) -> [Float] {
    let size = min(Self.chunkRows, rows.count)
    guard size > 0 else { return [] }
    let logits = Matrix(uninitializedRows: size, columns: min(Self.sliceTokens, weight.rows))
    return stride(from: 0, to: rows.count, by: size).flatMap { start in
      let places = start..<min(rows.count, start + size)
      let odds = odds(gathered(states, rows[places]), targets: Array(targets[places])) { tokens in
        logits.view.rows(0..<places.count).columns(0..<tokens.count)
      }
      return odds.map { Float(-Self.softplus(-$0.logarithm)) }
    }
  }

  /// Some rows of states, one after another.
  private func gathered(_ states: Matrix, _ rows: ArraySlice<Int>) -> Matrix {
    let result = Matrix(uninitializedRows: rows.count, columns: states.columns)
    for (offset, row) in rows.enumerated() {
      result.view.row(offset).update(from: states.view.row(row), count: states.columns)
    }
    return result
  }

  private var slices: [Range<Int>] {
    stride(from: 0, to: weight.rows, by: Self.sliceTokens).map { $0..<min(weight.rows, $0 + Self.sliceTokens) }
  }

  /// How a target stands against all others.
  ///
  /// Taken from the others' sum, 1 − p keeps its digits where p is near 1, and a logit that is no number shows.
  private struct Odds {
    /// The target's logit.
    var logit = 0.0
    /// log Σ eˣ of the others' logits.
    var others = -Double.infinity

    /// log p/(1 − p).
    var logarithm: Double { logit - others }

    /// Takes in log Σ eˣ of more of them.
    mutating func add(_ more: Double) {
      guard more != -.infinity else { return }
      others = max(others, more) + log1p(exp(-abs(others - more)))
    }
  }

  /// The odds of a target at each of some rows. Logits are computed for a slice of the vocabulary at a time, and read while
  /// they are in the cache.
  /// - Parameters:
  ///   - states: final-norm output, [n, D].
  ///   - view: where the logits of some tokens go, [n, tokens]; the target's is left as −∞.
  private func odds(
    _ states: Matrix, targets: [Int32], in view: (_ tokens: Range<Int>) -> MatrixView
  ) -> [Odds] {
    let shared = SharedRows(states.view)
    var result = [Odds](repeating: Odds(), count: targets.count)
    result.withUnsafeMutableBufferPointer { buffer in
      let odds = UnsafeMutableBufferPointer(rebasing: buffer[...])
      for tokens in slices {
        let logits = view(tokens)
        products.linear(shared, tokens == 0..<weight.rows ? weight : weight.rows(tokens), into: logits)
        products.pool.run(targets.count) { part, _ in
          let row = logits.row(part)
          let target = Int(targets[part]) - tokens.lowerBound
          if (0..<tokens.count).contains(target) {
            odds[part].logit = Double(row[target])
            row[target] = -.infinity
          }
          odds[part].add(Softmax.logNormalizer(row, count: tokens.count))
        }
      }
    }
    return result
  }

  /// log(1 + eˣ), which is −log(1 − p) of the log-odds and −log p of their negative.
  private static func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

  /// The loss of each term, and the gradient to the states, forward and backward in one go.
  ///
  /// With k = likelihood·(1 − p) − unlikelihood·p, the gradient to the logits is −k at the target and k·q at the
  /// others, q their probabilities among themselves.
  /// - Parameter gradient: [n, D], added to; nil for the loss alone.
  package func loss(_ states: Matrix, terms: [LossTerm], addingTo gradient: Matrix?) -> [Double] {
    let size = min(gradientRows, terms.count)
    guard size > 0 else { return [] }
    let logits = Matrix(uninitializedRows: size, columns: weight.rows)
    return stride(from: 0, to: terms.count, by: size).flatMap { start in
      let chunk = Array(terms[start..<min(terms.count, start + size)])
      let own = logits.view.rows(0..<chunk.count)
      let odds = odds(gathered(states, chunk.map(\.row)[...]), targets: chunk.map(\.target)) { own.columns($0) }
      if let gradient { add(chunk, odds, logits: own, to: gradient) }
      return zip(chunk, odds).map { term, odds in
        var loss = 0.0
        if term.likelihood != 0 { loss += Double(term.likelihood) * Self.softplus(-odds.logarithm) }
        if term.unlikelihood != 0 { loss += Double(term.unlikelihood) * Self.softplus(odds.logarithm) }
        return loss
      }
    }
  }

  /// Adds the gradients of terms to those of the states.
  /// - Parameter logits: of each term, [n, V]; the target's is −∞. They are spoilt.
  private func add(_ terms: [LossTerm], _ odds: [Odds], logits: MatrixView, to gradient: Matrix) {
    let pulls = zip(terms, odds).map { term, odds in
      let probability = 1 / (1 + exp(-odds.logarithm))
      let remainder = 1 / (1 + exp(odds.logarithm))
      return Float(Double(term.likelihood) * remainder - Double(term.unlikelihood) * probability)
    }
    let back = Matrix(uninitializedRows: terms.count, columns: gradient.columns)
    for tokens in slices {
      let slice = logits.columns(tokens)
      products.pool.run(terms.count) { part, _ in
        let row = slice.row(part)
        Softmax.scaledProbabilities(
          row, count: tokens.count, logNormalizer: odds[part].others, coefficient: pulls[part])
        let target = Int(terms[part].target) - tokens.lowerBound
        if (0..<tokens.count).contains(target) { row[target] = -pulls[part] }
      }
      products.linearBackward(SharedRows(slice), weight.rows(tokens), adding: tokens.lowerBound > 0, into: back.view)
    }
    for (offset, term) in terms.enumerated() {
      Elementwise.add(
        back.view.rows(offset..<offset + 1), to: gradient.view.rows(term.row..<term.row + 1), pool: products.pool)
    }
  }
}
