/// The forms in which people keep questions and answers.
///
/// A form says which fields of a record become the contract's `instruction`, `question` and `answer`.
public enum DataForm: String, Sendable, CaseIterable {
  /// The contract's own fields, which the reference implementation's files have too.
  case nlft
  /// The same, each answer with its final value behind `#### `.
  case gsm8k
  /// Chat: `messages` of role and content, or `conversations` of from and value as ShareGPT has them.
  case messages
  /// `prompt` and `completion`, texts or messages, as TRL has them.
  case completion
  /// `instruction`, `input` and `output` as Alpaca has them: the output is the standard answer.
  case alpaca

  /// What stands before the final value of a GSM8K answer.
  static let finalValueMark = "#### "

  /// Fields that only records of the contract have. With one of them, `output` is a response and no standard answer.
  private static let contractFields = [
    "answer", "judgment", "finish", "predicted", "correct", "tokens", "scores", "loss",
  ]

  /// The form that a record's fields tell: `nlft` if it has a `question` or `tokens`, else the first of `messages`,
  /// `completion`, `alpaca` and, with an `input`, `nlft` whose fields are there; nil if none is.
  ///
  /// Only names count: a field of the wrong type is the record's fault and no other form. `gsm8k` is never given, for
  /// its fields are those of `nlft`.
  public init?(detecting record: Record) {
    if record.hasValue("question") || record.hasValue("tokens") {
      self = .nlft
    } else if record.hasValue("messages") || record.hasValue("conversations") {
      self = .messages
    } else if record.hasValue("prompt"), record.hasValue("completion") {
      self = .completion
    } else if record.hasValue("instruction"), record.hasValue("output"),
      !Self.contractFields.contains(where: { record.keys.contains($0) })
    {
      self = .alpaca
    } else if record.hasValue("input") {
      self = .nlft
    } else {
      return nil
    }
  }

  /// What a person should know about the form of a record: which fields it has, and which of them is the standard
  /// answer.
  func description(of record: Record) -> String {
    switch self {
    case .nlft, .gsm8k:
      let names = ["instruction", "question", "input", "answer", "output", "judgment", "tokens"].filter {
        // The alias counts only where the name itself is absent.
        record.keys.contains($0) && !($0 == "input" && record.hasValue("question"))
      }
      let isGSM8K = (try? record.optionalString("answer"))??.contains(Self.finalValueMark) ?? false
      return (isGSM8K && !record.hasValue("output") ? "GSM8K problems: " : "records of nlft: ")
        + names.joined(separator: ", ")
    case .messages:
      return record.hasValue("messages")
        ? "chat messages; the last assistant turn is the standard answer"
        : "ShareGPT conversations; the last gpt turn is the standard answer"
    case .completion: return "prompt and completion; the completion is the standard answer"
    case .alpaca: return "Alpaca records; the output is the standard answer"
    }
  }

  /// Why a record without a form cannot be used.
  static func unknown(_ record: Record) -> RecordError {
    let shown = 8
    let keys = record.keys.filter { $0 != "id" }
    var names = keys.prefix(shown).map { JSON.string(String($0.prefix(40))).text }.joined(separator: ", ")
    if keys.count > shown { names += ", …" }
    return RecordError(
      "of no known form: found \(names.isEmpty ? "no fields but id" : "the fields " + names), expected \"question\", \"messages\", \"conversations\", \"prompt\" and \"completion\", or \"instruction\" and \"output\""
    )
  }
}

extension Record {
  /// Whether there is a field of this name that is not null.
  func hasValue(_ key: String) -> Bool { raw(key).map { !$0.elementsEqual("null".utf8) } ?? false }
}
