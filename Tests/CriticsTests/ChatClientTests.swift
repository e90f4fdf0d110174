import Critics
import Records
import ScriptedServers
import Synchronization
import Testing
import Tokenizers

/// Requests to servers that behave, and to others.
@Suite(.timeLimit(.minutes(3))) struct ChatClientTests {
  private static let limits = {
    var limits = ChatLimits()
    limits.firstDelay = 0.01
    limits.retries = 2
    limits.timeout = 60
    return limits
  }()

  private func client(_ address: String, limits: ChatLimits = limits, key: String = "") throws -> ChatClient {
    try ChatClient(
      endpoint: ChatEndpoint(address + "/v1", model: "m", key: ChatKey(variable: "KEY", text: key)), limits: limits)
  }

  private func ask(_ client: ChatClient, _ tags: Range<Int>) {
    for tag in tags { client.ask([ChatMessage(role: .user, content: "Question \(tag).")], tag: tag) }
  }

  /// What becomes of `count` questions, by their tags.
  private func results(_ client: ChatClient, _ count: Int) throws -> [Int: Result<String, RecordError>] {
    ask(client, 0..<count)
    var results: [Int: Result<String, RecordError>] = [:]
    while results.count < count {
      if case .finished(let tag, let result)? = try client.next(waiting: true) {
        #expect(results[tag] == nil)
        results[tag] = result
      }
    }
    return results
  }

  /// What becomes of one question, and how many requests that took.
  private func result(
    limits: ChatLimits = limits, _ script: @escaping @Sendable (ServedRequest) -> ServedAnswer
  ) throws -> (result: Result<String, RecordError>?, requests: Int) {
    let server = try ScriptedServer(script)
    let client = try client(server.address, limits: limits)
    defer { client.close() }
    return (try results(client, 1)[0], server.requests.count)
  }

  @Test func manyAtOnceButNoMore() throws {
    let gate = Gate(3)
    let server = try ScriptedServer { request in
      gate.pass()
      return .words("About " + request.body.split(separator: "Question ")[1].prefix { $0 != "." })
    }
    var limits = Self.limits
    limits.requests = 3
    let client = try client(server.address, limits: limits)
    defer { client.close() }
    let found = try results(client, 12)
    for tag in 0..<12 { #expect(found[tag] == .success("About \(tag)")) }
    #expect(server.mostOpenRequests == 3)
    #expect(server.requests.count == 12)
    #expect(Set(server.requests.map(\.line)) == ["POST /v1/chat/completions"])
    #expect(server.requests.allSatisfy { $0.headers["authorization"] == nil })
    #expect(server.requests.allSatisfy { $0.headers["content-type"] == "application/json" })
  }

  @Test(arguments: [408, 409, 429, 500, 503, 529])
  func passingFailuresAreRepeated(status: Int) throws {
    let answer = try result { request in
      request.number < 2 ? .reply(status: status, body: "{}") : .words("At last.")
    }
    #expect(answer.result == .success("At last."))
    #expect(answer.requests == 3)
  }

  @Test func failuresThatStayCostTheRecord() throws {
    let answer = try result { _ in .reply(status: 500, body: #"{"error":{"message":"out of\nmemory"}}"#) }
    #expect(answer.result == .failure(RecordError("HTTP 500: out of memory (asked 3 times)")))
    #expect(answer.requests == 3)
  }

  @Test(arguments: [400, 404, 413, 422])
  func otherFailuresAreNotRepeated(status: Int) throws {
    let answer = try result { _ in .reply(status: status, body: "no such model") }
    #expect(answer.result == .failure(RecordError("HTTP \(status): no such model")))
    #expect(answer.requests == 1)
  }

  @Test func serversSayHowLongToWait() throws {
    let times = Times()
    let answer = try result { request in
      times.add()
      return request.number == 0 ? .reply(status: 429, headers: ["Retry-After: 1"], body: "") : .words("Yes.")
    }
    #expect(answer.result == .success("Yes."))
    #expect(try #require(times.all.last) - #require(times.all.first) >= .seconds(1))
    let patient = try result { _ in .reply(status: 503, headers: ["Retry-After: 601"], body: "") }
    #expect(
      patient.result == .failure(RecordError("HTTP 503: the critic asks to wait 601 s, more than 600")))
    #expect(patient.requests == 1)
  }

  @Test func stallingServersAreLeft() throws {
    var limits = Self.limits
    limits.timeout = 0.2
    let answer = try result(limits: limits) { _ in .stall }
    guard case .failure(let error)? = answer.result else { return #expect(Bool(false), "there is a critique") }
    #expect(error.description.hasPrefix("Operation timed out after "))
    #expect(error.description.hasSuffix("(asked 3 times)"))
    // Not all questions stall, and one that did may not do so again.
    let later = try result(limits: limits) { $0.number == 0 ? .stall : .words("Here.") }
    #expect(later.result == .success("Here."))
  }

  @Test func brokenConnectionsAreRepeated() throws {
    let torn = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\""
    let answer = try result { [.bytes(""), .bytes(torn), .words("Whole.")][$0.number] }
    #expect(answer.result == .success("Whole."))
    let never = try result { _ in .bytes("") }
    #expect(never.result == .failure(RecordError("Empty reply from server (asked 3 times)")))
  }

  @Test func chunksAreJoined() throws {
    let body = Array(ServedAnswer.completion(#""é, \u00e9""#))
    let answer = try result { _ in .chunks([String(body[..<50]), String(body[50..<51]), String(body[51...])]) }
    #expect(answer.result == .success("é, é"))
  }

  @Test func nonsenseCostsTheRecord() throws {
    let html = try result { _ in .reply(status: 200, body: "<h1>Hello</h1>") }
    #expect(html.result == .failure(RecordError("the critic's reply is not JSON: found <h1>Hello</h1>")))
    let noise = try result { _ in .bytes("SSH-2.0-OpenSSH_9.2\r\n") }
    guard case .failure? = noise.result else { return #expect(Bool(false), "noise is a critique") }
    #expect(noise.requests == 1)
  }

  @Test func repliesAreBounded() throws {
    let words = String(repeating: "x", count: 1 << 20)
    for answer in [ServedAnswer.words(words), .chunks([words, words]), .reply(status: 404, body: words + " ")] {
      let found = try result { _ in answer }
      #expect(found.result == .failure(RecordError("the critic's reply is larger than 1 MiB")))
      #expect(found.requests == 1)
    }
  }

  @Test func keysAreSentButNotToOthers() throws {
    let other = try ScriptedServer { _ in .words("Gotcha.") }
    let target = other.address + "/v1/chat/completions?to=me"
    let server = try ScriptedServer { _ in .reply(status: 307, headers: ["Location: " + target], body: "") }
    let client = try client(server.address, key: "sk-test-4")
    defer { client.close() }
    let shown = other.address + "/v1/chat/completions"
    #expect(
      try results(client, 1)[0]
        == .failure(RecordError("HTTP 307: the server redirects to \(shown), which is not followed")))
    #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer sk-test-4"])
    #expect(other.requests.isEmpty)
  }

  @Test(arguments: [401, 403])
  func refusedKeysEndTheRun(status: Int) throws {
    let server = try ScriptedServer { _ in .reply(status: status, body: #"{"error":{"message":"bad sk-test-5"}}"#) }
    let client = try client(server.address, key: "sk-test-5")
    defer { client.close() }
    let error = #expect(throws: CriticError.self) { try results(client, 9) }
    #expect(error?.description == "HTTP \(status): bad (hidden) (with the key in KEY)")
    // And so is every further question.
    ask(client, 9..<10)
    #expect(throws: CriticError.self) { while true { _ = try client.next(waiting: true) } }
  }

  @Test func serversThatAreNotThereEndTheRun() throws {
    let client = try client("http://127.0.0.1:9")
    defer { client.close() }
    let error = #expect(throws: CriticError.self) { try results(client, 2) }
    #expect(error?.description.contains("127.0.0.1 port 9") == true, "\(error?.description ?? "")")
    #expect(error?.description.hasSuffix("(tried 3 times)") == true)
  }

  @Test func firstDelayIsTold() throws {
    let server = try ScriptedServer { $0.number < 3 ? .reply(status: 503, body: "loading") : .words("Yes.") }
    let client = try client(server.address)
    defer { client.close() }
    ask(client, 0..<2)
    var delays: [ChatEvent] = []
    var finished = 0
    while finished < 2 {
      let event = try #require(try client.next(waiting: true))
      if case .delayed = event { delays.append(event) } else { finished += 1 }
    }
    #expect(delays == [.delayed("HTTP 503: loading")])
    #expect(try client.next(waiting: false) == nil)
  }

  @Test func closingBreaksOff() throws {
    let gate = Gate(5)
    let server = try ScriptedServer { _ in
      gate.pass()
      return .stall
    }
    let client = try client(server.address)
    ask(client, 0..<20)
    gate.pass()
    client.close()
    client.close()
    #expect(server.requests.count == 4)
  }
}

/// When requests came.
private final class Times: Sendable {
  private let times = Mutex<[ContinuousClock.Instant]>([])

  var all: [ContinuousClock.Instant] { times.withLock { $0 } }

  func add() { times.withLock { $0.append(.now) } }
}
