/// Rows of text in aligned columns.
package struct TextTable {
  /// On which side a column is flush.
  package enum Alignment {
    case left
    case right
  }

  private let columns: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []

  /// A table without rows.
  package init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  /// Adds a row; as many cells as columns.
  package mutating func append(_ cells: [String]) { rows.append(cells) }

  /// Titles and rows, a line each, two spaces between the columns and none at the end.
  package var text: String {
    let lines = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in lines.map { DisplayWidth.columns(of: $0[column]) }.max() ?? 0 }
    var text = ""
    for cells in lines {
      var line = ""
      var gap = ""
      for (column, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - DisplayWidth.columns(of: cell))
        line += gap + (columns[column].alignment == .right ? padding + cell : cell)
        gap = (columns[column].alignment == .right ? "" : padding) + "  "
      }
      text += line.last == " " ? String(line.reversed().drop { $0 == " " }.reversed()) : line
      text += "\n"
    }
    return text
  }
}
