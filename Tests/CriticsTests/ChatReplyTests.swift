import Critics
import Records
import ScriptedServers
import Testing
import Tokenizers

@Suite struct ChatReplyTests {
  private func critique(_ body: String) throws -> String { try ChatReply.critique(Array(body.utf8)) }

  @Test func requestIsWhatServersExpect() throws {
    let messages = [ChatMessage(role: .system, content: "Be \"brief\"."), ChatMessage(role: .user, content: "Why?\n")]
    let body = ChatReply.request(messages, model: "a/b", maximumTokens: 7)
    #expect(
      String(decoding: body, as: UTF8.self)
        == #"{"model":"a/b","messages":[{"role":"system","content":"Be \"brief\"."},"#
        + #"{"role":"user","content":"Why?\n"}],"max_tokens":7,"temperature":0}"#)
  }

  @Test(arguments: [
    (#" It is \n wrong. \n"#, "It is \n wrong."), (#"<think>\nHm.\n</think>\n\nWrong."#, "Wrong."),
    ("Hm.</think>Wrong.", "Wrong."), ("Wrong.<think>Or is", "Wrong."),
    ("<think>a</think>One.<think>b</think> Two.", "One. Two."), ("a < b, think> c", "a < b, think> c"),
  ])
  func wordsWithoutReasoning(_ content: String, _ expected: String) throws {
    #expect(try critique(ServedAnswer.completion("\"\(content)\"")) == expected)
  }

  @Test(arguments: [
    ("", "the critic's reply is not JSON: found nothing"),
    ("<html>\n <b>Bad</b>", "the critic's reply is not JSON: found <html> <b>Bad</b>"),
    ("{}", "the critic's reply has no choices[0].message.content: found {}"),
    (#"{"choices":[]}"#, #"the critic's reply has no choices[0].message.content: found {"choices":[]}"#),
    (#"{"choices":{"message":1}}"#, "the critic's reply has no choices[0].message.content: found {\"choices\":"),
    (
      ServedAnswer.completion("null", finish: "tool_calls"),
      #"the critic's reply has null as choices[0].message.content, expected a string (finish_reason "tool_calls")"#
    ),
    (ServedAnswer.completion("[]"), "the critic's reply has an array as choices[0].message.content, expected a string"),
    (ServedAnswer.completion("\" \\n \""), #"the critic wrote nothing (finish_reason "stop")"#),
    (
      ServedAnswer.completion("\"<think>Let me see\"", finish: "length"),
      #"the critic wrote only reasoning (finish_reason "length")"#
    ), (String(repeating: "x", count: 999), "found " + String(repeating: "x", count: 100) + "…"),
    ("\u{0}\u{1}", "the critic's reply is not JSON: found \u{0}\u{1}"),
    (String(repeating: "[", count: 5000), "the critic's reply is not JSON: found [["),
  ])
  func noCritique(_ body: String, _ reason: String) throws {
    let error = #expect(throws: RecordError.self) { try critique(body) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("\n") == false)
  }

  @Test(arguments: [
    (#"{"error":{"message":"No\nmodel x","type":"t"}}"#, "No model x"), (#"{"error":"busy"}"#, "busy"),
    (#"{"message":"gone"}"#, "gone"), (#"{"detail":"Not Found"}"#, "Not Found"), ("plain\r\ntext", "plain text"),
    (#"{"detail":[{"loc":1}]}"#, #"{"detail":[{"loc":1}]}"#), ("", nil),
  ])
  func whatServersSayOfFailures(_ body: String, _ message: String?) {
    #expect(ChatReply.failure(Array(body.utf8)) == message)
  }
}
