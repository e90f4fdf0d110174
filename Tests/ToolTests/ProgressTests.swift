#if os(Linux)
  import Glibc
  import TemporaryFolders
  import Testing

  /// The progress line on a terminal, which `script` of util-linux plays.
  @Suite(.enabled(if: access("/usr/bin/script", X_OK) == 0, "there is no /usr/bin/script"))
  struct ProgressTests {
    private func terminal(_ command: String, in folder: TemporaryFolder) async throws -> String {
      let quoted = command.replacing("'", with: #"'\''"#)
      let result = try await runShell("/usr/bin/script -qec '\(quoted)' /dev/null", in: folder.path)
      #expect(result.status == 0, "\(result.text)")
      return result.text
    }

    /// The first progress line, less its speed.
    private func firstLine(_ text: String, _ tool: String) throws -> [Substring] {
      let start = try #require(text.firstRange(of: "\r\(tool): "), "\(text.debugDescription)").upperBound
      let end = try #require(text[start...].firstRange(of: "\u{1B}[K")).lowerBound
      return text[start..<end].split(separator: ", ").filter { !$0.hasSuffix("/s") && !$0.hasSuffix("/min") }
    }

    @Test func timeIsLeftWhereTheLengthIsKnown() async throws {
      let folder = try TemporaryFolder()
      try folder.write(Problems.graded, to: "in.jsonl")
      let known = try await terminal("nlft-grade --keep-going in.jsonl > out.jsonl", in: folder)
      let knownWords = try firstLine(known, "nlft-grade")
      #expect(knownWords.first == "1 done" && knownWords.last?.hasSuffix(" s left") == true, "\(knownWords)")
      let redirected = try await terminal("nlft-grade --keep-going < in.jsonl > out.jsonl", in: folder)
      let redirectedWords = try firstLine(redirected, "nlft-grade")
      #expect(
        redirectedWords.first == "1 done" && redirectedWords.last?.hasSuffix(" s left") == true, "\(redirectedWords)")
      let piped = try await terminal("cat in.jsonl | nlft-grade --keep-going > out.jsonl", in: folder)
      #expect(try firstLine(piped, "nlft-grade") == ["1 done"])
      let quiet = try await terminal("nlft-grade --quiet --keep-going in.jsonl > out.jsonl", in: folder)
      #expect(!quiet.contains("done"))
    }

    @Test func earlierRecordsHaveNoSpeed() async throws {
      let folder = try TemporaryFolder()
      try folder.write(Problems.questions, to: "in.jsonl")
      let sample = #"nlft-sample --model "$MODEL" --max-tokens 2 "#
      _ = try await runShell(sample + "--limit 2 in.jsonl > out.jsonl", in: folder.path)
      let text = try await terminal(sample + "--resume out.jsonl in.jsonl > new.jsonl", in: folder)
      // Before a record is done anew there is no speed, and so no time.
      #expect(text.contains("\rnlft-sample: 1 done\u{1B}[K"), "\(text.debugDescription)")
    }

    @Test func stepsShowTheirLoss() async throws {
      let folder = try await Problems.weighted()
      let text = try await terminal(
        #"nlft-step --model "$MODEL" --batch 2 --epochs 40 --output adapter weighted.jsonl > steps.jsonl"#, in: folder)
      #expect(text.contains("\rnlft-step: step "))
      #expect(text.contains(" of 120, loss "))
      #expect(text.contains(" s left\u{1B}[K"))
    }

    /// Lines on the same terminal stand by themselves.
    @Test func recordsDoNotRunIntoTheProgressLine() async throws {
      let folder = try TemporaryFolder()
      try folder.write(Problems.questions, to: "in.jsonl")
      let text = try await terminal(#"nlft-sample --model "$MODEL" --max-tokens 2 in.jsonl"#, in: folder)
      for line in text.split(separator: "\r\n") where line.contains("{") {
        #expect(line.hasPrefix("{") || line.contains("\u{1B}[K{"), "\(line.debugDescription)")
      }
    }
  }
#endif
