import GeneratedJSON
import Records
import TemporaryFolders
import Testing

/// What a tool does not set leaves it as it came: numbers digit for digit, strings with their escapes. The records are
/// generated; a failure names the seed that makes its record again.
@Suite struct PassingThroughTests {
  /// A generated record: members that no tool knows around those that the tool reads.
  private struct Generated {
    let seed: UInt64
    let unknown: [String]
    let line: String

    init(seed: UInt64, known: [String]) {
      self.seed = seed
      let isSpaced = seed % 2 == 0
      var source = JSONSource(seed: seed)
      unknown = source.members(spaced: isSpaced)
      let own = known.map { isSpaced ? $0.replacing("\":", with: "\": ", maxReplacements: 1) : $0 }
      let place = source.number(below: unknown.count + 1)
      let members = unknown[..<place] + own + unknown[place...]
      line = "{" + members.joined(separator: isSpaced ? ", " : ",") + "}"
    }

    /// Whether there is a space behind colons and commas.
    var isSpaced: Bool { seed % 2 == 0 }
  }

  private static let seeds = (1...400).map { UInt64($0) }

  private func results(_ command: String, _ records: [Generated]) async throws -> [String] {
    let input = records.map { $0.line + "\n" }.joined()
    let result = try await runShell(command, input: Array(input.utf8))
    #expect(result.status == 0, "\(result.stderr)")
    // Not ToolResult.lines: a string may hold what Swift takes for a line break.
    let lines = result.stdout.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    try #require(lines.count == records.count)
    return lines
  }

  @Test(arguments: [
    (#"nlft-tokenize --quiet --model "$MODEL""#, [#""question":"q""#, #""answer":"5 \u0023""#]),
    ("nlft-grade --quiet --extract last-number", [#""output":"5""#, #""answer":"\u0035""#]),
  ])
  func fieldsAreAddedBehindTheOthers(_ command: String, _ known: [String]) async throws {
    let records = Self.seeds.map { Generated(seed: $0, known: known) }
    for (record, line) in zip(records, try await results(command, records)) {
      #expect(line.hasPrefix(record.line.dropLast() + ","), "seed \(record.seed)")
    }
  }

  @Test(arguments: [
    [#""messages":[{"role":"user","content":"q"},{"role":"assistant","content":"\u0061"}]"#],
    [#""prompt":"q""#, #""completion":"\u0061""#], [#""instruction":"q""#, #""input":"""#, #""output":"a""#],
  ])
  func convertedRecordsKeepTheOtherFields(_ known: [String]) async throws {
    let records = Self.seeds.map { Generated(seed: $0, known: known) }
    let lines = try await results(#"nlft-tokenize --quiet --model "$MODEL""#, records)
    let isAlpaca = known.count == 3
    for (record, line) in zip(records, lines) {
      let added = #""id":\#(record.seed)|"question":"q"|"answer":"a"|"tokens":"#.split(separator: "|")
      for member in record.unknown + added.map(String.init) + (isAlpaca ? [] : known) {
        let written = record.isSpaced ? member.replacing("\":", with: "\": ", maxReplacements: 1) : member
        #expect(line.contains(member) || line.contains(written), "seed \(record.seed): \(member)")
      }
      let keys = try Record(parsing: Array(line.utf8)).keys
      #expect(keys.count == record.unknown.count + added.count + (isAlpaca ? 0 : known.count), "seed \(record.seed)")
    }
  }

  /// In a file that is one array over many lines only the layout may change.
  @Test func arraysKeepTheirValues() async throws {
    let records = Self.seeds.map { seed in
      Generated(seed: seed, known: [#""output":"5""#, #""answer":"5""#])
    }
    let folder = try TemporaryFolder()
    let text = records.map { $0.line.replacing(",", with: ",\n    ") }
    // A comma within a string must stay: only records without such commas are spread.
    let elements = zip(records, text).map { record, spread in
      (try? Record(parsing: Array(spread.utf8))) == nil ? record.line : spread
    }
    try folder.write("[\n  " + elements.joined(separator: ",\n  ") + "\n]\n", to: "all.json")
    let result = try await runShell("nlft-grade --quiet --extract last-number all.json", in: folder.path)
    let lines = result.stdout.split(separator: 0x0A)
    try #require(lines.count == records.count, "\(result.stderr)")
    for (record, line) in zip(records, lines) {
      let result = try Record(parsing: Array(line))
      let source = try Record(parsing: Array(record.line.utf8))
      for key in source.keys { #expect(result[key] == source[key], "seed \(record.seed), \(key)") }
    }
  }
}
