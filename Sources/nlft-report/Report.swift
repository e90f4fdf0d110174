import ArgumentParser
import Records
import Reports
import ToolSupport

/// Writes the page of a recipe's run; `make report` calls it.
@main struct ReportTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-report",
    abstract: "Writes a recipe's run as one HTML page: accuracy, training, weights, answers, time, memory, settings.",
    discussion: """
      Reads what is in the work folder; what is not there is left out, and the page says so. Links to maps and logs are \
      relative, so the page belongs into that folder.

      Example:
        nlft-report --output work/report.html work
      """,
    version: toolVersion)

  @Argument(help: ArgumentHelp("The recipe's WORK.", valueName: "folder"), completion: .directory)
  var work: String
  @Option(help: ArgumentHelp("Where the page goes.", valueName: "file"), completion: .file())
  var output: String
  @Option(
    help: ArgumentHelp("Test problems shown of those that became right, became wrong, stayed wrong.", valueName: "n"))
  var examples = 8
  @Flag(help: "Leave out the plots, for which gnuplot is needed.")
  var noPlots = false

  func validate() throws {
    guard examples >= 0 else { throw ValidationError("--examples must not be below 0, not \(examples).") }
  }

  func run() throws {
    try runTool("nlft-report") {
      let diagnostics = Diagnostics(tool: "nlft-report", quiet: false)
      let gnuplot = noPlots ? nil : Gnuplot()
      if gnuplot == nil {
        diagnostics.warn("\(output): without plots, as gnuplot \(noPlots ? "is not to be used" : "was not found")")
      }
      do {
        let page = try ReportPage(Experiment(folder: work), gnuplot: gnuplot, examples: examples)
        try AtomicFile.write(Array(page.html.utf8), to: output)
      } catch let error as ReportError {
        throw ToolError(.data, error.description)
      }
      return .success
    }
  }
}
