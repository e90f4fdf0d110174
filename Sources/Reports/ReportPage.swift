import Pages

/// A run of a recipe as one HTML file that needs nothing besides itself.
public struct ReportPage: Sendable {
  let experiment: Experiment
  /// Plots by name; empty where they could not be drawn.
  package let plots: [String: Markup]
  /// Whether there was a gnuplot.
  let hasPlots: Bool
  /// Test problems of each kind that are shown.
  let examples: Int

  /// A page of an experiment.
  /// - Parameters:
  ///   - gnuplot: draws the plots; without it the page has tables only, and says so.
  ///   - examples: test problems shown of each kind of change.
  /// - Throws: `ReportError` if gnuplot fails.
  public init(_ experiment: Experiment, gnuplot: Gnuplot?, examples: Int = 8) throws {
    self.experiment = experiment
    self.examples = examples
    hasPlots = gnuplot != nil
    var wanted: [Plot?] = [
      RunPlots.classes(experiment.rounds), RunPlots.time(Self.groups(experiment)),
    ]
    wanted += RunPlots.training(experiment.rounds)
    if let grid = experiment.grid {
      wanted.append(RunPlots.grid(grid, untouched: experiment.rounds.first?.test?.accuracy))
    } else {
      wanted.append(RunPlots.accuracy(experiment.rounds))
    }
    var plots: [String: Markup] = [:]
    for plot in wanted.compactMap(\.self) { plots[plot.name] = try gnuplot?.draw(plot) }
    self.plots = plots
  }

  /// The rounds' stages, with those that prepare the records in front.
  static func groups(_ experiment: Experiment) -> [(name: String, stages: [Stage])] {
    if let grid = experiment.grid {
      return [("untouched", experiment.preparation + experiment.rounds.flatMap(\.stages))]
        + Self.seeds(grid.stages)
    }
    return [("records", experiment.preparation)].filter { !$0.1.isEmpty }
      + experiment.rounds.map { (Int($0.name) == nil ? $0.name : "round \($0.name)", $0.stages) }.filter {
        !$0.1.isEmpty
      }
  }

  /// By the seed whose folder they ran in.
  private static func seeds(_ stages: [Stage]) -> [(name: String, stages: [Stage])] {
    var groups: [(name: String, stages: [Stage])] = []
    for stage in stages {
      let name = stage.folder.split(separator: "/").first.map { String($0.replacing("-", with: " ")) } ?? ""
      if groups.last?.name != name { groups.append((name, [])) }
      groups[groups.count - 1].stages.append(stage)
    }
    return groups
  }

  /// The file.
  public var html: String {
    let name = experiment.folder
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
      <title>Report: \(name)</title>
      <link rel="icon" href="data:,">
      <style>
      \(Markup(trusted: String(decoding: PageStyle.css + PackageResources.report_css, as: UTF8.self)))</style>
      </head>
      <body>
      <a class="skip" href="#accuracy">Skip to the results</a>
      <header id="top">
      <h1>Report</h1>
      <p id="source">\(name)</p>
      <p class="note">\(experiment.ended.map { "last stage ended " + Figures.date($0) } ?? "")</p>
      </header>
      <div id="layout">
      <nav aria-label="Sections"><ul>
      \(sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>\n" })</ul></nav>
      <main>
      \(figures)\(notices)\(sections.map { section in
        "<section id=\"\(section.id)\" aria-labelledby=\"\(section.id)-title\">\n<h2 id=\"\(section.id)-title\">\(section.title)</h2>\n\(section.content)</section>\n"
      })</main>
      </div>
      </body>
      </html>

      """
    return page.html
  }

  private var sections: [(id: String, title: String, content: Markup)] {
    var sections = [("accuracy", "Accuracy", accuracy)]
    if experiment.grid == nil {
      sections += [
        ("training", "Training", training), ("weights", "What was learned from", weights),
        ("answers", "Answers before and after", answers),
      ]
    }
    sections += [
      ("costs", "Time and memory", costs), ("settings", "Settings and fingerprints", settings),
      ("commands", "Commands", commands),
    ]
    return sections
  }

  /// What could not be shown, and what the stages warned of.
  private var notices: Markup {
    var notices: [Markup] = []
    if !hasPlots {
      notices.append(
        "<p class=\"notice\">There are no plots on this page: gnuplot was not found when it was written.</p>\n")
    }
    let warnings = experiment.stages.filter { !$0.warnings.isEmpty || ($0.failed ?? 0) > 0 }
    if !warnings.isEmpty {
      let items = warnings.map { stage -> Markup in
        let failed: Markup =
          (stage.failed ?? 0) > 0 ? "<span class=\"bad\">\(stage.failed ?? 0) records failed.</span> " : ""
        let lines =
          stage.warnings.count > 3
          ? stage.warnings.prefix(3) + ["… and \(stage.warnings.count - 3) more"] : stage.warnings
        return "<li><a href=\"\(stage.path).log\">\(stage.path)</a>: \(failed)\(lines.joined(separator: " · "))</li>\n"
      }
      notices.append("<div class=\"notice\"><h2>Warnings</h2>\n<ul>\n\(items)</ul></div>\n")
    }
    return "\(notices)"
  }

  /// A plot with its caption, or nothing.
  func figure(_ name: String, _ caption: Markup) -> Markup {
    guard let plot = plots[name] else { return "" }
    return "<figure>\(plot)<figcaption>\(caption)</figcaption></figure>\n"
  }

  /// An interval in percent.
  static func interval(_ range: ClosedRange<Double>?, signed: Bool = false) -> String {
    guard let range else { return Figures.none }
    return Figures.percent(range.lowerBound, signed: signed) + " … " + Figures.percent(range.upperBound, signed: signed)
  }
}
