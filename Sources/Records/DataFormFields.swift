extension DataForm {
  /// Gives a record of this form the contract's fields.
  ///
  /// A contract field that has a value keeps it. `messages`, `conversations`, `prompt` and `completion` stay as they
  /// are; Alpaca's `instruction`, `input` and `output` go, because the contract gives these names other meanings.
  /// - Throws: `RecordError` if a field is missing or of another type, or holds what a record has no place for: several
  ///   user turns, tools, anything but text.
  public func convert(_ record: inout Record) throws(RecordError) {
    switch self {
    case .nlft: break
    case .gsm8k: try Self.checkFinalValue(of: record)
    case .messages: try Self.convertMessages(&record)
    case .completion: try Self.convertCompletion(&record)
    case .alpaca: try Self.convertAlpaca(&record)
    }
  }

  private static func checkFinalValue(of record: Record) throws(RecordError) {
    _ = try record.string("question")
    guard try record.string("answer").contains(finalValueMark) else {
      throw RecordError("field \"answer\": found no \"\(finalValueMark)\", expected the final value behind it")
    }
  }

  private static func convertMessages(_ record: inout Record) throws(RecordError) {
    let field = record.hasValue("messages") ? "messages" : "conversations"
    guard let value = record[field], !value.isNull else {
      throw RecordError("no field \"messages\" or \"conversations\"")
    }
    let turns = try ChatTurns(value, field: field)
    try refuse("tools", in: record)
    record.complete("instruction", with: turns.system)
    // LLaMA-Factory keeps the system turn of ShareGPT's conversations beside them.
    record.complete("instruction", with: try text("system", of: record))
    record.complete("question", with: turns.user)
    record.complete("answer", with: turns.assistant)
  }

  private static func convertCompletion(_ record: inout Record) throws(RecordError) {
    guard let prompt = record["prompt"], !prompt.isNull else { throw RecordError(missing: "prompt") }
    let asked =
      if let text = prompt.string { ChatTurns(user: text) } else { try ChatTurns(prompt, field: "prompt") }
    if asked.assistant != nil {
      throw RecordError("field \"prompt\": found an assistant turn, expected a user turn at its end")
    }
    try refuse("tools", in: record)
    let answer: String? =
      switch record["completion"] {
      case nil, .null: nil
      case .string(let text): text
      case let messages?: try ChatTurns.answer(messages, field: "completion")
      }
    record.complete("instruction", with: asked.system)
    record.complete("question", with: asked.user)
    record.complete("answer", with: answer)
  }

  private static func convertAlpaca(_ record: inout Record) throws(RecordError) {
    for field in ["question", "answer"] where record.hasValue(field) {
      throw RecordError("field \"\(field)\": found beside Alpaca's fields, expected only one of the two forms")
    }
    let instruction = try record.string("instruction")
    let input = try record.optionalString("input") ?? ""
    let output = try record.string("output")
    try refuse("history", in: record)
    let system = try text("system", of: record)
    for field in ["instruction", "input", "output", "question", "answer"] { record.remove(field) }
    record.complete("instruction", with: system)
    record.complete("question", with: input.isEmpty ? instruction : instruction + "\n\n" + input)
    record.complete("answer", with: output)
  }

  /// A text that may be absent, null or empty, which all mean the same.
  private static func text(_ field: String, of record: Record) throws(RecordError) -> String? {
    let text = try record.optionalString(field)
    return text?.isEmpty ?? true ? nil : text
  }

  /// Refuses a field that changes what the model is to see and has no place in a record, unless it is empty.
  private static func refuse(_ field: String, in record: Record) throws(RecordError) {
    switch record[field] {
    case nil, .null, .array([]), .string(""): return
    case let value?:
      throw RecordError("field \"\(field)\": found \(value.kind), expected none: a record has no place for it")
    }
  }
}

extension Record {
  /// Sets a text where the record has no value of its own.
  fileprivate mutating func complete(_ field: String, with text: String?) {
    if let text, !hasValue(field) { set(field, to: .string(text)) }
  }
}
