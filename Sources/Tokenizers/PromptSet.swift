import Records
import Templates

/// The prompts under which a model reads or writes.
public enum PromptKind: String, Sendable, CaseIterable {
  /// The question alone.
  case base
  /// The question with the standard answer.
  case standard
  /// The question with the critique of an incorrect response.
  case judge
  /// Asks for a critique of an incorrect response.
  case critique
}

/// A value that a prompt has a hole for.
public enum PromptHole: String, Sendable, CaseIterable {
  /// The system turn of the data.
  case instruction
  /// The question.
  case question
  /// The standard answer.
  case answer
  /// The critique of a response.
  case judgment
  /// The response.
  case output
}

/// The values of a record that prompts are filled with; nil for what the record lacks.
public struct PromptFields: Sendable, Equatable {
  /// The system turn of the data.
  public var instruction: String?
  /// The question.
  public var question: String?
  /// The standard answer.
  public var answer: String?
  /// The critique of a response.
  public var judgment: String?
  /// The response.
  public var output: String?

  /// Values by name; what is left out is missing.
  public init(
    instruction: String? = nil, question: String? = nil, answer: String? = nil, judgment: String? = nil,
    output: String? = nil
  ) {
    self.instruction = instruction
    self.question = question
    self.answer = answer
    self.judgment = judgment
    self.output = output
  }

  /// The value for a hole, or nil if the record lacks it.
  public subscript(hole: PromptHole) -> String? {
    switch hole {
    case .instruction: instruction
    case .question: question
    case .answer: answer
    case .judgment: judgment
    case .output: output
    }
  }
}

/// Why prompts cannot be read or filled.
public enum PromptError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The prompts of `source` are not what they should be.
  case malformed(source: String, reason: String)
  /// A record lacks a field that a prompt needs.
  case missingField(PromptHole, PromptKind)

  /// What was found and what was expected, on one line.
  public var description: String {
    switch self {
    case .malformed(let source, let reason): "\(source): \(reason)"
    case .missingField(let hole, let kind):
      "the field \"\(hole.rawValue)\" is missing, which the \(kind.rawValue) prompt needs"
    }
  }
}

/// System and user texts of the four prompts, with holes for the fields of a record.
public struct PromptSet: Sendable {
  private struct Prompt: Sendable {
    var system: PromptText
    var user: PromptText
    /// The fields without which it cannot be filled.
    var required: Set<PromptHole>

    init(system: PromptText, user: PromptText) {
      self.system = system
      self.user = user
      required = user.holes.union(system.isInstructionAlone ? [] : system.holes)
    }
  }

  private var prompts: [PromptKind: Prompt] = [:]
  /// Variables for the model's chat template, such as `enable_thinking`.
  public let templateVariables: [TemplateValue.Entry]
  /// FNV-1a (64 bits, hexadecimal) over all texts, and the template's variables if there are any.
  public let fingerprint: String

  /// Prompts from an object with the members base, standard, judge and critique, each `{"system": …, "user": …}`.
  ///
  /// `system` may be absent. A member "template" may hold variables for the model's chat template by their names. Holes are `{instruction}`, `{question}`, `{answer}`, `{judgment}`, `{output}`;
  /// `{{` and `}}` stand for braces.
  /// - Parameter source: the file's name, for messages.
  /// - Throws: `PromptError.malformed` for a missing or unknown member, an unknown hole, or a lone brace.
  public init(_ json: JSON, source: String) throws(PromptError) {
    func malformed(_ reason: String) -> PromptError { .malformed(source: source, reason: reason) }
    guard let members = json.members else { throw malformed("the prompts are \(json.kind), not an object") }
    for member in members where PromptKind(rawValue: member.key) == nil && member.key != "template" {
      let known = (PromptKind.allCases.map(\.rawValue) + ["template"]).joined(separator: ", ")
      throw malformed("there is no prompt \(member.key.quotedForMessage); prompts are \(known)")
    }
    var fingerprint = Fingerprint()
    for kind in PromptKind.allCases {
      guard let entry = json[kind.rawValue] else { throw malformed("the prompt \"\(kind.rawValue)\" is missing") }
      guard let parts = entry.members else { throw malformed("\(kind.rawValue) is \(entry.kind), not an object") }
      var texts = ["system": "", "user": ""]
      for part in parts {
        guard texts[part.key] != nil else {
          throw malformed("\(kind.rawValue).\(part.key) is unknown; a prompt has \"system\" and \"user\"")
        }
        guard let text = part.value.string else {
          throw malformed("\(kind.rawValue).\(part.key) is \(part.value.kind), not a string")
        }
        texts[part.key] = text
      }
      guard let system = texts["system"], let user = texts["user"], !user.isEmpty else {
        throw malformed("\(kind.rawValue).user is missing or empty")
      }
      do {
        prompts[kind] = Prompt(system: try PromptText(system), user: try PromptText(user))
      } catch {
        throw malformed("\(kind.rawValue): \(error.reason)")
      }
      fingerprint.add(system.utf8)
      fingerprint.add(user.utf8)
    }
    templateVariables = try Self.variables(json["template"], source: source)
    if !templateVariables.isEmpty, let variables = json["template"] { fingerprint.add(variables.text) }
    self.fingerprint = fingerprint.hexadecimal
  }

  private static func variables(_ json: JSON?, source: String) throws(PromptError) -> [TemplateValue.Entry] {
    guard let json, !json.isNull else { return [] }
    guard case .dictionary(let entries) = TemplateValue(json) else {
      throw .malformed(source: source, reason: "template is \(json.kind), not an object of variables")
    }
    for name in ["messages", "add_generation_prompt"] where entries.contains(where: { $0.key == name }) {
      throw .malformed(source: source, reason: "template.\(name) cannot be set: it comes from the records")
    }
    return entries
  }

  /// The fields without which a prompt cannot be filled.
  ///
  /// An instruction that is the whole system text is not among them: without it there is no system message.
  public func requiredFields(_ kind: PromptKind) -> Set<PromptHole> {
    prompts[kind]?.required ?? []
  }

  /// The messages of a prompt, filled with the fields of a record; a system message only if its text is not empty.
  /// - Throws: `PromptError.missingField` with the first hole that has no value.
  public func messages(_ kind: PromptKind, fields: PromptFields) throws(PromptError) -> [ChatMessage] {
    guard let prompt = prompts[kind] else { return [] }
    var messages: [ChatMessage] = []
    if !(prompt.system.isInstructionAlone && (fields.instruction ?? "").isEmpty) {
      let system = try prompt.system.filled(with: fields, for: kind)
      if !system.isEmpty { messages.append(ChatMessage(role: .system, content: system)) }
    }
    messages.append(ChatMessage(role: .user, content: try prompt.user.filled(with: fields, for: kind)))
    return messages
  }
}
