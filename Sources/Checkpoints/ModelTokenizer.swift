import Records
import Tokenizers

/// A model's tokenizer with its chat template.
public struct ModelTokenizer: Sendable {
  /// Text to tokens and back.
  public let tokenizer: Tokenizer
  /// How the model wants a conversation written.
  public let template: any ChatTemplate
  /// The token that ends a complete response.
  public let endOfTurn: Int32
  /// Every token that ends a response when the model generates it.
  public let stopTokens: Set<Int32>

  /// Opens the tokenizer of a .gguf file or a Hugging Face directory, without the weights.
  /// - Throws: `CheckpointError`, `TokenizerError` or `TensorError` naming the file and what is wrong with it.
  public static func open(_ path: String) throws -> ModelTokenizer {
    switch try ModelLocation(path) {
    case .gguf(let path): try ModelTokenizer(gguf: GGUFFile(path: path))
    case .directory(let path): try ModelTokenizer(directory: path)
    }
  }

  private init(tokenizer: Tokenizer, jinja: String?, stops: [Int], source: String) throws {
    self.tokenizer = tokenizer
    template = try chatTemplate(jinja: jinja, tokenizer: tokenizer, source: source)
    guard let end = tokenizer.token(named: template.endOfTurn) else {
      throw CheckpointError(source, "the vocabulary lacks \(template.endOfTurn), which ends a turn")
    }
    endOfTurn = end
    var stopTokens: Set<Int32> = [end]
    if let endOfText = tokenizer.endOfText { stopTokens.insert(endOfText) }
    for stop in stops {
      guard let token = Int32(exactly: stop), tokenizer.contains(token) else {
        throw CheckpointError(source, "the end token \(stop) is outside the vocabulary")
      }
      stopTokens.insert(token)
    }
    self.stopTokens = stopTokens
  }

  private init(gguf file: GGUFFile) throws {
    let stops = try ["eos", "eot"].compactMap { try file.integer("tokenizer.ggml.\($0)_token_id") }
    try self.init(
      tokenizer: Tokenizer(vocabulary: file.vocabulary()), jinja: file.string("tokenizer.chat_template"),
      stops: stops, source: file.path)
  }

  /// Vocabularies have many short words: the largest in use, of a quarter million tokens, takes 115 MiB.
  private static let vocabularyRoom = 128 << 20
  /// More than a template may have, so that it is the template that refuses it.
  private static let longestTemplate = 4 << 20

  private init(directory: String) throws {
    let file = try JSONFile(directory: directory, name: "tokenizer.json", room: Self.vocabularyRoom)
    let configuration = try JSONFile(ifPresentIn: directory, name: "tokenizer_config.json")
    let tokenizer = try Tokenizer(
      tokenizerJSON: file.value, configuration: configuration?.value, source: file.path)
    var stops: [Int] = []
    for name in ["generation_config.json", "config.json"] {
      guard let file = try JSONFile(ifPresentIn: directory, name: name), let end = file["eos_token_id"] else {
        continue
      }
      let ids = end.array ?? [end]
      for id in ids {
        guard let number = id.integer else {
          throw CheckpointError(file.path, "\"eos_token_id\" holds \(id.kind), expected integers")
        }
        stops.append(number)
      }
      break
    }
    try self.init(
      tokenizer: tokenizer, jinja: Self.jinja(directory, configuration), stops: stops, source: directory)
  }

  /// The template stands in a file of its own or in tokenizer_config.json, there alone or as one of several.
  private static func jinja(_ directory: String, _ configuration: JSONFile?) throws -> String? {
    if let bytes = try WholeFile.bytesIfPresent(directory + "/chat_template.jinja", limit: longestTemplate) {
      try GitPointer.refuse(bytes, directory + "/chat_template.jinja")
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CheckpointError(directory + "/chat_template.jinja", "not UTF-8")
      }
      return text
    }
    switch configuration?["chat_template"] {
    case nil: return nil
    case .string(let text)?: return text
    case .array(let templates)?:
      return templates.first { $0["name"]?.string == "default" }?["template"]?.string
    case let other?:
      throw CheckpointError(configuration?.path ?? directory, "\"chat_template\" is \(other.kind), expected a string")
    }
  }
}
