extension ServedAnswer {
  /// What a chat endpoint answers when all is well.
  /// - Parameter text: The words, without characters that JSON escapes.
  public static func words(_ text: String) -> ServedAnswer {
    .reply(status: 200, headers: ["Content-Type: application/json"], body: completion("\"\(text)\""))
  }

  /// The body of a completion whose content is `content`, in JSON.
  public static func completion(_ content: String, finish: String = "stop") -> String {
    #"{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":\#(content)},"#
      + #""finish_reason":"\#(finish)"}],"usage":{"total_tokens":9}}"#
  }
}
