import Records
import Tensors
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A response token by token, with all that is known of each; every list is as long as the response, T.
struct ResponseListing {
  var tokens: [Int32]
  /// Natural logarithms of the tokens' probabilities, by prompt.
  var logProbabilities: [(prompt: String, values: [Float])] = []
  var classes: [TokenClass]?
  /// Likelihood and unlikelihood of the loss.
  var weights: [(likelihood: Float, unlikelihood: Float)]?
  /// What the model would have taken instead.
  var rankings: [TokenRanking]?

  init(tokens: [Int32]) { self.tokens = tokens }

  /// Likelihood and unlikelihood of a sequence's last tokens, if they are these; nil if its places lie elsewhere.
  static func weights(of sequence: LossSequence, tokens: [Int32]) -> [(likelihood: Float, unlikelihood: Float)]? {
    let start = sequence.tokens.count - tokens.count
    guard start > 0, sequence.tokens[start...].elementsEqual(tokens) else { return nil }
    var weights = [(likelihood: Float, unlikelihood: Float)](repeating: (0, 0), count: tokens.count)
    for (place, position) in sequence.positions.enumerated() {
      let index = Int(position) + 1 - start
      guard tokens.indices.contains(index), sequence.targets[place] == tokens[index] else { return nil }
      weights[index].likelihood += sequence.likelihood[place]
      weights[index].unlikelihood += sequence.unlikelihood[place]
    }
    return weights
  }

  /// The ratios that the methods look at, as far as both probabilities are known.
  private var ratios: [(name: String, title: String, values: [Double])] {
    [("standard", "base"), ("judge", "base"), ("judge", "standard")].compactMap { above, below in
      guard let upper = logProbabilities.first(where: { $0.prompt == above })?.values,
        let lower = logProbabilities.first(where: { $0.prompt == below })?.values
      else { return nil }
      return (
        "\(above)/\(below)", "\(above.prefix(1))/\(below.prefix(1))",
        zip(upper, lower).map { exp(Double($0) - Double($1)) }
      )
    }
  }

  /// Longer texts of tokens would push all columns behind them out of sight.
  private static let longestText = 24

  /// The table; tokens have texts if there are names for them.
  func table(_ names: TokenNames?) -> String {
    var columns: [(title: String, alignment: TextTable.Alignment, cell: (Int) -> String)] = [
      ("place", .right, { "\($0)" }), ("token", .right, { "\(tokens[$0])" }),
    ]
    if let texts = names?.visible(tokens) {
      columns.append(("text", .left, { DisplayWidth.shortened(texts[$0], to: Self.longestText) }))
    }
    for (prompt, values) in logProbabilities {
      columns.append((VisibleText.ofLine(prompt), .right, { NumberText.logarithm(values[$0]) }))
    }
    for (_, title, values) in ratios { columns.append((title, .right, { NumberText.ratio(values[$0]) })) }
    if let classes { columns.append(("class", .left, { classes[$0].name })) }
    if let weights {
      columns.append(("likelihood", .right, { NumberText.weight(weights[$0].likelihood) }))
      columns.append(("unlikelihood", .right, { NumberText.weight(weights[$0].unlikelihood) }))
    }
    if let rankings {
      columns.append(("p", .right, { NumberText.probability(exp(rankings[$0].logProbability)) }))
      columns.append(("rank", .right, { "\(rankings[$0].rank)" }))
      for place in 0..<(rankings.map(\.candidates.count).max() ?? 0) {
        columns.append(
          (
            "top \(place + 1)", .left,
            { index in
              let candidate = rankings[index].candidates[place]
              let text = names?.visible(candidate.token) ?? "\(candidate.token)"
              return NumberText.probability(exp(candidate.logProbability)) + " "
                + DisplayWidth.shortened(text, to: Self.longestText)
            }
          ))
      }
    }
    var table = TextTable(columns.map { ($0.title, $0.alignment) })
    for index in tokens.indices { table.append(columns.map { $0.cell(index) }) }
    return table.text
  }

  /// A line of JSON for each token.
  func jsonLines(id: JSON, _ names: TokenNames?) -> [JSON] {
    let texts = names?.json(tokens)
    let ratios = ratios
    return tokens.indices.map { index in
      var members = [
        JSON.Member("id", id), JSON.Member("place", .integer(index)),
        JSON.Member("token", .integer(Int(tokens[index]))),
      ]
      if let texts { members += texts[index] }
      if !logProbabilities.isEmpty {
        let values = logProbabilities.map { JSON.Member($0.prompt, .float($0.values[index])) }
        members.append(JSON.Member("logprob", .object(values)))
      }
      if !ratios.isEmpty {
        members.append(JSON.Member("ratio", .object(ratios.map { JSON.Member($0.name, .double($0.values[index])) })))
      }
      if let classes { members.append(JSON.Member("class", .string(classes[index].name))) }
      if let weights {
        members.append(JSON.Member("likelihood", .float(weights[index].likelihood)))
        members.append(JSON.Member("unlikelihood", .float(weights[index].unlikelihood)))
      }
      if let ranking = rankings?[index] {
        members.append(JSON.Member("rank", .integer(ranking.rank)))
        members.append(JSON.Member("logprob_now", .double(ranking.logProbability)))
        let candidates = ranking.candidates.map { candidate in
          JSON.object(
            [JSON.Member("token", .integer(Int(candidate.token)))] + (names?.json([candidate.token])[0] ?? [])
              + [JSON.Member("logprob", .double(candidate.logProbability))])
        }
        members.append(JSON.Member("top", .array(candidates)))
      }
      return .object(members)
    }
  }
}

extension TokenClass {
  /// In words.
  var name: String {
    switch self {
    case .plain: "plain"
    case .cluster: "cluster"
    case .salient: "salient"
    }
  }
}

extension TokenNames {
  /// The members of JSON objects that give tokens their texts: `text`, and `bytes` in hexadecimal where a token is no
  /// whole characters by itself.
  package func json(_ tokens: [Int32]) -> [[JSON.Member]] {
    tokens.map { token in
      let bytes = tokenizer.bytes(of: token)
      if let text = String(validating: bytes, as: UTF8.self) { return [JSON.Member("text", .string(text))] }
      let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return [
        JSON.Member("text", .string(String(decoding: bytes, as: UTF8.self))), JSON.Member("bytes", .string(digits)),
      ]
    }
  }
}
