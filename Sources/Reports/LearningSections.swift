/// Training, and what the weights were.
extension ReportPage {
  var training: Markup {
    let learned = experiment.rounds.filter { !$0.steps.isEmpty }
    guard !learned.isEmpty else { return "<p class=\"note\">No optimiser steps were taken.</p>\n" }
    let rows = learned.map { round -> [Markup] in
      let steps = round.steps
      let part = max(1, min(10, steps.count / 2))
      func mean(_ steps: ArraySlice<TrainingStep>) -> Double { steps.reduce(0) { $0 + $1.loss } / Double(steps.count) }
      return [
        "\(round.name)", "\(steps.count)", "\(Figures.short(mean(steps.prefix(part))))",
        "\(Figures.short(mean(steps.suffix(part))))", "\(Figures.short(steps.map(\.gradientNorm).max()))",
        "\(Figures.short(steps.map(\.learningRate).max()))", "\(steps.reduce(0) { $0 + $1.tokens })",
        "\(steps.reduce(0) { $0 + $1.rows })", "\(Figures.fixed(round.total(\.seconds)))",
      ]
    }
    let several = learned.count > 1 ? " Dotted lines part the rounds." : ""
    return """
      <div class="figures">
      \(figure("loss", "Mean loss of a step’s records before its update; coloured, the mean of \(RunPlots.window) steps.\(several)"))\
      \(figure("norm", "Gradient norm before clipping; coloured, the mean of \(RunPlots.window) steps."))\
      \(figure("rate", "Learning rate of the update."))</div>
      \(Markup.table(["round", "steps", "loss, first steps", "loss, last steps", "largest norm", "peak rate", "tokens", "rows computed", "seconds"], rows, caption: "Training by round"))
      <p class="note">First and last are means over up to ten steps. Tokens are those of all sequences up to the last that \
      carries weight; rows are what the model computed, prefixes that records share counted once.</p>
      \(stepTable(learned))
      """
  }

  /// Tables longer than this are left to the file.
  static let longestTable = 2000

  private func stepTable(_ rounds: [Round]) -> Markup {
    let count = rounds.reduce(0) { $0 + $1.steps.count }
    guard count <= Self.longestTable else {
      return "<p class=\"note\">The \(count) single steps are in <code>steps.jsonl</code>.</p>\n"
    }
    let rows = rounds.flatMap { round in
      round.steps.map { step -> [Markup] in
        [
          "\(step.step)", "\(round.name)", "\(step.epoch.map { "\($0)" } ?? Figures.none)",
          "\(Figures.short(step.loss))",
          "\(Figures.short(step.gradientNorm))", "\(Figures.short(step.learningRate))", "\(step.tokens)",
          "\(step.rows)",
          "\(Figures.fixed(step.seconds, decimals: 3))",
        ]
      }
    }
    return """
      <details id="steps"><summary>Every step</summary>
      \(Markup.table(["step", "round", "epoch", "loss", "gradient norm", "learning rate", "tokens", "rows", "seconds"], rows, caption: "Every step"))
      </details>

      """
  }

  // MARK: Weights

  var weights: Markup {
    let learned = experiment.rounds.filter { $0.weights != nil }
    guard !learned.isEmpty else {
      return
        "<p class=\"note\">There are no weighted records: weights were made anew before each step (<code>--rescore</code>), or none were asked for.</p>\n\(weighing)"
    }
    let rows = learned.flatMap { round -> [[Markup]] in
      guard let weights = round.weights else { return [] }
      return [("correct", weights.correct), ("incorrect", weights.incorrect)].map { name, sums in
        [
          "\(round.name)", "\(name)", "\(sums.records)", "\(sums.tokens)", "\(Figures.percent(sums.share(\.salient)))",
          "\(Figures.percent(sums.share(\.cluster)))", "\(Figures.percent(sums.share(\.plain)))",
          "\(Figures.fixed(Self.mean(sums.likelihood, sums.records), decimals: 2))",
          "\(Figures.fixed(Self.mean(sums.unlikelihood, sums.records), decimals: 2))",
        ]
      }
    }
    let links = learned.map { round -> Markup in
      guard let map = round.map else {
        return "<li>round \(round.name): not written (<code>make report</code> writes it)</li>\n"
      }
      return
        "<li><a href=\"\(map.path)\">round \(round.name)</a> <span class=\"note\">\(Figures.bytes(map.bytes))</span></li>\n"
    }
    return """
      <div class="figures">\(figure("classes", "How the method saw the tokens of the sampled answers."))
      <div class="maps"><h3>Saliency maps</h3>
      <p class="note">Each answer with its tokens shaded by what training did to them.</p>
      <ul>
      \(links)</ul>
      \(weighing)</div></div>
      \(Markup.table(["round", "answers", "records", "tokens", "salient, %", "cluster, %", "plain, %", "likelihood", "unlikelihood"], rows, caption: "Weights by round", textColumns: [1]))
      <p class="note">Likelihood and unlikelihood are the final weights of −log p and −log(1 − p), means and factors included, \
      summed over a record’s loss (standard answer included where the method learns it) and averaged over the records.</p>

      """
  }

  private static func mean(_ sum: Double, _ count: Int) -> Double? { count == 0 ? nil : sum / Double(count) }

  /// How the weights were made.
  private var weighing: Markup {
    var lines: [(rounds: [String], text: String)] = []
    for round in experiment.rounds {
      for text in round.weighing {
        if let place = lines.firstIndex(where: { $0.text == text }) {
          lines[place].rounds.append(round.name)
        } else {
          lines.append(([round.name], text))
        }
      }
    }
    guard !lines.isEmpty else { return "" }
    return "<h3>Method and constants</h3>\n"
      + "\(lines.map { "<p class=\"given\">\(Markup.command($0.text))</p>\n\(lines.count > 1 ? "<p class=\"note\">rounds \($0.rounds.joined(separator: ", "))</p>\n" : "")" as Markup })"
  }
}

private func + (left: Markup, right: Markup) -> Markup { "\(left)\(right)" }
