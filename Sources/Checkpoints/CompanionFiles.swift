import Records
import Tokenizers

/// The files of a Hugging Face model directory beside the weights.
enum CompanionFiles {
  typealias File = (name: String, bytes: [UInt8])

  /// What transformers knows a tokenizer and its template by, in all their spellings.
  private static let copied = [
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
  ]

  /// All names that a file here may have.
  static let names = ["config.json"] + copied

  /// The files of another directory; config.json names the new type.
  static func copies(from directory: String, type: WeightType) throws -> [File] {
    let configuration = try JSONFile(directory: directory, name: "config.json")
    var members = configuration.value.members ?? []
    let name = JSON.string(type.configurationName)
    let places = members.indices.filter { ["dtype", "torch_dtype"].contains(members[$0].key) }
    for place in places { members[place].value = name }
    if places.isEmpty { members.append(JSON.Member("torch_dtype", name)) }
    var files: [File] = [("config.json", Array(JSON.object(members).indentedText.utf8))]
    for name in copied {
      guard let bytes = try WholeFile.bytesIfPresent(directory + "/" + name) else { continue }
      if bytes.starts(with: "version https://git-lfs".utf8) {
        throw CheckpointError(directory + "/" + name, "a Git LFS pointer, expected the file itself (git lfs pull)")
      }
      files.append((name, bytes))
    }
    return files
  }

  /// The files that say the same as a GGUF's metadata.
  static func generated(from path: String, _ configuration: ModelConfiguration, type: WeightType) throws -> [File] {
    let file = try GGUFFile(path: path)
    let stops = try ModelTokenizer.open(path).stopTokens.sorted().map { JSON.integer(Int($0)) }
    let vocabulary = try file.vocabulary()
    let special = SpecialTokens(
      begin: vocabulary.beginOfText, end: vocabulary.endOfText, unknown: try file.namedToken("unknown"),
      padding: try file.namedToken("padding"), stops: stops.count == 1 ? stops[0] : .array(stops))
    let tokenizerConfiguration = special.tokenizerConfiguration(
      vocabulary.tokens, template: try file.string("tokenizer.chat_template"),
      contextLength: configuration.contextLength)
    let files: [(String, JSON)] = [
      ("config.json", try configuration.huggingFace(special, type: type, source: path)),
      ("generation_config.json", .object(special.ids)),
      ("tokenizer.json", try TokenizerExport(vocabulary: vocabulary).json()),
      ("tokenizer_config.json", tokenizerConfiguration),
    ]
    return files.map { ($0.0, Array($0.1.indentedText.utf8)) }
  }
}

/// The tokens that a model's files name for a purpose.
struct SpecialTokens {
  let begin: Int32?
  let end: Int32?
  let unknown: Int32?
  let padding: Int32?
  /// One id, or an array of all that end a response.
  let stops: JSON

  /// The ids under the keys that config.json and generation_config.json share.
  var ids: [JSON.Member] {
    func id(_ token: Int32?) -> JSON { token.map { .integer(Int($0)) } ?? .null }
    return [
      JSON.Member("bos_token_id", id(begin)), JSON.Member("eos_token_id", stops),
      JSON.Member("pad_token_id", id(padding)),
    ]
  }

  /// tokenizer_config.json.
  func tokenizerConfiguration(_ tokens: [String], template: String?, contextLength: Int) -> JSON {
    // The class that takes tokenizer.json as it is; classes of one model would rebuild its stages by their own rules.
    var members = [JSON.Member("tokenizer_class", .string("PreTrainedTokenizerFast"))]
    for (name, token) in [("bos", begin), ("eos", end), ("unk", unknown), ("pad", padding)] {
      guard let token, tokens.indices.contains(Int(token)) else { continue }
      members.append(JSON.Member("\(name)_token", .string(tokens[Int(token)])))
    }
    if let template { members.append(JSON.Member("chat_template", .string(template))) }
    members.append(JSON.Member("clean_up_tokenization_spaces", .bool(false)))
    members.append(JSON.Member("model_max_length", .integer(contextLength)))
    return .object(members)
  }
}
