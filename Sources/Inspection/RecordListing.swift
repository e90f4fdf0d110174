import Records
import Tensors
import Tokenizers
import Transformer

/// A prompt of a record.
public struct ListedPrompt: Sendable {
  /// Which one.
  public let kind: PromptKind
  /// Its tokens.
  public let tokens: [Int32]
  /// Whether the record carries these tokens; else they were made from its fields.
  public let isStored: Bool

  /// A prompt from its parts.
  public init(kind: PromptKind, tokens: [Int32], isStored: Bool) {
    self.kind = kind
    self.tokens = tokens
    self.isStored = isStored
  }
}

/// All that there is to see of a record, or of a frame without its record: as tables or as JSON Lines.
public struct RecordListing {
  /// The prompts to show.
  public var prompts: [ListedPrompt] = []
  private let record: Record?
  private let id: JSON
  private let frames: [InspectedFrame]
  private var response: ResponseListing?
  private var sequences: [SequenceListing] = []

  /// A record with its frames.
  /// - Parameter response: the response's tokens; nil if the record has none.
  /// - Throws: `RecordError` if a field is of another type, or scores are those of other tokens.
  public init(_ record: Record, frames: [InspectedFrame], response: [Int32]?) throws(RecordError) {
    self.record = record
    self.frames = frames
    id = record["id"] ?? .null
    var lists = try record.tokens(Self.lists)
    lists["output"] = response
    try fill(response: response, lists)
  }

  /// A frame of an archive by itself.
  public init(_ frame: InspectedFrame) throws(RecordError) {
    record = nil
    frames = [frame]
    id = frame.origin.id.map { .string($0) } ?? .null
    try fill(response: nil, [:])
  }

  private static let lists = ["base", "standard", "judge", "output", "answer"]

  private mutating func fill(response tokens: [Int32]?, _ lists: [String: [Int32]]) throws(RecordError) {
    response = tokens.map { ResponseListing(tokens: $0) }
    for frame in frames {
      guard case .scores(let scores) = frame.content else { continue }
      var listing = response ?? ResponseListing(tokens: scores.tokens)
      guard listing.tokens == scores.tokens else {
        throw RecordError("\(frame.reference): has scores of other tokens than the response's")
      }
      listing.logProbabilities += frame.logProbabilities.filter { one in
        !listing.logProbabilities.contains { $0.prompt == one.prompt }
      }
      response = listing
    }
    for frame in frames {
      guard case .loss(let loss) = frame.content else { continue }
      var isFolded = false
      for (number, sequence) in loss.sequences.enumerated() {
        if !isFolded, response?.weights == nil, let tokens = response?.tokens,
          let weights = ResponseListing.weights(of: sequence, tokens: tokens)
        {
          isFolded = true
          response?.weights = weights
          if loss.classes?.count == tokens.count { response?.classes = loss.classes }
        } else {
          sequences.append(SequenceListing(number: number, sequence, tokens: lists))
        }
      }
    }
  }

  /// Sets what the model would have taken at each place of the response.
  public mutating func setRankings(_ rankings: [TokenRanking]) {
    if rankings.count == response?.tokens.count { response?.rankings = rankings }
  }

  // MARK: Text

  /// Headings, prompts, frames and tables, with an empty line at the end.
  /// - Parameter names: texts of tokens; nil shows tokens by their numbers.
  public func text(_ names: TokenNames?) throws(RecordError) -> String {
    var text = try heading(hasNames: names != nil)
    for frame in frames { text += frame.text }
    for prompt in prompts {
      let origin = prompt.isStored ? "" : ", made from the record's fields"
      text += "\n-- \(prompt.kind.rawValue) prompt: \(prompt.tokens.count) tokens\(origin)\n"
      let shown = names?.prompt(prompt.tokens) ?? prompt.tokens.map { "\($0)" }.joined(separator: " ")
      text += shown + (shown.hasSuffix("\n") ? "" : "\n")
    }
    if let response, !response.tokens.isEmpty { text += "\n" + response.table(names) }
    for sequence in sequences { text += "\n" + sequence.table(names) }
    return text + "\n"
  }

  private func heading(hasNames: Bool) throws(RecordError) -> String {
    guard let record else { return id.isNull ? "" : "== \(VisibleText.ofLine(id.text))\n" }
    var words: [String] = []
    if record["judgment"] != nil || record["correct"] != nil {
      words.append(try record.isIncorrect() ? "incorrect" : "correct")
    }
    for key in ["predicted", "expected", "finish"] {
      if let value = record[key], !value.isNull {
        words.append("\(key) \(VisibleText.ofLine(value.string ?? value.text))")
      }
    }
    let name = record["id"] == nil ? "a record without id" : VisibleText.ofLine(id.text)
    var text = "== \(name)\(words.isEmpty ? "" : ": " + words.joined(separator: ", "))\n"
    let lists = try record.tokens(Self.lists)
    let counts = Self.lists.compactMap { part in lists[part].map { "\(part) \($0.count)" } }
    text += "tokens: \(counts.isEmpty ? "none" : counts.joined(separator: ", "))\n"
    // Without a tokenizer, the text of the tokens is known as a whole only.
    if !hasNames, let output = try record.optionalString("output") { text += "output: \(VisibleText.ofLine(output))\n" }
    return text
  }

  // MARK: JSON

  /// A line for each frame, prompt, response token and further place with a weight.
  /// - Parameter names: texts of tokens; nil leaves them out.
  public func jsonLines(_ names: TokenNames?) -> String {
    var lines = frames.map { $0.json(id: id) }
    for prompt in prompts {
      var members = [
        JSON.Member("id", id), JSON.Member("prompt", .string(prompt.kind.rawValue)),
        JSON.Member("stored", .bool(prompt.isStored)), JSON.Member("count", .integer(prompt.tokens.count)),
      ]
      if let names {
        members.append(JSON.Member("text", .string(names.tokenizer.decode(prompt.tokens, skipSpecial: false))))
      }
      members.append(JSON.Member("tokens", .array(prompt.tokens.map { .integer(Int($0)) })))
      lines.append(.object(members))
    }
    lines += response?.jsonLines(id: id, names) ?? []
    for sequence in sequences { lines += sequence.jsonLines(id: id, names) }
    return lines.map { $0.text + "\n" }.joined()
  }
}
