import CCurl

/// One request on its way.
final class ChatTransfer {
  /// Larger responses are no critiques.
  static let largestBody = 1 << 20
  /// A server that is there takes a connection much sooner.
  private static let connectionSeconds = 20.0

  let handle: UnsafeMutableRawPointer
  private let endpoint: ChatEndpoint
  private var body: [UInt8] = []
  private var isTooLarge = false
  private var headers: UnsafeMutablePointer<curl_slist>?
  private let reason: UnsafeMutablePointer<CChar>

  /// A request that a multi handle may take.
  /// - Throws: `CriticError` if libcurl refuses it.
  init(_ content: [UInt8], to endpoint: ChatEndpoint, timeout: Double) throws(CriticError) {
    guard let handle = ccurl_easy_init() else { throw CriticError("libcurl has no memory for a request") }
    self.handle = handle
    self.endpoint = endpoint
    reason = .allocate(capacity: Int(CURL_ERROR_SIZE))
    reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    var lines = ["Content-Type: application/json", "Accept: application/json", "Expect:"]
    if let key = endpoint.key.value { lines.append("Authorization: Bearer " + key) }
    for line in lines {
      guard let longer = ccurl_slist_append(headers, line) else { throw CriticError("libcurl has no memory") }
      headers = longer
    }
    let milliseconds = { (seconds: Double) in Int((seconds * 1000).rounded(.up)) }
    let connecting = min(timeout, Self.connectionSeconds)
    // Redirections are not followed: a key would go where the user did not send it.
    let numbers = [
      (CURLOPT_NOSIGNAL, 1), (CURLOPT_FOLLOWLOCATION, 0), (CURLOPT_POST, 1), (CURLOPT_POSTFIELDSIZE, content.count),
      (CURLOPT_TIMEOUT_MS, milliseconds(timeout)), (CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connecting)),
    ]
    var codes = numbers.map { ccurl_set_long(handle, $0, $1) }
    codes.append(endpoint.address.withCString { ccurl_set_pointer(handle, CURLOPT_URL, $0) })
    codes.append("nlft-judge".withCString { ccurl_set_pointer(handle, CURLOPT_USERAGENT, $0) })
    codes.append(content.withUnsafeBytes { ccurl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) })
    codes.append(ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, headers))
    codes.append(ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, reason))
    let context = Unmanaged.passUnretained(self).toOpaque()
    codes.append(
      ccurl_set_writer(
        handle,
        { bytes, size, count, context in
          guard let bytes, let context else { return 0 }
          let transfer = Unmanaged<ChatTransfer>.fromOpaque(context).takeUnretainedValue()
          return transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }, context))
    for code in codes where code != CURLE_OK {
      throw CriticError("libcurl: " + String(cString: ccurl_easy_strerror(code)))
    }
  }

  deinit {
    ccurl_easy_cleanup(handle)
    ccurl_slist_free_all(headers)
    reason.deallocate()
  }

  /// Keeps a part of the response; fewer bytes than came end the transfer.
  private func take(_ part: UnsafeRawBufferPointer) -> Int {
    guard body.count + part.count <= Self.largestBody else {
      isTooLarge = true
      return 0
    }
    body += part
    return part.count
  }

  /// What became of it.
  func outcome(_ code: CURLcode) -> ChatOutcome {
    if isTooLarge { return .failed("the critic's reply is larger than \(Self.largestBody >> 20) MiB") }
    guard code == CURLE_OK else {
      let text = reason[0] != 0 ? String(cString: reason) : String(cString: ccurl_easy_strerror(code))
      return ChatOutcome(
        code: code, reason: endpoint.redacted(text), hasConnected: ccurl_has_connected(handle))
    }
    return ChatOutcome(
      status: ccurl_status(handle), body: body, retryAfter: ccurl_retry_after(handle),
      redirect: ccurl_redirect(handle).map { String(cString: $0) }, endpoint: endpoint)
  }
}
