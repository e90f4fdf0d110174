import ArgumentParser
import Grading
import Records
import ToolSupport

extension Extraction: ExpressibleByArgument {}
extension Matching: ExpressibleByArgument {}

@main struct GradeTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nlft-grade",
    abstract: "Extracts and compares final values: adds predicted, expected and correct.",
    discussion: """
      The response (output) is compared with the standard answer (answer), whose final value stands behind "#### ". \
      The accuracy with its standard error goes to stderr and, with --summary, to a file.

      Examples:
        nlft-grade --summary base.json base-outputs.jsonl > base.jsonl
        nlft-grade --compare base.jsonl tuned-outputs.jsonl > tuned.jsonl
      """,
    version: toolVersion)

  @Option(
    help: ArgumentHelp(
      "How the final value is found. gsm8k: the number behind the first \"#### \"; flexible: the last thing like a number, both as in lm-evaluation-harness; last-number: the last number as people write them.",
      valueName: "rule"))
  var extract: Extraction = .gsm8k

  @Option(help: ArgumentHelp("When values agree: as decimal numbers, or as strings.", valueName: "rule"))
  var match: Matching = .number

  @Option(
    help: ArgumentHelp("Write accuracy, intervals and format compliance as JSON.", valueName: "file"),
    completion: .file())
  var summary: String?

  @Option(
    help: ArgumentHelp(
      "Compare with another graded stream, record by record of the same id: difference, its standard error, McNemar's exact p.",
      valueName: "file"),
    completion: .file())
  var compare: String?

  @OptionGroup var stream: StreamOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    try runTool("nlft-grade") {
      try stream.checkOutputs(
        self.summary.map { [OutputFile(option: "--summary", path: $0)] } ?? [], besides: [compare])
      var comparison = try compare.map { try GradeComparison(path: $0) }
      let stream = try ToolStream(tool: "nlft-grade", stream: stream, quiet: common.quiet)
      var summary = GradeSummary(extraction: extract, matching: match)
      while let numbered = try stream.next() {
        let grade: Grade
        do { grade = try Grade(numbered.record, extraction: extract, matching: match) } catch {
          try stream.fail(numbered, error)
          continue
        }
        summary.add(grade, of: numbered.record)
        comparison?.add(grade, of: numbered.record)
        try stream.complete(numbered, with: [grade.applied(to: numbered.record)])
      }
      summary.failed = stream.failed
      if stream.done > 0 { try report(summary, comparison, on: stream) }
      return try stream.finish()
    }
  }

  private func report(_ summary: GradeSummary, _ comparison: GradeComparison?, on stream: ToolStream) throws {
    stream.note(summary.line)
    var json = summary.json
    if let comparison {
      if comparison.count == 0 { throw ToolError(.data, "\(comparison.name): no id of this stream stands there") }
      if comparison.unpaired > 0 {
        stream.warn("\(comparison.name): \(comparison.unpaired) records stand in one of the two streams only")
      }
      stream.note(comparison.line)
      json = .object((json.members ?? []) + [JSON.Member("comparison", comparison.json)])
    }
    if let path = self.summary { try AtomicFile.write(Array(json.indentedText.utf8), to: path) }
  }
}
