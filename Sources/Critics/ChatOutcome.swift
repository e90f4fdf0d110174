import CCurl
import Records

/// What became of one request.
enum ChatOutcome: Sendable, Equatable {
  /// The critique.
  case critique(String)
  /// The same request may do better later, at the earliest after as many seconds as the server asks for.
  /// `isUnreachable`: there was nobody to hear it.
  case again(reason: String, seconds: Int, isUnreachable: Bool)
  /// The record fails.
  case failed(String)
  /// So would every other record.
  case stop(String)

  /// What the server's answer means.
  init(status: Int, body: [UInt8], retryAfter: Int, redirect: String?, endpoint: ChatEndpoint) {
    if 200..<300 ~= status {
      do { self = .critique(try ChatReply.critique(body)) } catch {
        self = .failed(endpoint.redacted(error.description))
      }
      return
    }
    let words = ChatReply.failure(body).map { ": " + endpoint.redacted($0) } ?? ""
    let reason = "HTTP \(status)" + words
    switch status {
    case 401, 403:
      let key = endpoint.key
      self = .stop(reason + (key.isSet ? " (with the key in \(key.variable))" : " (no key in \(key.variable))"))
    case 408, 409, 429, 500...: self = .again(reason: reason, seconds: max(0, retryAfter), isUnreachable: false)
    case 300..<400:
      let target = redirect.flatMap { try? ChatEndpoint($0, model: "", key: endpoint.key).shown }
      self = .failed("HTTP \(status): the server redirects to \(target ?? "no address"), which is not followed")
    default: self = .failed(reason)
    }
  }

  /// What it means that there was no whole answer.
  init(code: CURLcode, reason: String, hasConnected: Bool) {
    switch code {
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_URL_MALFORMAT:
      self = .stop(reason)
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_OPERATION_TIMEDOUT,
      CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_SSL_CONNECT_ERROR, CURLE_HTTP2,
      CURLE_HTTP2_STREAM:
      self = .again(reason: reason, seconds: 0, isUnreachable: !hasConnected)
    default: self = .failed(reason)
    }
  }
}
