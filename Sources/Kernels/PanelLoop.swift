/// Loops over the panels of a weight, cut into pieces whose packed numbers fit into the cache.
extension WorkerPool {
  /// From so many lines on it is worth packing a piece of the weight more than once to end together.
  private static let tallLines = 32
  /// Stretches of lines that a last piece is cut into.
  private static let stretches = 4

  /// Runs `body` for all panels with all lines.
  ///
  /// Each thread gets the same number of pieces, the longest ones first. Threads are not equally fast, so of many lines the
  /// last pieces go through the loop a stretch at a time.
  /// - Parameters:
  ///   - fitting: panels of a piece, at most.
  ///   - lines: panels of rows that each piece is multiplied with; nil if `body` must get them all at once.
  ///   - body: gets some panels, some lines and the number of the thread that runs it.
  package func panels(
    _ panels: Int, fitting: Int, lines: Int?, _ body: (_ panels: Range<Int>, _ lines: Range<Int>, _ worker: Int) -> Void
  ) {
    let least = (panels + fitting - 1) / fitting
    let pieces = min(panels, (least + threads - 1) / threads * threads)
    guard pieces > 0 else { return }
    func piece(_ index: Int) -> Range<Int> {
      let (length, longer) = panels.quotientAndRemainder(dividingBy: pieces)
      func start(_ index: Int) -> Int { index * length + min(index, longer) }
      return start(index)..<start(index + 1)
    }
    let all = lines ?? 1
    let last = lines != nil && all >= Self.tallLines && threads > 1 ? min(pieces, threads) : 0
    let whole = pieces - last
    run(whole + last * Self.stretches) { part, worker in
      if part < whole { return body(piece(part), 0..<all, worker) }
      let (index, place) = (part - whole).quotientAndRemainder(dividingBy: Self.stretches)
      body(piece(whole + index), place * all / Self.stretches..<(place + 1) * all / Self.stretches, worker)
    }
  }
}
