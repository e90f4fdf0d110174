import TemporaryFolders
import Testing

import Reports

@Suite struct PlotTests {
  private static let gnuplot = Gnuplot()
  private static let comment: Comment = "gnuplot is not installed: nothing is drawn"

  @Test(.enabled(if: gnuplot != nil, comment)) func plotsHaveThePagesColoursAndNamesOfTheirOwn() throws {
    let folder = try TemporaryFolder()
    try RunFolder.write(to: folder)
    let page = try ReportPage(Experiment(folder: folder.path), gnuplot: Self.gnuplot)
    #expect(page.plots.keys.sorted() == ["accuracy", "classes", "loss", "norm", "rate", "time"])
    let html = page.html
    #expect(!html.contains("no plots"))
    #expect(html.firstRange(of: "://") == nil)
    for (name, plot) in page.plots {
      #expect(plot.html.hasPrefix("<svg viewBox=") && plot.html.hasSuffix("</svg>"), "\(name)")
      #expect(plot.html.contains("var(--soft)"), "\(name): the texts' colour")
      // All colours are the page's: gnuplot's own would be unreadable on one of the two grounds.
      for colour in ["rgb(", "\"black\"", "'black'", "#ffffff"] {
        #expect(!plot.html.contains(colour), "\(name): \(colour)")
      }
      #expect(!plot.html.contains("gpPt") && !plot.html.contains("gnuplot"), "\(name)")
    }
    let ids = html.split(separator: " id=").dropFirst().map { $0.dropFirst().prefix { $0 != "\"" && $0 != "'" } }
    #expect(Set(ids).count == ids.count, "names stand for one thing each")
  }

  @Test func gnuplotThatIsMissing() {
    #expect(Gnuplot(command: "there-is-no-such-command") == nil)
  }

  @Test func aDrawingThatIsNone() {
    #expect(Plot(name: "a", title: "b", commands: []).markup("no drawing") == nil)
  }

  @Test func intervalsAndValuesAreTheSummaries() throws {
    let folder = try TemporaryFolder()
    try RunFolder.write(to: folder)
    let script = try #require(RunPlots.accuracy(Experiment(folder: folder.path).rounds)).script(output: "it's.svg")
    #expect(script.contains("$tests << END\n0.0 25.0 6.25 75.0\n1.0 50.0 6.25 75.0\n2.0 50.0"))
    #expect(script.contains("$samples << END\n1.0 33.3333"))
    #expect(script.contains("set output 'it''s.svg'"))
  }
}
