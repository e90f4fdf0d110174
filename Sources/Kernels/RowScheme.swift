/// By how many rows the kernels of a product are chosen, which round differently from each other.
///
/// A row's results depend on the rows beside it under `asTheyCome` alone: to float32 rounding, but a token sampled from
/// them may be another one. Generating and scoring want the same bytes whatever else is under way.
public enum RowScheme: Sendable, Equatable {
  /// The fastest kernels for the rows that there are.
  case asTheyCome
  /// As if there were many rows: whole prompts and responses.
  case tall
  /// As if there were so many rows, each the next token of a sequence of its own; there are never more.
  case batch(Int)

  /// How many rows a product of `rows` rows is to be done as.
  func kernelRows(_ rows: Int) -> Int {
    switch self {
    case .asTheyCome: rows
    case .tall: .max
    case .batch(let most): max(rows, most)
    }
  }

  /// Whether each row is the next token of a sequence of its own.
  var isBatch: Bool { if case .batch = self { true } else { false } }
}
