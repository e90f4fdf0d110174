// Writes RESULTS.md and accuracy.svg from the files of an experiment, and prints RESULTS.md.
//
//     report RUN FOLDER
//
// RUN is what pipelines/ablation/Makefile calls so: RUN/SET/base/graded.jsonl, RUN/SET/seed-S/SIZE/ARM/graded.jsonl.
// Only cells that are there count; an arm and size are shown for the seeds that both sides of a comparison have.

import Foundation

struct Failure: Error { let reason: String }

// MARK: - What is there

/// Verdicts on the test problems, by id, and the share in the asked-for form.
struct Answers {
  var isCorrect: [String: Bool] = [:]

  init?(_ folder: String) throws {
    let path = folder + "/graded.jsonl"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for (number, line) in text.split(separator: "\n").enumerated() {
      guard let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let id = record["id"].map({ "\($0)" }), let verdict = record["correct"] as? Bool
      else { throw Failure(reason: "\(path): line \(number + 1): has no id or no verdict") }
      guard isCorrect.updateValue(verdict, forKey: id) == nil else {
        throw Failure(reason: "\(path): line \(number + 1): id \(id) was there before")
      }
    }
  }
}

/// One data set's part of the experiment.
struct Experiment {
  let name: String
  let folder: String
  let base: Answers
  /// By arm, size and seed.
  var cells: [String: [Int: [Int: Answers]]] = [:]
  /// Share of each seed's rows that are right.
  var rows: [Int: Double] = [:]
  var settings: [(String, String)] = []

  init?(_ name: String, in run: String) throws {
    let folder = "\(run)/\(name)"
    guard let base = try Answers(folder + "/base") else { return nil }
    (self.name, self.folder, self.base) = (name, folder, base)
    let files = FileManager.default
    for entry in try files.contentsOfDirectory(atPath: folder).sorted() where entry.hasPrefix("seed-") {
      guard let seed = Int(entry.dropFirst(5)) else { continue }
      let summary = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(entry)/summary.json"))
      if let summary, let object = try JSONSerialization.jsonObject(with: summary) as? [String: Any] {
        rows[seed] = object["accuracy"] as? Double
      }
      for size in try files.contentsOfDirectory(atPath: "\(folder)/\(entry)").compactMap({ Int($0) }).sorted() {
        for arm in try files.contentsOfDirectory(atPath: "\(folder)/\(entry)/\(size)").sorted() {
          guard let answers = try Answers("\(folder)/\(entry)/\(size)/\(arm)") else { continue }
          guard Set(answers.isCorrect.keys) == Set(base.isCorrect.keys) else {
            throw Failure(reason: "\(folder)/\(entry)/\(size)/\(arm): other test problems than the untouched model's")
          }
          cells[arm, default: [:]][size, default: [:]][seed] = answers
        }
      }
    }
    for entry in try files.contentsOfDirectory(atPath: folder + "/.settings").sorted() {
      let text = try String(contentsOfFile: "\(folder)/.settings/\(entry)", encoding: .utf8)
      settings.append((entry, text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
  }

  var sizes: [Int] { Set(cells.values.flatMap(\.keys)).sorted() }

  /// The arms in the order in which people would tell them.
  var arms: [String] {
    let order = [
      "sft", "distill", "distill-correct", "distill-cleaned", "cut", "dft", "nlft-reference", "nlft", "nlft-own",
      "nlft-shuffled",
    ]
    return order.filter { cells[$0] != nil } + cells.keys.filter { !order.contains($0) }.sorted()
  }
}

// MARK: - Statistics

/// A mean over seeds and problems. The standard error takes the answers to one problem for dependent: it is clustered by
/// problem, with the factor G/(G − 1), as nlft-grade's is.
struct Mean {
  let count: Int
  let value: Double
  let error: Double

  init(_ values: [(problem: String, value: Double)]) {
    count = values.count
    let mean = values.reduce(0) { $0 + $1.value } / Double(max(1, values.count))
    var sums: [String: Double] = [:]
    for (problem, value) in values { sums[problem, default: 0] += value - mean }
    let groups = Double(sums.count)
    let squares = sums.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value * $1.value }
    value = mean
    error = groups < 2 ? .nan : (groups / (groups - 1) * squares).squareRoot() / Double(values.count)
  }

  /// 95 %, from the normal distribution.
  var interval: (lower: Double, upper: Double) { (value - 1.959964 * error, value + 1.959964 * error) }
}

extension Experiment {
  func accuracy(_ arm: String, _ size: Int) -> Mean? {
    guard let seeds = cells[arm]?[size], !seeds.isEmpty else { return nil }
    return Mean(
      seeds.sorted { $0.key < $1.key }.flatMap { seed in
        seed.value.isCorrect.sorted { $0.key < $1.key }.map { ($0.key, $0.value ? 1 : 0) }
      })
  }

  /// The first arm's accuracy less the second's, problem by problem and seed by seed, and each seed's difference.
  func difference(_ arm: String, _ other: String, _ size: Int) -> (mean: Mean, seeds: [Double])? {
    guard let mine = cells[arm]?[size], let theirs = cells[other]?[size] else { return nil }
    var values: [(problem: String, value: Double)] = []
    var seeds: [Double] = []
    for (seed, answers) in mine.sorted(by: { $0.key < $1.key }) {
      guard let others = theirs[seed] else { continue }
      let differences = answers.isCorrect.sorted { $0.key < $1.key }.map { id, isCorrect in
        (problem: id, value: (isCorrect ? 1.0 : 0) - (others.isCorrect[id] == true ? 1 : 0))
      }
      values += differences
      seeds.append(differences.reduce(0) { $0 + $1.value } / Double(differences.count))
    }
    return values.isEmpty ? nil : (Mean(values), seeds)
  }
}

extension Experiment {
  /// What can be said of one arm against others: where the 95 % interval lies.
  func verdict(_ arm: String, against others: [String]) -> String {
    let sentences = others.compactMap { other -> String? in
      let parts = sizes.compactMap { size -> String? in
        guard let (mean, _) = difference(arm, other, size) else { return nil }
        let verdict =
          mean.interval.lower > 0 ? "above" : mean.interval.upper < 0 ? "below" : "not to be told from"
        return "at \(size) examples \(verdict) it"
      }
      return parts.isEmpty ? nil : "Against `\(other)`, `\(arm)` is \(parts.joined(separator: ", "))."
    }
    return sentences.joined(separator: " ")
  }
}

// MARK: - Text

func percent(_ share: Double, signed: Bool = false) -> String {
  String(format: signed ? "%+.1f" : "%.1f", 100 * share)
}

func table(_ header: [String], _ rows: [[String]]) -> String {
  let lines = [header, header.indices.map { $0 == 0 ? "---" : "---:" }] + rows
  return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
}

extension Experiment {
  var text: String {
    let problems = base.isCorrect.count
    let untouched = Mean(base.isCorrect.map { ($0.key, $0.value ? 1 : 0) })
    var parts = ["## \(name)"]
    let shares = rows.sorted { $0.key < $1.key }.map { "seed \($0.key) \(percent($0.value)) %" }
    parts.append(
      "\(problems) test problems, greedy answers. The untouched model solves \(percent(untouched.value)) ± "
        + "\(percent(untouched.error)) %. Of the sampled rows are right: \(shares.joined(separator: ", ")).")
    parts.append("Accuracy in %, mean over the seeds ± its standard error (clustered by problem):")
    parts.append(
      table(
        ["arm"] + sizes.map { "\($0) examples" },
        arms.map { arm in
          [arm]
            + sizes.map { size in
              accuracy(arm, size).map { "\(percent($0.value)) ± \(percent($0.error))" } ?? "–"
            }
        }))
    for other in ["distill", "sft", "distill-correct", "nlft-shuffled"] where cells[other] != nil {
      let compared = other == "distill" || other == "sft" ? arms.filter { $0 != other } : ["nlft"]
      parts.append(
        "Difference from `\(other)` in percentage points, paired by problem and seed, with its 95 % interval; in "
          + "brackets the differences of the seeds:")
      parts.append(
        table(
          ["arm"] + sizes.map { "\($0) examples" },
          compared.map { arm in
            [arm]
              + sizes.map { size in
                guard let (mean, seeds) = difference(arm, other, size) else { return "–" }
                let seedTexts = seeds.map { percent($0, signed: true) }.joined(separator: " ")
                return "\(percent(mean.value, signed: true)) (\(percent(mean.interval.lower, signed: true)) … "
                  + "\(percent(mean.interval.upper, signed: true))) [\(seedTexts)]"
              }
          }))
    }
    if cells["nlft"] != nil {
      parts.append(verdict("nlft", against: ["distill", "sft", "nlft-shuffled"]))
    }
    parts.append("Settings of this run:")
    let settings = self.settings.filter { $0.0 != "model" }.map { name, text in
      // Where a file lies is nobody's business but its owner's.
      let words = text.split(separator: " ").map { $0.hasPrefix("/") ? $0.split(separator: "/").last ?? "" : $0 }
      return "    \(name): \(words.joined(separator: " "))"
    }
    parts.append(settings.joined(separator: "\n"))
    return parts.joined(separator: "\n\n")
  }

  /// What gnuplot reads: a block for each arm, with size, accuracy and standard error in %.
  var plotData: String {
    arms.map { arm in
      sizes.compactMap { size in
        accuracy(arm, size).map { "\(size) \(100 * $0.value) \(100 * $0.error)" }
      }.joined(separator: "\n")
    }.joined(separator: "\n\n\n") + "\n"
  }
}

/// Draws accuracy against examples, a line for each arm. Colours are Okabe and Ito's and three more; each arm has its own
/// point too, for those who cannot tell them apart. The untouched model is the dashed line.
func plot(_ experiment: Experiment, to path: String) throws {
  let data = experiment.folder + "/accuracy.dat"
  try experiment.plotData.write(toFile: data, atomically: true, encoding: .utf8)
  let untouched = 100 * Mean(experiment.base.isCorrect.map { ($0.key, $0.value ? 1 : 0) }).value
  let colours = [
    "#E69F00", "#56B4E9", "#009E73", "#8C8C8C", "#0072B2", "#CC79A7", "#8B5A00", "#D55E00", "#000000", "#6A3D9A",
  ]
  // Each arm a little beside the others, so that error bars can be told apart.
  let lines = experiment.arms.enumerated().map { index, arm in
    let shift = 1 + 0.012 * (Double(index) - Double(experiment.arms.count - 1) / 2)
    return "'\(data)' index \(index) using ($1*\(shift)):2:3 with yerrorlines lw \(arm.hasPrefix("nlft") ? 3 : 1.5) "
      + "pt \(index + 4) ps 0.8 lc rgb '\(colours[index % colours.count])' title '\(arm)'"
  }
  let ticks = experiment.sizes.map { "'\($0)' \($0)" }.joined(separator: ", ")
  let script = """
    set terminal svg size 900,520 font 'sans-serif,13' background rgb 'white'
    set output '\(path)'
    set title 'Accuracy on \(experiment.base.isCorrect.count) test problems (\(experiment.name)), mean over seeds, bars of one standard error'
    set xlabel 'training problems'
    set ylabel 'accuracy, %'
    set logscale x
    set xtics (\(ticks))
    set yrange [0:*]
    set xrange [\(Double(experiment.sizes.first ?? 1) / 1.2):\(Double(experiment.sizes.last ?? 1) * 1.2)]
    set grid ytics lc rgb '#dddddd'
    set key outside right
    plot \(lines.joined(separator: ", ")), \(untouched) with lines dt 2 lc rgb '#555555' title 'untouched'
    """
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["gnuplot"]
  let input = Pipe()
  process.standardInput = input
  try process.run()
  input.fileHandleForWriting.write(Data(script.utf8))
  try input.fileHandleForWriting.close()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw Failure(reason: "gnuplot could not draw \(path)") }
}

func run(_ arguments: [String]) throws {
  guard arguments.count == 3 else { throw Failure(reason: "usage: report RUN FOLDER") }
  let experiments = try ["stories", "svamp"].compactMap { try Experiment($0, in: arguments[1]) }
  guard !experiments.isEmpty else { throw Failure(reason: "\(arguments[1]): no graded answers of any set") }
  var parts = [
    """
    # Results

    Written by `make ablation` from the run's own files; README.md says what the arms are and what was tried before. \
    Every number can be had again: a cell's `summary.json` by nlft-grade, a difference of one seed by \
    `nlft-grade --compare …/distill/graded.jsonl …/nlft/answers.jsonl`.
    """
  ]
  for experiment in experiments {
    parts.append(experiment.text)
    if experiment.sizes.count > 1 {
      let image = experiment.name == "stories" ? "accuracy.svg" : "accuracy-\(experiment.name).svg"
      try plot(experiment, to: "\(arguments[2])/\(image)")
      parts.append("![Accuracy against the number of training problems](\(image))")
    }
  }
  let text = parts.joined(separator: "\n\n") + "\n"
  try text.write(toFile: arguments[2] + "/RESULTS.md", atomically: true, encoding: .utf8)
  print(text, terminator: "")
}

do {
  try run(CommandLine.arguments)
} catch let failure as Failure {
  FileHandle.standardError.write(Data("report: \(failure.reason)\n".utf8))
  exit(65)
} catch {
  FileHandle.standardError.write(Data("report: \(error)\n".utf8))
  exit(74)
}
