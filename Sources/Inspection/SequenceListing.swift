import Records
import Tensors

/// The places with a weight of one sequence of a loss.
struct SequenceListing {
  /// Its number in the frame.
  let number: Int
  let sequence: LossSequence
  /// What its tokens are, in the record's words; nil if that is not known.
  let parts: String?

  /// A sequence of a loss.
  /// - Parameter tokens: the record's token lists by their names.
  init(number: Int, _ sequence: LossSequence, tokens: [String: [Int32]]) {
    self.number = number
    self.sequence = sequence
    let pairs = ["base", "standard", "judge"].flatMap { prompt in ["output", "answer"].map { (prompt, $0) } }
    parts =
      pairs.first { prompt, response in
        guard let first = tokens[prompt], let second = tokens[response] else { return false }
        return first.count + second.count == sequence.tokens.count
          && sequence.tokens.prefix(first.count).elementsEqual(first)
          && sequence.tokens.suffix(second.count).elementsEqual(second)
      }.map { "tokens.\($0) + tokens.\($1)" }
  }

  private var title: String {
    "sequence \(number) of the loss: \(sequence.tokens.count) tokens\(parts.map { ", \($0)" } ?? ""); weights at "
      + "\(sequence.positions.count) places\n"
  }

  func table(_ names: TokenNames?) -> String {
    var columns: [(title: String, alignment: TextTable.Alignment)] = [("position", .right), ("target", .right)]
    if names != nil { columns.append(("text", .left)) }
    var table = TextTable(columns + [("likelihood", .right), ("unlikelihood", .right)])
    let texts = names?.visible(sequence.targets)
    for place in sequence.positions.indices {
      var cells = ["\(sequence.positions[place])", "\(sequence.targets[place])"]
      if let texts { cells.append(DisplayWidth.shortened(texts[place], to: 24)) }
      cells.append(NumberText.weight(sequence.likelihood[place]))
      cells.append(NumberText.weight(sequence.unlikelihood[place]))
      table.append(cells)
    }
    return title + (sequence.positions.isEmpty ? "" : table.text)
  }

  func jsonLines(id: JSON, _ names: TokenNames?) -> [JSON] {
    let texts = names?.json(sequence.targets)
    return sequence.positions.indices.map { place in
      .object(
        [
          JSON.Member("id", id), JSON.Member("sequence", .integer(number)),
          JSON.Member("position", .integer(Int(sequence.positions[place]))),
          JSON.Member("target", .integer(Int(sequence.targets[place]))),
        ] + (texts?[place] ?? []) + [
          JSON.Member("likelihood", .float(sequence.likelihood[place])),
          JSON.Member("unlikelihood", .float(sequence.unlikelihood[place])),
        ])
    }
  }
}
