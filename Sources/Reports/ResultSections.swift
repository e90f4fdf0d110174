/// Accuracy, and what became of the answers.
extension ReportPage {
  /// The numbers that are looked for first.
  var figures: Markup {
    var figures: [(name: String, value: String, detail: String)] = []
    let tested = experiment.rounds.filter { $0.test != nil }
    if let first = tested.first?.test {
      figures.append(
        (
          "untouched model", Figures.percent(first.accuracy) + " %",
          "\(first.correct) of \(first.count) test problems right"
        ))
    }
    if tested.count > 1, let last = tested.last, let test = last.test {
      let name = Int(last.name) == nil ? "after training" : "after round \(last.name)"
      figures.append((name, Figures.percent(test.accuracy) + " %", "95 %: \(Self.interval(test.interval))"))
      if let change = test.comparison {
        figures.append(
          (
            "change", Figures.percent(change.difference, signed: true),
            "points, 95 %: \(Self.interval(change.interval, signed: true))"
          ))
      }
    }
    let steps = experiment.rounds.reduce(0) { $0 + $1.steps.count }
    if steps > 0 {
      let rounds = experiment.rounds.count { !$0.steps.isEmpty }
      figures.append(("optimiser steps", "\(steps)", "in \(rounds) round\(rounds == 1 ? "" : "s")"))
    }
    if let grid = experiment.grid {
      let runs = grid.cells.reduce(0) { $0 + $1.seeds.count }
      figures.append(("arms", "\(grid.arms.count)", "\(runs) runs: arms, sizes and seeds"))
    }
    let stages = experiment.stages
    let times = stages.compactMap(\.seconds)
    if !times.isEmpty { figures.append(("wall time", Figures.time(times.reduce(0, +)), "of \(times.count) stages")) }
    if let most = stages.filter({ $0.memory != nil }).max(by: { ($0.memory ?? 0) < ($1.memory ?? 0) }) {
      figures.append(("peak memory", Figures.bytes(most.memory), most.path))
    }
    let items = figures.map {
      "<div><dt>\($0.name)</dt><dd>\($0.value)<small>\($0.detail)</small></dd></div>\n" as Markup
    }
    return "<dl id=\"figures\">\n\(items)</dl>\n"
  }

  var accuracy: Markup {
    if let grid = experiment.grid { return gridAccuracy(grid) }
    let rows = experiment.rounds.compactMap { round -> [Markup]? in
      guard let test = round.test else { return nil }
      let change = test.comparison
      return [
        "\(round.name)", "\(test.correct) of \(test.count)", "<b>\(Figures.percent(test.accuracy))</b>",
        "\(Self.interval(test.interval))", "\(Figures.percent(change?.difference, signed: true))",
        "\(Self.interval(change?.interval, signed: true))",
        "\(change.map { "\($0.gains) / \($0.losses)" } ?? Figures.none)",
        "\(Figures.short(change?.p))", "\(Figures.percent(test.formatCompliance))",
        "\(Figures.percent(round.samples?.accuracy))",
      ]
    }
    return """
      <div class="figures">\(figure("accuracy", "Test problems answered greedily, with 95 % intervals, and the sampled answers that each round learned from."))</div>
      \(Markup.table(["round", "right", "%", "95 %", "change", "95 %", "gained / lost", "p", "in form, %", "samples right, %"], rows, caption: "Accuracy by round"))
      <p class="note">\(experiment.rounds.contains { Int($0.name) != nil } ? "Round 0 is the untouched model. " : "")Changes are in \
      percentage points against the untouched model, problem by problem, with intervals from the paired standard error; p is \
      McNemar’s exact test of problems gained and lost. Intervals of accuracy are Wilson’s. <i>In form</i> are the answers whose \
      final value stands where it was asked for.</p>

      """
  }

  private func gridAccuracy(_ grid: Grid) -> Markup {
    let header: [Markup] = ["arm"] + grid.sizes.map { "\($0) problems" }
    func rows(_ arms: [String], _ cell: (Grid.Cell) -> Markup) -> [[Markup]] {
      arms.map { arm in ["\(arm)"] + grid.sizes.map { grid.cell(arm, $0).map(cell) ?? "–" } }
    }
    let untouched = experiment.rounds.first?.test
    let others = grid.arms.filter { $0 != Grid.reference }
    let compared = grid.cells.contains { $0.difference != nil }
    let differences: Markup =
      compared
      ? """
      <h3>Difference from <code>\(Grid.reference)</code></h3>
      \(Markup.table(header, rows(others) { "\(Figures.percent($0.difference?.mean, signed: true))<small>\(Self.interval($0.difference?.interval, signed: true))</small>" }, caption: "Difference from \(Grid.reference)"))
      <p class="note">In percentage points, paired by problem and seed, with 95 % intervals.</p>
      """ : ""
    return """
      <div class="figures whole">\(figure("grid", "Test problems answered greedily; means over seeds with 95 % intervals clustered by problem. The dashed line is the untouched model."))</div>
      \(Markup.table(header, rows(grid.arms) { "<b>\(Figures.percent($0.accuracy.mean))</b><small>\(Self.interval($0.accuracy.interval))</small>" }, caption: "Accuracy by arm"))
      <p class="note">Right, in %, with 95 % intervals below. \(untouched.map { "The untouched model solves \(Figures.percent($0.accuracy)) % (\(Self.interval($0.interval))) of \($0.count) test problems." } ?? "")</p>
      \(differences)
      """
  }

  // MARK: Answers

  var answers: Markup {
    guard let change = experiment.change else {
      return "<p class=\"note\">There are not two sets of graded answers to compare.</p>\n"
    }
    let kinds: [(title: String, was: Bool, now: Bool)] = [
      ("Became right", false, true), ("Became wrong", true, false), ("Still wrong", false, false),
      ("Still right", true, true),
    ]
    let counts = kinds.map { kind in
      "<div><dt>\(kind.title)</dt><dd>\(change.pairs(wasRight: kind.was, isRight: kind.now).count)</dd></div>\n"
        as Markup
    }
    let groups = kinds.map { kind -> Markup in
      let pairs = change.pairs(wasRight: kind.was, isRight: kind.now)
      guard !pairs.isEmpty else { return "" }
      let shown = pairs.prefix(kind.was && kind.now ? max(1, examples / 4) : examples)
      let isOpen: Markup = kind.was == kind.now ? "" : " open"
      let counted = shown.count == pairs.count ? "\(pairs.count)" : "the first \(shown.count) of \(pairs.count)"
      return
        "<details\(isOpen)>\n<summary>\(kind.title) <span class=\"note\">\(counted)</span></summary>\n\(shown.map(Self.card))</details>\n"
    }
    return """
      <p class="note">Each test problem answered by the untouched model and after the last round.</p>
      <dl class="counts">
      \(counts)</dl>
      \(groups)
      """
  }

  private static func card(_ pair: AnswerPair) -> Markup {
    """
    <article class="answer">
    <h3>\(pair.id)</h3>
    <div class="asked"><p>\(pair.question)</p><div><h4>standard answer</h4><p>\(pair.answer)</p></div></div>
    <div class="pair">
    <div><h4>before \(verdict(pair.wasRight))</h4><p>\(pair.before)</p></div>
    <div><h4>after \(verdict(pair.isRight))</h4><p>\(pair.after)</p></div>
    </div>
    </article>

    """
  }

  private static func verdict(_ isRight: Bool) -> Markup {
    isRight ? "<span class=\"verdict correct\">right</span>" : "<span class=\"verdict incorrect\">wrong</span>"
  }
}
