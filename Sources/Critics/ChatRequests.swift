import CCurl
import Records

/// The requests that are under way or wait to be repeated: what the client's thread works on.
struct ChatRequests {
  /// A server that wants more patience than this has none to offer.
  private static let longestWait = 600
  private static let longestDelay = 60.0

  private let multi: UnsafeMutableRawPointer
  private let endpoint: ChatEndpoint
  private let limits: ChatLimits
  private var active: [UnsafeMutableRawPointer: (question: ChatClient.Question, transfer: ChatTransfer)] = [:]
  private var resting: [(question: ChatClient.Question, end: ContinuousClock.Instant)] = []
  private var hasAnswered = false
  private var hasToldOfDelay = false

  init(multi: UnsafeMutableRawPointer, endpoint: ChatEndpoint, limits: ChatLimits) {
    self.multi = multi
    self.endpoint = endpoint
    self.limits = limits
  }

  /// How many more questions may be asked now.
  var room: Int { max(0, limits.requests - active.count - resting.count) }

  /// Starts requests, moves all of them on as far as they go, and waits for something to happen if nothing did.
  /// - Throws: `CriticError` if no further question can be answered.
  mutating func turn(_ questions: [ChatClient.Question]) throws(CriticError) -> [ChatEvent] {
    for question in questions { try start(question) }
    let now = ContinuousClock.now
    let rested = resting.filter { $0.end <= now }
    resting.removeAll { $0.end <= now }
    for (question, _) in rested { try start(question) }
    var running: Int32 = 0
    guard ccurl_multi_perform(multi, &running) == CURLM_OK else { throw CriticError("libcurl cannot go on") }
    var events: [ChatEvent] = []
    var code = CURLE_OK
    while let handle = ccurl_multi_ended(multi, &code) {
      ccurl_multi_remove_handle(multi, handle)
      guard let (question, transfer) = active.removeValue(forKey: handle) else { continue }
      if let event = try settle(question, transfer.outcome(code)) { events.append(event) }
    }
    if events.isEmpty {
      let rest = (resting.map(\.end).min() ?? now + .seconds(600)) - ContinuousClock.now
      let seconds = Double(rest.components.seconds) + Double(rest.components.attoseconds) * 1e-18
      guard ccurl_multi_poll(multi, Int32(max(0, (seconds * 1000).rounded(.up)))) == CURLM_OK else {
        throw CriticError("libcurl cannot wait")
      }
    }
    return events
  }

  private mutating func start(_ question: ChatClient.Question) throws(CriticError) {
    let transfer = try ChatTransfer(question.body, to: endpoint, timeout: limits.timeout)
    var question = question
    question.attempts += 1
    active[transfer.handle] = (question, transfer)
    guard ccurl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
      throw CriticError("libcurl takes no further request")
    }
  }

  /// What the caller hears of a request that has ended; nil if it is to be repeated and that was told before.
  private mutating func settle(
    _ question: ChatClient.Question, _ outcome: ChatOutcome
  ) throws(CriticError) -> ChatEvent? {
    switch outcome {
    case .critique(let text):
      hasAnswered = true
      return .finished(tag: question.tag, .success(text))
    case .failed(let reason):
      hasAnswered = true
      return .finished(tag: question.tag, .failure(RecordError(reason)))
    case .stop(let reason): throw CriticError(reason)
    case .again(let reason, let seconds, let isUnreachable):
      if !isUnreachable { hasAnswered = true }
      let times = question.attempts == 1 ? "once" : "\(question.attempts) times"
      if question.attempts > limits.retries {
        guard hasAnswered else { throw CriticError("\(reason) (tried \(times))") }
        return .finished(tag: question.tag, .failure(RecordError("\(reason) (asked \(times))")))
      }
      if seconds > Self.longestWait {
        let wait = "the critic asks to wait \(seconds) s, more than \(Self.longestWait)"
        return .finished(tag: question.tag, .failure(RecordError("\(reason): \(wait)")))
      }
      resting.append((question, ContinuousClock.now + .seconds(delay(attempts: question.attempts, least: seconds))))
      defer { hasToldOfDelay = true }
      return hasToldOfDelay ? nil : .delayed(reason)
    }
  }

  /// Seconds until a question is asked again: twice as many each time, and not the same for all, so that questions
  /// which failed together do not come back together.
  private func delay(attempts: Int, least: Int) -> Double {
    let longest = min(Self.longestDelay, limits.firstDelay * Double(1 << min(attempts - 1, 20)))
    return Double(least) + longest * Double.random(in: 0.5...1)
  }

  /// Breaks off everything.
  mutating func cancel() {
    for handle in active.keys { ccurl_multi_remove_handle(multi, handle) }
    active = [:]
    resting = []
  }
}
