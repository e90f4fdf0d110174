import CCurl
import Dispatch
import Records
import Synchronization
import Tokenizers

/// How requests are made.
public struct ChatLimits: Sendable {
  /// Requests at once; one that waits to be repeated counts.
  public var requests = 4
  /// Seconds that a request may take, from its start to the last byte of the answer.
  public var timeout = 120.0
  /// How often a request is repeated at most.
  public var retries = 4
  /// Seconds before the first repetition; each further one waits twice as long, up to a minute.
  public var firstDelay = 1.0
  /// Longest critique, in the server's tokens.
  public var tokens = 96

  /// The usual limits.
  public init() {}
}

/// News of the requests.
public enum ChatEvent: Sendable, Equatable {
  /// A critique, or why there is none.
  case finished(tag: Int, Result<String, RecordError>)
  /// A request failed and is to be repeated: told once, lest waiting look like working.
  case delayed(String)
}

/// Asks a chat endpoint for critiques, several at a time, on a thread of its own.
public final class ChatClient: Sendable {
  private struct State: Sendable {
    var waiting: [Question] = []
    var events: [ChatEvent] = []
    var failure: CriticError?
    var isClosed = false
  }

  struct Question: Sendable {
    let tag: Int
    let body: [UInt8]
    var attempts = 0
  }

  private let endpoint: ChatEndpoint
  private let limits: ChatLimits
  private let state = Mutex(State())
  /// Signalled once for each event, and for the failure.
  private let news = DispatchSemaphore(value: 0)
  private let queue = DispatchQueue(label: "critic")
  nonisolated(unsafe) private let multi: UnsafeMutableRawPointer

  /// A client whose thread is running; end it with `close`.
  /// - Throws: `CriticError` if libcurl is not there.
  public init(endpoint: ChatEndpoint, limits: ChatLimits) throws(CriticError) {
    if let reason = ccurl_load() { throw CriticError(String(cString: reason)) }
    guard let multi = ccurl_multi_init() else { throw CriticError("libcurl cannot be started") }
    self.multi = multi
    self.endpoint = endpoint
    self.limits = limits
    queue.async { [self] in
      var requests = ChatRequests(multi: self.multi, endpoint: endpoint, limits: limits)
      do {
        while let questions = take(atMost: requests.room) {
          for event in try requests.turn(questions) { tell(event) }
        }
      } catch {
        state.withLock { $0.failure = error as? CriticError ?? CriticError("\(error)") }
        news.signal()
      }
      requests.cancel()
    }
  }

  /// Asks for a critique; an event with `tag` will tell of it.
  public func ask(_ messages: [ChatMessage], tag: Int) {
    let body = ChatReply.request(messages, model: endpoint.model, maximumTokens: limits.tokens)
    state.withLock { $0.waiting.append(Question(tag: tag, body: body)) }
    ccurl_multi_wakeup(multi)
  }

  /// The next event.
  /// - Parameter waiting: Whether to wait for one; at least one question must be open then.
  /// - Returns: nil if there is none yet.
  /// - Throws: `CriticError` if no further question can be answered.
  public func next(waiting: Bool) throws(CriticError) -> ChatEvent? {
    if waiting { news.wait() } else if news.wait(timeout: .now()) == .timedOut { return nil }
    let (event, failure) = state.withLock { state in
      (state.events.isEmpty ? nil : state.events.removeFirst(), state.failure)
    }
    if let event { return event }
    // Whoever asks again is to hear it again.
    news.signal()
    throw failure ?? CriticError("the critic was closed")
  }

  /// Breaks off what is open and ends the thread.
  public func close() {
    let isFirst = state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard isFirst else { return }
    ccurl_multi_wakeup(multi)
    queue.sync {}
    ccurl_multi_cleanup(multi)
  }

  /// Questions for free places; nil once closed.
  private func take(atMost count: Int) -> [Question]? {
    state.withLock { state in
      guard !state.isClosed else { return nil }
      let taken = Array(state.waiting.prefix(count))
      state.waiting.removeFirst(taken.count)
      return taken
    }
  }

  private func tell(_ event: ChatEvent) {
    state.withLock { $0.events.append(event) }
    news.signal()
  }
}
