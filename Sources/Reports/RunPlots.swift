/// The plots of a run.
package enum RunPlots {
  /// A data block of gnuplot's, one row a line.
  private static func block(_ name: String, _ rows: [[Double]]) -> String {
    "$\(name) << END\n" + rows.map { $0.map { "\($0)" }.joined(separator: " ") }.joined(separator: "\n") + "\nEND"
  }

  /// Names for places on the x axis.
  private static func ticks(_ names: [String]) -> String {
    "set xtics (" + names.enumerated().map { "'\($1)' \($0)" }.joined(separator: ", ") + ")"
  }

  // MARK: Accuracy

  /// Accuracy after each round with its 95 % interval, and of the samples learned from.
  package static func accuracy(_ rounds: [Round]) -> Plot? {
    let tests = rounds.enumerated().compactMap { index, round -> [Double]? in
      guard let test = round.test else { return nil }
      let interval = test.interval ?? test.accuracy...test.accuracy
      return [Double(index), 100 * test.accuracy, 100 * interval.lowerBound, 100 * interval.upperBound]
    }
    let samples = rounds.enumerated().compactMap { index, round -> [Double]? in
      round.samples.map { [Double(index), 100 * $0.accuracy] }
    }
    guard !tests.isEmpty else { return nil }
    var commands = [block("tests", tests)]
    var curves = [
      "$tests using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc \(Plot.Ink.first.colour) title 'test problems'"
    ]
    if !samples.isEmpty {
      commands.append(block("samples", samples))
      curves.append(
        "$samples using 1:2 with linespoints lw 1.5 dt 2 pt 6 ps 0.5 lc \(Plot.Ink.second.colour) title 'samples learned from'"
      )
    }
    commands += [
      ticks(rounds.map(\.name)), "set xrange [-0.3:\(Double(rounds.count) - 0.7)]", "set yrange [0:*]",
      "set xlabel 'round'", "set ylabel 'right, %'",
      "plot " + curves.joined(separator: ", "),
    ]
    return Plot(name: "accuracy", title: "Accuracy by round with 95 % intervals", commands: commands)
  }

  // MARK: Training

  /// How many steps the smooth curve of a noisy one takes the mean of.
  package static let window = 9

  /// Loss, learning rate and gradient norm by step.
  package static func training(_ rounds: [Round]) -> [Plot] {
    let steps = rounds.flatMap(\.steps)
    guard steps.count > 1 else { return [] }
    // Steps of rounds follow each other, also where an adapter began anew.
    let borders = rounds.filter { !$0.steps.isEmpty }.dropLast().reduce(into: [0]) {
      $0.append($0[$0.count - 1] + $1.steps.count)
    }
    .dropFirst()
    let marks = borders.map {
      "set arrow from \(Double($0) + 0.5), graph 0 to \(Double($0) + 0.5), graph 1 nohead dt 3 lc \(Plot.Ink.soft.colour)"
    }
    func plot(
      _ name: String, _ title: String, _ ink: Plot.Ink, isNoisy: Bool, _ value: (TrainingStep) -> Double
    ) -> Plot {
      let values = steps.map(value)
      let rows = values.enumerated().map { [Double($0 + 1), $1] }
      var commands = [block("points", rows)]
      var curves = ["$points using 1:2 with lines lw \(isNoisy ? 1 : 2) lc \((isNoisy ? .soft : ink).colour) notitle"]
      if isNoisy {
        let half = window / 2
        commands.append(
          block(
            "mean",
            values.indices.map { index in
              let part = values[max(0, index - half)...min(values.count - 1, index + half)]
              return [Double(index + 1), part.reduce(0, +) / Double(part.count)]
            }))
        curves.append("$mean using 1:2 with lines lw 2.5 lc \(ink.colour) notitle")
      }
      commands += marks
      commands += [
        "unset key", "set yrange [0:*]", "set xrange [0:\(steps.count + 1)]", "set xlabel 'step'",
        "set xtics \(steps.count < 8 ? "1" : "autofreq")",
        "plot " + curves.joined(separator: ", "),
      ]
      return Plot(name: name, title: title, commands: commands)
    }
    return [
      plot("loss", "Loss by step", .first, isNoisy: true, \.loss),
      plot("norm", "Gradient norm by step", .second, isNoisy: true, \.gradientNorm),
      plot("rate", "Learning rate by step", .third, isNoisy: false, \.learningRate),
    ]
  }

  // MARK: Weights and time

  /// Bars in parts, one for each name.
  private static func bars(
    name: String, title: String, bars: [String], parts: [(title: String, ink: Plot.Ink, values: [Double])],
    axis: String, limit: String
  ) -> Plot {
    let rows = bars.indices.map { index in parts.map { $0.values[index] } }
    let series = parts.enumerated().map { index, part in
      "$parts using \(index + 1) lc \(part.ink.colour) title '\(part.title)'"
    }
    return Plot(
      name: name, title: title,
      commands: [
        block("parts", rows), "set style data histograms", "set style histogram rowstacked",
        "set style fill solid 1.0 noborder", "set boxwidth 0.55", ticks(bars), "set yrange [0:\(limit)]",
        "set xrange [-0.6:\(Double(bars.count) - 0.4)]", "set ylabel '\(axis)'",
        "set key outside top left horizontal maxrows \(parts.count > 4 ? 2 : 1)",
        "plot " + series.joined(separator: ", "),
      ])
  }

  /// The classes of response tokens by round.
  package static func classes(_ rounds: [Round]) -> Plot? {
    let learned = rounds.filter { $0.weights != nil }
    guard !learned.isEmpty else { return nil }
    func shares(_ count: KeyPath<WeightTotals.Sums, Int>) -> [Double] {
      learned.map { 100 * ($0.weights?.all.share(count) ?? 0) }
    }
    return bars(
      name: "classes", title: "Share of salient, clustered and plain tokens by round",
      bars: learned.map { "round \($0.name)" },
      parts: [
        ("salient", .salient, shares(\.salient)), ("cluster", .cluster, shares(\.cluster)),
        ("plain", .plain, shares(\.plain)),
      ], axis: "response tokens, %", limit: "100")
  }

  /// Wall time of the stages by round.
  package static func time(_ groups: [(name: String, stages: [Stage])]) -> Plot? {
    let kinds = Stage.Kind.allCases.filter { kind in groups.contains { $0.stages.contains { $0.kind == kind } } }
    let parts = kinds.enumerated().map { index, kind in
      (
        title: kind.rawValue, ink: Plot.Ink.series[index],
        values: groups.map { group in group.stages.filter { $0.kind == kind }.reduce(0) { $0 + ($1.seconds ?? 0) } }
      )
    }
    // What takes no time at all only fills the key.
    let total = parts.reduce(0) { $0 + $1.values.reduce(0, +) }
    let shown = parts.filter { $0.values.contains { $0 > total / 200 } }
    guard !shown.isEmpty else { return nil }
    return bars(
      name: "time", title: "Wall time by stage and round", bars: groups.map(\.name), parts: shown, axis: "seconds",
      limit: "*")
  }

  // MARK: Grid

  /// Accuracy of each arm by the number of problems.
  package static func grid(_ grid: Grid, untouched: Double?) -> Plot? {
    guard grid.sizes.count > 1, let least = grid.sizes.first, let most = grid.sizes.last else { return nil }
    var commands: [String] = []
    var curves: [String] = []
    // The arm that all is about stands out, the one it is compared with stands back.
    var inks = Plot.Ink.series
    inks.swapAt(1, 7)
    for (index, arm) in grid.arms.enumerated() {
      // Each arm a little beside the others, so that their bars can be told apart.
      let shift = 1 + 0.012 * (Double(index) - Double(grid.arms.count - 1) / 2)
      let rows = grid.sizes.compactMap { size -> [Double]? in
        guard let accuracy = grid.cell(arm, size)?.accuracy, let mean = accuracy.mean else { return nil }
        let interval = accuracy.interval ?? mean...mean
        return [Double(size) * shift, 100 * mean, 100 * interval.lowerBound, 100 * interval.upperBound]
      }
      commands.append(block("arm\(index)", rows))
      let ink = inks[index % inks.count]
      curves.append(
        "$arm\(index) using 1:2:3:4 with yerrorlines lw \(arm.hasPrefix("nlft") ? 2.5 : 1.5) pt \(index + 4) ps 0.5 "
          + "lc \(ink.colour) title '\(arm.filter { $0.isLetter || $0.isNumber || "-._".contains($0) })'")
    }
    if let untouched {
      curves.append("\(100 * untouched) with lines dt 2 lc \(Plot.Ink.soft.colour) title 'untouched'")
    }
    commands += [
      "set logscale x", "set xtics (" + grid.sizes.map { "'\($0)' \($0)" }.joined(separator: ", ") + ")",
      "set xrange [\(Double(least) / 1.2):\(Double(most) * 1.2)]", "set yrange [0:*]", "set key outside right vertical",
      "set xlabel 'training problems'", "set ylabel 'right, %'", "plot " + curves.joined(separator: ", "),
    ]
    return Plot(
      name: "grid", title: "Accuracy of each arm by the number of problems, with 95 % intervals", isWide: true,
      commands: commands)
  }
}
