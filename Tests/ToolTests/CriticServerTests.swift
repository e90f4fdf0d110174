import Records
import ScriptedServers
import Synchronization
import TemporaryFolders
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// nlft-judge with a server as critic: what it asks, how it copes, and what it keeps to itself.
@Suite(.timeLimit(.minutes(5))) struct CriticServerTests {
  /// Incorrect responses of the ids "q0", "q1"….
  private static func wrong(_ numbers: Range<Int>) -> String {
    numbers.map { number in
      #"{"id":"q\#(number)","question":"What is \#(number) + 1?","answer":"\#(number) + 1 = \#(number + 1)\n#### \#(number + 1)","#
        + #""output":"It is 0.","correct":false}"# + "\n"
    }.joined()
  }

  /// The number of the question that a request is about.
  private static func number(_ request: ServedRequest) -> Int {
    request.body.firstRange(of: "What is ").flatMap { range in
      Int(request.body[range.upperBound...].prefix { $0.isNumber })
    } ?? -1
  }

  private static func about(_ request: ServedRequest) -> ServedAnswer { .words("It is about \(number(request)).") }

  /// The command line; no proxy comes between.
  private static func command(_ address: String, _ arguments: String) -> String {
    "no_proxy='*' nlft-judge --model \"$MODEL\" --archive s.zst --critic '\(address)' \(arguments)"
  }

  private func judge(
    _ server: ScriptedServer, _ arguments: String = "", _ input: String, environment: String = "",
    in folder: TemporaryFolder? = nil
  ) async throws -> ToolResult {
    let folder = try folder ?? TemporaryFolder()
    let command = "\(environment) \(Self.command(server.address + "/v1", arguments))"
    return try await runShell(command, input: Array(input.utf8), in: folder.path)
  }

  @Test func critiquesInTheOrderOfTheRecords() async throws {
    let gate = Gate(4)
    let server = try ScriptedServer { request in
      // The first answer comes last of its four.
      if Self.number(request) < 4 { gate.pass() }
      if Self.number(request) == 0 { usleep(50_000) }
      return Self.about(request)
    }
    let result = try await judge(server, "--critic-model a/b --critique-tokens 7 --batch 3", Self.wrong(0..<10))
    #expect(result.status == 0)
    let name = "\(server.address)/v1, model a/b"
    #expect(
      result.stderr == """
        nlft-judge: critic \(name)
        nlft-judge: critiques: 10 by \(name)
        nlft-judge: done 10, failed 0

        """)
    let records = try result.records
    #expect(records.compactMap(\.idText) == (0..<10).map { "q\($0)" })
    for (number, record) in records.enumerated() {
      #expect(record["judgment"] == .string("It is about \(number)."))
      #expect(record["scores"] != nil)
      #expect(try record.tokens("judge") != nil)
    }
    #expect(server.mostOpenRequests == 4)
    #expect(server.requests.count == 10)
    let body = try JSON(parsing: try #require(server.requests.first { Self.number($0) == 5 }).body)
    #expect(body["model"] == .string("a/b"))
    #expect(body["max_tokens"] == .integer(7))
    #expect(body["temperature"] == .integer(0))
    let messages = try #require(body["messages"]?.array)
    #expect(messages.map { $0["role"] } == [.string("system"), .string("user")])
    let text = try #require(messages[1]["content"]?.string)
    #expect(
      text.hasPrefix("Question:\nWhat is 5 + 1?\n\nCorrect solution:\n5 + 1 = 6\n#### 6\n\nResponse:\nIt is 0.\n\n"))
  }

  @Test func noMoreThanAFewRecordsAreReadAhead() async throws {
    let gate = Gate(5)
    let seen = Count()
    let server = try ScriptedServer { request in
      // The first answer waits until as many have come as may, and for more.
      if Self.number(request) == 0 {
        gate.pass()
        usleep(200_000)
        seen.keep()
      } else {
        gate.come()
        seen.add()
      }
      return Self.about(request)
    }
    let result = try await judge(server, "--critic-requests 3 --batch 2", Self.wrong(0..<12))
    #expect(result.status == 0)
    #expect(seen.kept == 4)
  }

  @Test func recordsDoNotWaitForOthersThatAreStillToCome() async throws {
    let server = try ScriptedServer(Self.about)
    let folder = try TemporaryFolder()
    try folder.write(Self.wrong(0..<2), to: "records")
    let result = try await runShell(
      """
      mkfifo in
      \(Self.command(server.address, "--quiet")) < in > out &
      exec 3> in
      sed -n 1p records >&3
      until [ -s out ]; do sleep 0.01; done
      sed -n 2p records >&3
      exec 3>&-
      wait $!
      echo $?
      wc -l < out
      """, in: folder.path)
    #expect(result.text.split(separator: "\n").map { $0.filter(\.isNumber) } == ["0", "2"])
    #expect(result.stderr == "")
    #expect(server.requests.map(\.line) == ["POST /chat/completions", "POST /chat/completions"])
  }

  @Test func failuresCostTheirRecordAndAreAskedForAgain() async throws {
    let server = try ScriptedServer { request in
      switch Self.number(request) {
      case 1: .reply(status: 500, body: #"{"error":{"message":"out of memory"}}"#)
      case 2: .reply(status: 200, body: "<h1>Welcome</h1>")
      case 3: .stall
      case 4: .bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
      case 5: .reply(status: 400, body: "too\nlong")
      default: Self.about(request)
      }
    }
    let folder = try TemporaryFolder()
    let input = Self.wrong(0..<8)
    let result = try await judge(
      server, "--critic-retries 0 --critic-timeout 3 --rejects bad", input, in: folder)
    #expect(result.status == 65)
    for message in [
      #"line 2: id "q1": HTTP 500: out of memory (asked once)"#,
      #"line 3: id "q2": the critic's reply is not JSON: found <h1>Welcome</h1>"#,
      #"line 4: id "q3": Operation timed out after "#, #"line 5: id "q4": "#, #"line 6: id "q5": HTTP 400: too long"#,
    ] {
      #expect(result.stderr.contains("nlft-judge: " + message), "\(result.stderr)")
    }
    #expect(result.stderr.hasSuffix("nlft-judge: done 3, failed 5\n"))
    #expect(try result.records.compactMap(\.idText) == ["q0", "q6", "q7"])
    #expect(folder.text("bad") == Self.wrong(1..<6))
    // What is missing is asked for, what is there is not.
    let better = try ScriptedServer(Self.about)
    // Another archive: the finished lines name their frames in the first until they have new ones.
    let same = try await judge(better, "--quiet - bad", result.text, in: folder)
    #expect(same.status == 64)
    #expect(same.stderr == "nlft-judge: --archive s.zst is the archive that the scores are in\n")
    let rest = try await judge(better, "--quiet --archive s-2.zst - bad", result.text, in: folder)
    #expect(rest.status == 0, "\(rest.stderr)")
    #expect(try rest.records.count == 8)
    #expect(Set(better.requests.map(Self.number)) == Set(1..<6))
    #expect(better.requests.count == 5)
  }

  @Test func failuresThatPassCostNothing() async throws {
    let server = try ScriptedServer { request in
      switch request.number {
      case 0: .reply(status: 503, body: "loading")
      case 1: .reply(status: 429, headers: ["Retry-After: 1"], body: "")
      case 2: .bytes("")
      default: Self.about(request)
      }
    }
    let result = try await judge(server, "", Self.wrong(0..<3))
    #expect(result.status == 0)
    #expect(try result.records.compactMap { $0["judgment"]?.string }.count == 3)
    #expect(result.stderr.split(separator: "\n").count { $0.hasSuffix("; such requests are repeated") } == 1)
    #expect(server.requests.count == 6)
  }

  @Test func onlyWrongRecordsThatCanBeScoredAreAskedAbout() async throws {
    let server = try ScriptedServer(Self.about)
    let input = String(decoding: Problems.graded, as: UTF8.self) + #"{"question":"q","output":"o","correct":false}"#
    let result = try await judge(server, "--keep-going", input)
    #expect(result.status == 0)
    #expect(server.requests.count == 1)
    #expect(result.stderr.contains(#"nlft-judge: line 5: no field "id""#))
    let records = try result.records
    #expect(records.compactMap(\.idText) == ["right", "2", "judged", "plain"])
    #expect(records.map { $0["judgment"]?.string } == [nil, "It is about 1.", "1 + 2 is 3, not 7.", nil])
  }

  @Test(arguments: ["OPENAI_API_KEY", "OTHER_KEY"]) func keysAreKept(variable: String) async throws {
    let server = try ScriptedServer { request in
      let key = request.headers["authorization"] ?? "none"
      return key.hasSuffix("-good")
        ? Self.about(request) : .reply(status: 401, body: #"{"error":{"message":"Incorrect key: \#(key)"}}"#)
    }
    let option = variable == "OPENAI_API_KEY" ? "" : "--critic-key \(variable)"
    let good = try await judge(server, option, Self.wrong(0..<3), environment: "\(variable)=sk-nlft-good")
    #expect(good.status == 0)
    #expect(server.requests.map { $0.headers["authorization"] }.allSatisfy { $0 == "Bearer sk-nlft-good" })
    #expect(!(good.stderr + good.text).contains("sk-nlft"))
    let bad = try await judge(server, option, Self.wrong(0..<30), environment: "\(variable)=sk-nlft-bad")
    #expect(bad.status == 74)
    #expect(bad.stdout == [])
    let name = "\(server.address)/v1, model default"
    #expect(
      bad.stderr == """
        nlft-judge: critic \(name)
        nlft-judge: critic \(name): HTTP 401: Incorrect key: Bearer (hidden) (with the key in \(variable))

        """)
    #expect(server.requests.count <= 3 + 4)
  }

  @Test func passwordsInTheAddressAreKept() async throws {
    let server = try ScriptedServer { .reply(status: 403, body: "no " + ($0.headers["authorization"] ?? "")) }
    let address = server.address.replacing("http://", with: "http://me:nlft-pass@") + "/v1?token=nlft-token"
    let folder = try TemporaryFolder()
    let result = try await runShell(
      "unset OPENAI_API_KEY; " + Self.command(address, ""), input: Array(Self.wrong(0..<1).utf8),
      in: folder.path)
    #expect(result.status == 74)
    #expect(server.requests.map(\.line) == ["POST /v1/chat/completions?token=nlft-token"])
    #expect(server.requests.first?.headers["authorization"]?.hasPrefix("Basic ") == true)
    #expect(result.stderr.contains("critic \(server.address)/v1, model default: HTTP 403: no "))
    #expect(result.stderr.hasSuffix(" (no key in OPENAI_API_KEY)\n"))
    #expect(!result.stderr.contains("nlft-pass") && !result.stderr.contains("nlft-token"))
  }

  @Test func serverThatIsNotThereEndsTheRun() async throws {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      Self.command("http://127.0.0.1:9/v1", "--critic-retries 1"), input: Array(Self.wrong(0..<9).utf8),
      in: folder.path)
    #expect(result.status == 74)
    #expect(result.stdout == [])
    #expect(result.stderr.contains("nlft-judge: critic http://127.0.0.1:9/v1, model default: Failed to connect"))
    #expect(result.stderr.hasSuffix("(tried 2 times)\n"))
  }

  #if os(Linux)
    @Test(arguments: ["INT", "TERM"]) func signalsEndIt(signal: String) async throws {
      let folder = try TemporaryFolder()
      let server = try ScriptedServer { request in
        _ = try? folder.write("", to: "asked")
        return .stall
      }
      try folder.write(Self.wrong(0..<9), to: "in")
      // A shell's background jobs ignore interrupts unless told otherwise.
      let command = Self.command(server.address, "--rejects bad in").replacing(
        "nlft-judge", with: "env --default-signal=INT nlft-judge")
      let result = try await runShell(
        """
        \(command) &
        until [ -e asked ]; do sleep 0.01; done
        kill -\(signal) $!
        wait $! 2> /dev/null
        echo $?
        ls -A | grep -e tmp -e bad
        """, in: folder.path)
      #expect(result.text == (signal == "INT" ? "130\n" : "143\n"))
    }
  #endif
}

/// How many requests came before a moment.
private final class Count: Sendable {
  private let state = Mutex((count: 0, kept: 0))

  var kept: Int { state.withLock { $0.kept } }

  func add() { state.withLock { $0.count += 1 } }

  func keep() { state.withLock { $0.kept = $0.count } }
}
