import Maps
import Records
import Saliency
import TemporaryFolders
import Testing

/// The page's numbers against the tool's: classes equal, weights to nine digits, for every method and a grid of settings.
@Suite struct PageNumbersTests {
  private static let folder = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
  private static let scripts = folder + "/../../Sources/Maps/Page/"

  private static func source(_ path: String) throws -> String {
    String(decoding: try #require(TemporaryFolder.content(of: path), "\(path)"), as: UTF8.self)
  }

  private func settings(_ shuffling: UInt64?) throws -> MapSettings {
    MapSettings(
      builder: try LossBuilder(method: .nlft, shuffling: shuffling), files: ["judged.jsonl"], archive: nil, model: nil,
      version: "1")
  }

  private func check(_ report: JSON, _ cases: PageCases) throws {
    #expect(report["count"]?.integer == 0, "\(report["differences"]?.indentedText ?? "")")
    #expect(try #require(report["numbers"]?.integer) > 100_000)
    let commands = try #require(report["commands"]?.array)
    #expect(commands.count == cases.builders.count)
    for (command, builder) in zip(commands, cases.builders) {
      #expect(command.array?.compactMap(\.string) == Self.arguments(builder))
    }
  }

  /// The options that say a builder's settings, each that differs from the preset.
  private static func arguments(_ builder: LossBuilder) -> [String] {
    let order = [
      "salient", "threshold", "lift-ratio", "powers", "ratio-base", "ratio-standard", "floor", "share", "centre",
      "unlikelihood-scale", "incorrect-power", "clustering", "cluster-limit", "judge-term", "answer-term",
      "correct-answer-term", "cut-ratio", "cut-unlikelihood", "factor",
    ]
    let preset = builder.method.preset.options(of: builder.method)
    let moved = zip(builder.constants.options(of: builder.method), preset)
      .filter { $0.value != $1.value }.map { ($0.0.option, $0.0.value) }
      .sorted { (order.firstIndex(of: $0.0) ?? 0) < (order.firstIndex(of: $1.0) ?? 0) }
    var words = ["--method", builder.method.rawValue]
    for (option, value) in moved {
      let short = value.split(separator: ",").map { $0.hasSuffix(".0") ? String($0.dropLast(2)) : String($0) }
        .joined(separator: ",")
      words += short.hasPrefix("-") ? ["--\(option)=\(short)"] : ["--\(option)", short]
    }
    if let seed = builder.shuffling { words += ["--shuffle-weights", "\(seed)"] }
    return words
  }

  @Test(.enabled(if: ScriptEngine.bare != nil, ScriptEngine.bareComment), arguments: [nil, 7] as [UInt64?])
  func inABareEngine(shuffling: UInt64?) async throws {
    let folder = try TemporaryFolder()
    let cases = try PageCases.all(shuffling: shuffling)
    try cases.write(to: folder.file("map.html"), settings: settings(shuffling))
    try folder.write(cases.expected.encoded, to: "expected.json")
    let scripts = try ["formulas.js", "records.js", "settings.js"].map { try Self.source(Self.scripts + $0) }
    let driver = #"""
      const { readFileSync } = require("node:fs");
      const page = readFileSync(__dirname + "/map.html", "utf8");
      const settings = JSON.parse(page.match(/id="settings">(.*?)<\/script>/s)[1]);
      const limits = nlft.records.clusterLimits(settings);
      const records = [...page.matchAll(/class="record">(.*?)<\/script>/gs)].map(
        (match, index) => new nlft.records.MapRecord(match[1], index, limits));
      const expected = JSON.parse(readFileSync(__dirname + "/expected.json", "utf8"));
      console.log(JSON.stringify(compareWithTool(settings, expected, (index) => records[index])));
      """#
    let script = (scripts + [try Self.source(Self.folder + "/compare.js"), driver]).joined(separator: "\n")
    try folder.write(script, to: "run.js")
    try check(JSON(parsing: Array(try await ScriptEngine.output(of: folder.file("run.js")).utf8)), cases)
  }

  @Test(.enabled(if: ScriptEngine.browser != nil, ScriptEngine.browserComment), .timeLimit(.minutes(5)))
  func inABrowser() async throws {
    let folder = try TemporaryFolder()
    let cases = try PageCases.all()
    try cases.write(to: folder.file("map.html"), settings: settings(nil))
    let page = try #require(folder.text("map.html"))
    let end = "</body>"
    let addition =
      "<script>\n" + (try Self.source(Self.folder + "/compare.js")) + #"""

        const expected = \#(String(decoding: cases.expected.encoded, as: UTF8.self));
        const report = compareWithTool(nlft.page.settings.page, expected, (index) => nlft.page.record(index));
        // What stands on the page, too: the look of every token that has an element.
        nlft.page.settled().then(() => {
          report.looks = 0;
          for (const { tokens, record } of nlft.page.filled.values()) {
            const { classes } = expected.find(({ method }) => method === "nlft").records[record.index];
            tokens.forEach((token, i) => {
              report.looks++;
              if (classes && !token.dataset.look.endsWith(["plain", "cluster", "salient"][classes[i]])) report.count++;
            });
          }
          const result = document.createElement("pre");
          result.id = "result";
          // Nothing in it that a document would write otherwise.
          result.textContent = JSON.stringify(report).replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
          document.body.append(result);
        });
        </script>
        """#
    try folder.write(page.replacing(end, with: addition + end), to: "tested.html")
    let document = try await ScriptEngine.document(of: folder.file("tested.html"), in: folder)
    let start = try #require(
      document.firstRange(of: #"<pre id="result">"#)?.upperBound, "the page's scripts did not run")
    let report = try JSON(parsing: Array(document[start...].prefix { $0 != "<" }.utf8))
    try check(report, cases)
    #expect(try #require(report["looks"]?.integer) > 100)
  }
}
