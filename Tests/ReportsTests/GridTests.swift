import TemporaryFolders
import Testing

import Reports

@Suite struct GridTests {
  @Test func armsAreComparedPairByPair() throws {
    let folder = try TemporaryFolder()
    _ = try folder.folder("base")
    _ = try folder.write(RunFolder.summary(accuracy: 0.25, correct: 1), to: "base/summary.json")
    // Right answers to problems 0 … 3 by seed.
    let right: [String: [Int: Set<Int>]] = ["distill": [1: [0], 2: [1]], "nlft": [1: [0, 1, 2], 2: [1, 2]]]
    for seed in [1, 2] {
      _ = try folder.folder("seed-\(seed)")
      _ = try folder.folder("seed-\(seed)/25")
      for (arm, seeds) in right {
        _ = try folder.folder("seed-\(seed)/25/\(arm)")
        let lines = (0..<4).map { #"{"id":"\#($0)","correct":\#(seeds[seed]?.contains($0) == true)}"# }
        _ = try folder.write(lines.joined(separator: "\n") + "\n", to: "seed-\(seed)/25/\(arm)/graded.jsonl")
      }
    }
    let experiment = try Experiment(folder: folder.path)
    let grid = try #require(experiment.grid)
    #expect(grid.arms == ["distill", "nlft"])
    let cell = try #require(grid.cell("nlft", 25))
    #expect(cell.seeds == [1, 2])
    #expect(cell.accuracy.mean == 0.625)
    #expect(cell.difference?.mean == 0.375)
    // By hand: residuals by problem −0.75, −0.75 + 1 … of the differences 0 0, 1 0, 1 1, 0 0 around 0.375 sum to
    // −0.75, 0.25, 1.25, −0.75; √(4/3 · 2.75) / 8.
    #expect(abs((cell.difference?.standardError ?? 0) - (4.0 / 3 * 2.75).squareRoot() / 8) < 1e-12)
    let page = try ReportPage(experiment, gnuplot: nil).html
    #expect(page.contains("<th scope=\"row\">nlft</th><td class=\"number\"><b>62.5</b>"))
    #expect(page.contains("+37.5<small>"))
    #expect(!page.contains("id=\"training\""))
  }
}
