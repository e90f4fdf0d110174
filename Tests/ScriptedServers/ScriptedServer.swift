import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A request as it came.
public struct ServedRequest: Sendable {
  /// Its number, from 0, in the order of arrival.
  public let number: Int
  /// "POST /v1/chat/completions".
  public let line: String
  /// Names in lower case.
  public let headers: [String: String]
  /// The body as text.
  public let body: String
}

/// What a scripted server does about a request.
public enum ServedAnswer: Sendable {
  /// Answers.
  case reply(status: Int, headers: [String] = [], body: String)
  /// Answers in chunks, without saying how long the body is.
  case chunks([String])
  /// Sends these bytes, whatever they are, and closes the connection.
  case bytes(String)
  /// Says nothing until the other side has gone.
  case stall
}

/// An HTTP server on this machine whose answers a test has written. Every connection has a thread of its own.
public final class ScriptedServer: Sendable {
  /// What connections tell of their requests.
  private final class Traffic: Sendable {
    struct State {
      var requests: [ServedRequest] = []
      var open = 0
      var mostOpen = 0
    }

    let state = Mutex(State())
  }

  /// Where it listens: "http://127.0.0.1:PORT".
  public let address: String
  private let listener: Int32
  private let traffic = Traffic()

  /// A server that answers as `script` says; it may wait as long as it likes.
  public init(_ script: @escaping @Sendable (ServedRequest) -> ServedAnswer) throws {
    #if canImport(Darwin)
      listener = socket(AF_INET, SOCK_STREAM, 0)
    #else
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    #endif
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isListening = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(listener, place, length) == 0 && listen(listener, 128) == 0 && getsockname(listener, place, &length) == 0
      }
    }
    guard isListening else { throw ScriptedServerError(description: String(cString: strerror(errno))) }
    address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
    let traffic = traffic
    DispatchQueue(label: "listener").async {
      // Shutting the listener down, which its owner's end does, makes accept fail.
      while case let connection = accept(listener, nil, nil), connection >= 0 {
        DispatchQueue(label: "connection").async {
          Self.serve(connection, traffic, script)
          close(connection)
        }
      }
      close(listener)
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// All requests so far.
  public var requests: [ServedRequest] { traffic.state.withLock { $0.requests } }

  /// The most requests that were being answered at the same time.
  public var mostOpenRequests: Int { traffic.state.withLock { $0.mostOpen } }

  private static func serve(
    _ connection: Int32, _ traffic: Traffic, _ script: @Sendable (ServedRequest) -> ServedAnswer
  ) {
    #if canImport(Darwin)
      var on: Int32 = 1
      setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    var unread: [UInt8] = []
    while let (line, headers, body) = request(connection, &unread) {
      let request = traffic.state.withLock { state in
        let request = ServedRequest(number: state.requests.count, line: line, headers: headers, body: body)
        state.requests.append(request)
        state.open += 1
        state.mostOpen = max(state.mostOpen, state.open)
        return request
      }
      let answer = script(request)
      traffic.state.withLock { $0.open -= 1 }
      guard give(answer, to: connection) else { return }
    }
  }

  /// The next request of a connection; nil when the other side has closed it.
  private static func request(
    _ connection: Int32, _ unread: inout [UInt8]
  ) -> (line: String, headers: [String: String], body: String)? {
    var head: String?
    while head == nil {
      if let end = unread.firstRange(of: Array("\r\n\r\n".utf8)) {
        head = String(decoding: unread[..<end.lowerBound], as: UTF8.self)
        unread.removeFirst(end.upperBound)
      } else if !receive(connection, &unread) {
        return nil
      }
    }
    let lines = (head ?? "").split(separator: "\r\n").map(String.init)
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let name = line.prefix { $0 != ":" }
      headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
    }
    let length = headers["content-length"].flatMap { Int($0) } ?? 0
    while unread.count < length { guard receive(connection, &unread) else { return nil } }
    let body = String(decoding: unread[..<length], as: UTF8.self)
    unread.removeFirst(length)
    return (lines.first.map { $0.replacing(" HTTP/1.1", with: "") } ?? "", headers, body)
  }

  private static func receive(_ connection: Int32, _ bytes: inout [UInt8]) -> Bool {
    var part = [UInt8](repeating: 0, count: 1 << 14)
    let count = recv(connection, &part, part.count, 0)
    if count > 0 { bytes += part[..<count] }
    return count > 0
  }

  /// Sends an answer; false if the connection is done with.
  private static func give(_ answer: ServedAnswer, to connection: Int32) -> Bool {
    switch answer {
    case .reply(let status, let headers, let body):
      let lines = ["HTTP/1.1 \(status) Scripted", "Content-Length: \(body.utf8.count)"] + headers
      return send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body, connection)
    case .chunks(let parts):
      let chunks = (parts + [""]).map { String($0.utf8.count, radix: 16) + "\r\n" + $0 + "\r\n" }
      return send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.joined(), connection)
    case .bytes(let bytes):
      _ = send(bytes, connection)
      return false
    case .stall:
      var bytes: [UInt8] = []
      while receive(connection, &bytes) {}
      return false
    }
  }

  private static func send(_ text: String, _ connection: Int32) -> Bool {
    #if canImport(Darwin)
      let flags: Int32 = 0
    #else
      let flags = Int32(MSG_NOSIGNAL)
    #endif
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemSend(connection, $0.baseAddress, $0.count, flags) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}

private func systemSend(_ connection: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  send(connection, bytes, count, flags)
}

/// Why there is no server.
public struct ScriptedServerError: Error, CustomStringConvertible {
  /// The system's reason.
  public let description: String
}
