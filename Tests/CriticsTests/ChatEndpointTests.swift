import Critics
import Testing

@Suite struct ChatEndpointTests {
  private func endpoint(_ text: String) throws -> ChatEndpoint {
    try ChatEndpoint(text, model: "m", key: ChatKey(variable: "KEY", text: ""))
  }

  @Test(arguments: [
    ("http://localhost:8000/v1", "http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"),
    ("HTTP://localhost:8000/v1//", "http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"),
    ("https://[::1]", "https://[::1]", "https://[::1]/chat/completions"),
    ("https://h/v1/chat/completions", "https://h/v1/chat/completions", "https://h/v1/chat/completions"),
    ("https://me:pa@ss@h:1/v1?key=k#f", "https://h:1/v1", "https://me:pa@ss@h:1/v1/chat/completions?key=k"),
    ("https://h?v=1/2", "https://h", "https://h/chat/completions?v=1/2"),
    ("https://h/a@b/v1", "https://h/a@b/v1", "https://h/a@b/v1/chat/completions"),
  ])
  func address(_ text: String, _ shown: String, _ address: String) throws {
    let endpoint = try endpoint(text)
    #expect(endpoint.shown == shown)
    #expect(endpoint.address == address)
  }

  @Test(arguments: [
    ("localhost:8000/v1", "the address does not begin with http:// or https://"),
    ("ftp://h", "the address does not begin with http:// or https://"), ("http://", "the address names no host"),
    ("http://:80/v1", "the address names no host"), ("http://me:secret@/v1", "the address names no host"),
    ("http://h/\nX: y", "the address has spaces or characters other than ASCII"),
    ("http://bücher/", "the address has spaces or characters other than ASCII"),
  ])
  func noAddress(_ text: String, _ reason: String) throws {
    #expect(throws: CriticError(reason)) { try endpoint(text) }
  }

  @Test func secretsAreHidden() throws {
    let key = try ChatKey(variable: "KEY", text: "sk-1234")
    let endpoint = try ChatEndpoint("https://me:hush@h/v1?token=t0", model: "m", key: key)
    #expect(
      endpoint.redacted("no sk-1234, sk-1234 nor me:hush, hush, ?token=t0: m")
        == "no (hidden), (hidden) nor (hidden), (hidden), ?(hidden): m")
  }

  @Test(arguments: ["a b", "a\r\nX: y", "ä"]) func noKey(text: String) throws {
    let error = #expect(throws: CriticError.self) { try ChatKey(variable: "KEY", text: text) }
    #expect(error?.description == "the key in KEY has characters other than visible ASCII")
  }

  @Test func emptyKeyIsNone() throws {
    #expect(try !ChatKey(variable: "KEY", text: "").isSet)
    #expect(try !ChatKey(variable: "NLFT_NO_SUCH_KEY").isSet)
  }
}
