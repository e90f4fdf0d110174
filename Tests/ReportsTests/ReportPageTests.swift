import Records
import TemporaryFolders
import Testing

import Reports

@Suite struct ReportPageTests {
  private func page(of folder: TemporaryFolder, gnuplot: Gnuplot? = nil) throws -> String {
    try ReportPage(Experiment(folder: folder.path), gnuplot: gnuplot).html
  }

  private func page() throws -> String {
    let folder = try TemporaryFolder()
    try RunFolder.write(to: folder)
    return try page(of: folder)
  }

  /// The text between two marks, the second behind the first.
  private func part(_ page: String, from start: String, to end: String) throws -> String {
    let first = try #require(page.firstRange(of: start), "\(start)")
    let last = try #require(page[first.upperBound...].firstRange(of: end), "\(end)")
    return String(page[first.upperBound..<last.lowerBound])
  }

  @Test func everySectionIsThere() throws {
    let page = try page()
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
    for id in ["accuracy", "training", "weights", "answers", "costs", "settings", "commands"] {
      #expect(page.contains("<section id=\"\(id)\""), "\(id)")
      #expect(page.contains("<a href=\"#\(id)\">"), "\(id)")
    }
    #expect(page.contains("There are no plots on this page"))
    #expect(!page.contains("<svg"))
  }

  @Test func accuracies() throws {
    let section = try part(page(), from: "<section id=\"accuracy\"", to: "</section>")
    let rows = section.split(separator: "<tr>").map { row in
      row.split(separator: "<").map { String($0.drop { $0 != ">" }.dropFirst()) }.filter { !$0.isEmpty && $0 != "\n" }
    }
    #expect(rows.contains { $0.starts(with: ["0", "1 of 4", "25.0", "6.2 … 75.0", "–", "–"]) }, "\(rows)")
    // 0.25 ± 1.96 · 0.25.
    #expect(
      rows.contains {
        $0.starts(with: ["1", "2 of 4", "50.0", "6.2 … 75.0", "+25.0", "−24.0 … +74.0", "2 / 1", "1", "75.0", "33.3"])
      }, "\(rows)")
    #expect(!section.contains("98.8"), "round 3 is beyond what was asked for")
  }

  @Test func everyStepIsInTheTable() throws {
    let page = try page()
    let table = try part(page, from: "<details id=\"steps\">", to: "</details>")
    for (step, loss, norm, rate) in [
      (1, "1.5", "1.25", "0.001"), (2, "3", "2.25", "0.002"), (3, "4.5", "3.25", "0.003"), (4, "6", "4.25", "0.004"),
    ] {
      let cells = [
        "\(step <= 2 ? 1 : 2)", "1", loss, norm, rate, "\(step * 100)", "\(step * 70)", "0.\(step)25",
      ].map { "<td class=\"number\">\($0)</td>" }
      #expect(table.contains("<th scope=\"row\">\(step)</th>\(cells.joined())"), "step \(step)")
    }
    #expect(page.contains("<dt>optimiser steps</dt><dd>4<small>in 2 rounds"))
  }

  @Test func weights() throws {
    let section = try part(page(), from: "<section id=\"weights\"", to: "</section>")
    let number = { (text: String) in "<td class=\"number\">\(text)</td>" }
    #expect(
      section.contains("<td>correct</td>" + ["1", "10", "40.0", "10.0", "50.0", "21.50", "0.00"].map(number).joined()))
    #expect(
      section.contains("<td>incorrect</td>" + ["1", "30", "10.0", "0.0", "90.0", "2.00", "1.25"].map(number).joined()))
    #expect(section.contains("<a href=\"round-1/map.html\">round 1</a>"))
    #expect(section.contains("<span>--threshold</span> <span>0.95</span>"))
  }

  @Test func answers() throws {
    let section = try part(page(), from: "<section id=\"answers\"", to: "</section>")
    for (title, count) in [("Became right", 2), ("Became wrong", 1), ("Still wrong", 1), ("Still right", 0)] {
      #expect(section.contains("<dt>\(title)</dt><dd>\(count)</dd>"), "\(title)")
    }
    let right = try part(section, from: "Became right <span", to: "</details>")
    #expect(right.contains("<p>gains-before</p>") && right.contains("<p>gains-after</p>"))
    #expect(right.contains("1 + 1 = 2\n#### 2"))
    #expect(!right.contains("loses-"))
    let wrong = try part(section, from: "Became wrong <span", to: "</details>")
    #expect(wrong.contains("<p>loses-before</p>") && wrong.contains("<p>loses-after</p>"))
    #expect(try part(section, from: "Still wrong <span", to: "</details>").contains("<p>stays-after</p>"))
  }

  @Test func timesMemoryAndCommands() throws {
    let page = try page()
    let section = try part(page, from: "<section id=\"costs\"", to: "</section>")
    #expect(section.contains("2.5<small>312 MB</small>"))
    #expect(section.contains("1.2<small>–</small>") || section.contains("1.3<small>–</small>"))
    // All of round 1's: 1.25 + 2.5 + 4.
    #expect(section.contains("7.8<small>312 MB</small>"))
    #expect(page.contains("<dt>wall time</dt><dd>18.4 s<small>of 5 stages"))
    #expect(page.contains("<dt>peak memory</dt><dd>312 MB<small>round-1/judged"))
    #expect(
      page.contains(
        "<span>nlft-judge</span> <span>--critic</span> <span>answer</span> <span>&#39;&lt;b&gt;&#39;</span>"))
    #expect(
      page.contains("<a href=\"round-1/judged.log\">round-1/judged</a>: <span class=\"bad\">1 records failed.</span>"))
    #expect(page.contains("nlft-judge: warning: &lt;i&gt;odd&lt;/i&gt;"))
    for text in [
      "model-print", "adapter-print", "run-print", "/models/a model.gguf", "98362432", "2023-11-14 22:13 UTC",
    ] {
      #expect(page.contains(text), "\(text)")
    }
  }

  /// Nothing is fetched, and nothing in a record is taken for markup.
  @Test func hostileTextsStayTexts() throws {
    let page = try page()
    #expect(page.firstRange(of: "://") == nil)
    for word in ["@import", "url(", "src=\"", "<script", "<img", "<i>odd", "\u{202E}", "\u{7}"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("default-src 'none'"))
    #expect(
      page.contains(
        "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; ⟨202E⟩ ⟨0007⟩"))
  }

  @Test func whatIsNotThereIsLeftOut() throws {
    let folder = try TemporaryFolder()
    _ = try folder.folder("round-0")
    _ = try folder.folder("round-0/test")
    _ = try folder.write(RunFolder.summary(accuracy: 0.25, correct: 1), to: "round-0/test/summary.json")
    let page = try page(of: folder)
    #expect(page.contains("25.0 %"))
    for text in ["No optimiser steps", "There are no weighted records", "No times were recorded", "Not recorded."] {
      #expect(page.contains(text), "\(text)")
    }
  }

  @Test func brokenFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ReportError.self) { try Experiment(folder: folder.path) }
    try RunFolder.write(to: folder)
    for (name, text, reason) in [
      ("round-1/steps.jsonl", "{\"step\":1}\n", "line 1: no field \"loss\""),
      ("round-1/test/summary.json", "{", "not JSON"), ("round-2/test/graded.jsonl", "{}\n[]\n", "line 1"),
    ] {
      let old = try folder.read(name)
      _ = try folder.write(text, to: name)
      let error = try #require(throws: ReportError.self) { try Experiment(folder: folder.path) }
      #expect(error.description.contains(folder.file(name)) && error.description.contains(reason), "\(error)")
      _ = try folder.write(old, to: name)
    }
  }
}
