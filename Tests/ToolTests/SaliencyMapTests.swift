import TemporaryFolders
import Testing

/// nlft-saliency --map and --ansi: what goes where, and what is refused.
@Suite struct SaliencyMapTests {
  private static let records = #"<script type="application/json" class="record">"#

  @Test func recordsPassUnchangedWithoutArchive() async throws {
    let folder = try await Problems.judged()
    let result = try await runShell(
      #"nlft-saliency --map map.html --model "$MODEL" judged.jsonl"#, in: folder.path)
    #expect(result.status == 65)
    let judged = try #require(folder.content("judged.jsonl"))
    // "plain" has no answer, so no loss; all others pass as they came.
    let passed = judged.split(separator: 0x0A).filter { !$0.starts(with: Array(#"{"id":"plain""#.utf8)) }
    #expect(result.text == passed.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined())
    #expect(result.stderr.contains("nlft-saliency: map.html: a map of 4 records\n"))
    #expect(result.stderr.contains("nlft-saliency: weights, not written: --method nlft"))
    let page = try #require(folder.text("map.html"))
    #expect(page.ranges(of: Self.records).count == 4, "what fails is in the page all the same")
    #expect(page.contains(#""texts":["#))
    #expect(folder.names.allSatisfy { !$0.hasSuffix(".tmp") })
  }

  @Test func lossesAreTheSameBesidesAMap() async throws {
    let folder = try await Problems.judged()
    let alone = try await runShell("nlft-saliency --quiet --archive a.zst judged.jsonl", in: folder.path)
    let mapped = try await runShell(
      "mkdir -p b; nlft-saliency --quiet --archive b.zst --map b/map.html < judged.jsonl", in: folder.path)
    #expect(mapped.text == alone.text.replacing("\"a.zst\"", with: "\"b.zst\""))
    #expect(folder.content("a.zst") == folder.content("b.zst"))
    #expect(try #require(folder.text("b/map.html")).contains(#""files":[]"#))
  }

  /// A method that reads no scores has them in the page, where other methods can be tried; records without are there too.
  @Test func scoresAreThereForOtherMethods() async throws {
    let folder = try await Problems.judged()
    let result = try await runShell(
      "nlft-saliency --quiet --method sft --map map.html judged.jsonl > /dev/null", in: folder.path)
    #expect(result.status == 65)
    #expect(try #require(folder.text("map.html")).ranges(of: #""near":"#).count == 4)
    let gone = try await runShell(
      "rm scores.safetensors.zst; nlft-saliency --quiet --method sft --map map.html judged.jsonl > /dev/null",
      in: folder.path)
    #expect(gone.status == 65)
    let page = try #require(folder.text("map.html"))
    #expect(page.ranges(of: #""near":"#).isEmpty)
    #expect(page.ranges(of: #""trouble":"scores.safetensors.zst: cannot be opened"#).count == 4)
  }

  @Test func nothingIsWrittenOfNothing() async throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "map.html")
    let result = try await runShell("nlft-saliency --map map.html", in: folder.path)
    #expect(result.status == 65)
    #expect(folder.text("map.html") == "old")
    #expect(folder.names == ["map.html"])
  }

  @Test(arguments: [
    ("--map -", "--map needs a file name; stdout carries records."),
    ("--map l.zst --archive l.zst", "--map l.zst and --archive l.zst are the same file"),
    ("--archive l.zst --model x", "--model is for --map and --ansi, neither of which is given."),
  ])
  func unusableOptions(_ options: String, _ message: String) async throws {
    let result = try await runShell("nlft-saliency \(options)")
    #expect(result.status == 64)
    #expect(result.stderr.contains(message), "\(result.stderr)")
  }

  @Test func scoresAreNotOverwritten() async throws {
    let folder = try await Problems.judged()
    let before = folder.content("scores.safetensors.zst")
    let result = try await runShell(
      "ln -s scores.safetensors.zst link.html; nlft-saliency --map link.html judged.jsonl", in: folder.path)
    #expect(result.status == 64)
    #expect(result.stderr == "nlft-saliency: --map link.html is the archive that the scores are in\n")
    #expect(folder.content("scores.safetensors.zst") == before)
  }

  @Test func responsesOnATerminal() async throws {
    let folder = try await Problems.judged()
    let judged = String(decoding: try #require(folder.content("judged.jsonl")), as: UTF8.self)
    let input = Array(judged.replacing(#""id":"judged""#, with: #""id":"judged\u001b[2J""#).utf8)
    let command = "nlft-saliency --method distill --ansi"
    let plain = try await runShell(#"NO_COLOR=1 \#(command) --model "$MODEL""#, input: input, in: folder.path)
    #expect(plain.status == 0)
    #expect(plain.stderr.contains("It is 4.\n#### 4<|im_end|>"))
    #expect(plain.stderr.contains("\njudged\\u{1B}[2J  "), "an id must not command the terminal")
    #expect(!plain.stderr.contains("\u{1B}"))
    let colours = try await runShell(
      #"NO_COLOR= TERM=xterm-256color \#(command) --model "$MODEL""#, input: input, in: folder.path)
    // One look for all tokens; none reaches over the end of a line.
    #expect(
      colours.stderr.contains("\u{1B}[30;48;5;159mIt is 4.⏎\u{1B}[0m\n\u{1B}[30;48;5;159m#### 4<|im_end|>\u{1B}[0m\n"))
    let numbers = try await runShell("NO_COLOR=1 \(command)", input: input, in: folder.path)
    #expect(numbers.stderr.contains(" 2 \n"))
    #expect(numbers.stdout == input)
  }
}
