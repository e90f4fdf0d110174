import Records
import Saliency
import Tensors
import Tokenizers

/// One record as a page holds it: its texts, and all that the methods read, for the page to weigh its tokens anew.
public struct MapRecord: Sendable {
  /// JSON on one line, without `<`.
  let encoded: [UInt8]

  /// The fields of a record that are shown; the others may be long and stay behind.
  private static let shown: Set<String> = [
    "id", "question", "input", "instruction", "answer", "output", "judgment", "finish", "predicted", "expected",
    "correct", "source",
  ]

  /// Takes from a record and its scores what the page needs.
  /// - Parameters:
  ///   - record: the record, whose texts go into the page as they came.
  ///   - scored: its tokens, and its scores with the hidden states; nil if they could not be read.
  ///   - trouble: why they could not.
  ///   - tokenizer: gives the tokens their texts.
  ///   - limits: for which cluster limits the page is.
  ///   - shuffling: the seed by which weights are shuffled.
  public init(
    _ record: Record, scored: ScoredRecord?, trouble: String? = nil, tokenizer: Tokenizer? = nil,
    limits: ClusterLimits, shuffling: UInt64? = nil
  ) {
    var texts = record
    for key in record.keys where !Self.shown.contains(key) { texts.remove(key) }
    var members: [JSON.Member] = []
    func add(_ key: String, _ value: JSON?) {
      if let value { members.append(JSON.Member(key, value)) }
    }
    // Numbers lose digits in a page.
    add("id", record.idText.map { .string($0) })
    add("trouble", trouble.map { .string($0) })
    if let scored {
      add("incorrect", .bool(scored.isIncorrect))
      add("prompts", Self.lengths(scored))
      add("answerTokens", scored.answer.map { .integer($0.count) })
      if let response = scored.response {
        add("tokens", .string(NumberText.text(response)))
        if let tokenizer {
          add("texts", .array(TokenText.texts(of: response, by: tokenizer).map(\.json)))
          add("special", .array(response.indices.filter { tokenizer.isSpecial(response[$0]) }.map { .integer($0) }))
        }
        if let shuffling {
          let order = TokenWeights.shuffledOrder(count: response.count, seed: shuffling, id: scored.id)
          add("order", .string(NumberText.text(lengths: order)))
        }
      }
      if let scores = scored.scores {
        add("base", scores.base.map { .string(NumberText.text($0)) })
        add("standard", scores.standard.map { .string(NumberText.text($0)) })
        add("judge", scores.judge.map { .string(NumberText.text($0)) })
        if let hidden = scores.hidden {
          if let reach = ClusterReach(hidden: hidden, count: scores.tokens.count, limits: limits) {
            add("near", .string(Self.text(reach.near)))
            add("far", .string(Self.text(reach.far)))
          } else {
            add("statesTrouble", .string(Self.trouble(hidden, count: scores.tokens.count)))
          }
        }
      }
    }
    // What is in the record stays as it came, digit for digit; `<` stands in strings only, and may be escaped there.
    let json = Array(#"{"record":"#.utf8) + texts.encoded + Array(",".utf8) + JSON.object(members).encoded.dropFirst()
    encoded = Self.escaped(members.isEmpty ? Array(#"{"record":"#.utf8) + texts.encoded + Array("}".utf8) : json)
  }

  private static func lengths(_ scored: ScoredRecord) -> JSON {
    let prompts = [
      ("base", scored.basePrompt), ("standard", scored.standardPrompt), ("judge", scored.judgePrompt),
    ]
    return .object(prompts.compactMap { name, tokens in tokens.map { JSON.Member(name, .integer($0.count)) } })
  }

  private static func trouble(_ hidden: ScoresFrame.Hidden, count: Int) -> String {
    count > ClusterReach.longestResponse
      ? "clusters are not shown for responses of more than \(ClusterReach.longestResponse) tokens"
      : "\"hidden.base\" does not hold a finite state for each token"
  }

  /// For each token the number of its steps, then opening (from the one before), left and right of each.
  private static func text(_ reaches: [[ClusterReach.Step]]) -> String {
    var numbers: [Int] = []
    for steps in reaches {
      numbers.append(steps.count)
      var opening = 0
      for step in steps {
        numbers += [step.opening - opening, step.left, step.right]
        opening = step.opening
      }
    }
    return NumberText.text(lengths: numbers)
  }

  /// JSON that can stand in a script element: nothing in it looks like markup.
  static func escaped(_ json: [UInt8]) -> [UInt8] {
    var escaped: [UInt8] = []
    escaped.reserveCapacity(json.count)
    for byte in json {
      if byte == UInt8(ascii: "<") {
        escaped.append(contentsOf: #"\u003c"#.utf8)
      } else {
        escaped.append(byte)
      }
    }
    return escaped
  }
}

extension TokenText {
  /// A string; for tokens that belong together an array of their text and the bytes of each in hexadecimal; 0 for one
  /// that goes on.
  fileprivate var json: JSON {
    switch self {
    case .whole(let text): .string(text)
    case .joined(let text, let parts): .array([.string(text)] + parts.map { .string(Self.hexadecimal($0)) })
    case .continued: .integer(0)
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}
