import Records
import Tokenizers

/// The JSON that goes to a chat endpoint and comes back.
package enum ChatReply {
  /// The body of a request: the most likely words, at most `maximumTokens` tokens of them.
  package static func request(_ messages: [ChatMessage], model: String, maximumTokens: Int) -> [UInt8] {
    JSON.object([
      "model": .string(model),
      "messages": .array(
        messages.map { .object(["role": .string($0.role.rawValue), "content": .string($0.content)]) }),
      "max_tokens": .integer(maximumTokens), "temperature": .integer(0),
    ]).encoded
  }

  /// The critique in a reply's body, without the reasoning that led to it.
  /// - Throws: `RecordError` that says what came instead.
  package static func critique(_ body: [UInt8]) throws(RecordError) -> String {
    let json: JSON
    do { json = try JSON(parsing: body) } catch {
      throw RecordError("the critic's reply is not JSON: found \(shown(body, limit: 100))")
    }
    guard let choice = json["choices"]?.array?.first, let content = choice["message"]?["content"] else {
      throw RecordError("the critic's reply has no choices[0].message.content: found \(shown(body, limit: 100))")
    }
    let ending = choice["finish_reason"]?.string.map { " (finish_reason \(JSON.string(String($0.prefix(40))).text))" }
    guard let text = content.string else {
      throw RecordError(
        "the critic's reply has \(content.kind) as choices[0].message.content, expected a string\(ending ?? "")")
    }
    let critique = withoutReasoning(text).trimmed
    guard critique.isEmpty else { return critique }
    let found = text.trimmed.isEmpty ? "nothing" : "only reasoning"
    throw RecordError("the critic wrote \(found)\(ending ?? "")")
  }

  /// Text without what stands between `<think>` and `</think>`. The opening mark may be missing, where the prompt ended
  /// with it, and so may the closing one, where the reply was cut.
  private static func withoutReasoning(_ text: String) -> String {
    var kept = ""
    var rest = text[...]
    while let close = rest.firstRange(of: "</think>") {
      if let open = rest[..<close.lowerBound].firstRange(of: "<think>") {
        kept += rest[..<open.lowerBound]
      } else {
        kept = ""
      }
      rest = rest[close.upperBound...]
    }
    return kept + (rest.firstRange(of: "<think>").map { rest[..<$0.lowerBound] } ?? rest)
  }

  /// What a server says of a failure, on one line, not too long; nil if it says nothing.
  package static func failure(_ body: [UInt8]) -> String? {
    let json = try? JSON(parsing: body)
    let error = json?["error"]
    let message = error?["message"] ?? error ?? json?["message"] ?? json?["detail"]
    let text = message?.string.map { Array($0.utf8) } ?? body
    return text.isEmpty ? nil : shown(text, limit: 200)
  }

  /// The beginning of a body on one line: every run of white space is one space.
  private static func shown(_ body: [UInt8], limit: Int) -> String {
    let start = String(decoding: body.prefix(4 * limit), as: UTF8.self)
    let line = start.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard !line.isEmpty else { return "nothing" }
    return line.count > limit ? line.prefix(limit) + "…" : line
  }
}

extension String {
  /// The text without white space at its ends.
  var trimmed: String {
    let space: (Character) -> Bool = { $0.isWhitespace }
    return String(drop(while: space).reversed().drop(while: space).reversed())
  }
}
