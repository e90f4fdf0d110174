import Foundation

extension Results {
  /// The table as text.
  var table: String {
    let header = ["job", "", "ours", "peer", "", "ratio", "of peak", "memory", "peer's", "goal"]
    let cells = [header] + rows.map(\.cells)
    let widths = header.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    let alignedRight: Set = [2, 3, 5, 6, 7, 8]
    let lines = cells.map { row in
      let padded = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return alignedRight.contains(column) ? space + cell : cell + space
      }
      return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }
    let peaks = peakGflops.map { String(format: "%.0f", $0) }.joined(separator: " before and ")
    var text = lines.joined(separator: "\n") + "\n\n"
    text +=
      "\(processor), \(threads) \(threads == 1 ? "thread" : "threads"); SGEMM peak (\(openblasCore)) \(peaks) GFLOP/s"
    text += peakGflops.count > 1 ? " after the jobs" : ""
    text += "; commit \(commit.prefix(12)), \(date)\n"
    for (job, reason) in failures.sorted(by: { $0.key < $1.key }) { text += "\(job) failed: \(reason)\n" }
    return text
  }
}

extension Row {
  fileprivate var cells: [String] {
    func value(_ figure: Figure?) -> String { figure.map { "\(Self.digits($0.value)) \(unit)" } ?? "-" }
    func memory(_ figure: Figure?) -> String { figure?.peak.map { Self.memory($0) } ?? "-" }
    return [
      job, measure, value(ours), value(peer), peerName ?? "", ratio.map { Self.digits($0) + "×" } ?? "-",
      share.map { String(format: "%.0f %%", 100 * $0) } ?? "-", memory(ours), memory(peer), goal,
    ]
  }

  /// One line, as soon as the row is known.
  var line: String { cells.dropFirst().filter { !$0.isEmpty && $0 != "-" }.joined(separator: "  ") }

  /// Three digits that count.
  private static func digits(_ value: Double) -> String {
    let places = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
    return String(format: "%.\(places)f", value)
  }

  private static func memory(_ bytes: Double) -> String {
    abs(bytes) >= 1e9 ? String(format: "%.2f GB", bytes * 1e-9) : String(format: "%.0f MB", bytes * 1e-6)
  }
}
