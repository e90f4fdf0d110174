#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The key to a chat endpoint, from the environment. It has no description: it must never be printed.
public struct ChatKey: Sendable {
  /// The environment variable that holds it.
  public let variable: String
  let value: String?

  /// The key in an environment variable; none if it is unset or empty.
  /// - Throws: `CriticError` if it holds what no key can be: it would change the request's other lines.
  public init(variable: String) throws(CriticError) {
    try self.init(variable: variable, text: getenv(variable).map { String(cString: $0) } ?? "")
  }

  /// The key that an environment variable holds as `text`.
  package init(variable: String, text: String) throws(CriticError) {
    self.variable = variable
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw CriticError("the key in \(variable) has characters other than visible ASCII")
    }
    value = text.isEmpty ? nil : text
  }

  /// Whether there is a key.
  public var isSet: Bool { value != nil }
}

/// Where critiques are asked for: an endpoint for chat completions, as OpenAI defined them and many servers speak.
public struct ChatEndpoint: Sendable {
  /// The address as people may see it: without user, password and query.
  public let shown: String
  /// The model's name for the server.
  public let model: String
  /// Where requests go; it may hold a password, which is not for people to see.
  package let address: String
  let key: ChatKey
  private let secrets: [String]

  /// An endpoint from its base, such as `http://localhost:8000/v1`, or the full address of its chat completions.
  /// - Throws: `CriticError` if it is no address of http or https.
  public init(_ text: String, model: String, key: ChatKey) throws(CriticError) {
    guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value < 0x7F }) else {
      throw CriticError("the address has spaces or characters other than ASCII")
    }
    guard let scheme = Self.schemes.first(where: { text.lowercased().hasPrefix($0) }) else {
      throw CriticError("the address does not begin with http:// or https://")
    }
    let rest = text.dropFirst(scheme.count).prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    guard let first = host.first, first != ":" else { throw CriticError("the address names no host") }
    let query = rest.drop { $0 != "?" }
    var path = rest.dropFirst(authority.count).dropLast(query.count)
    while path.last == "/" { path.removeLast() }
    shown = scheme + host + path
    if !path.hasSuffix("/chat/completions") { path += "/chat/completions" }
    address = scheme + authority + path + query
    let user = authority.dropLast(host.count).dropLast()
    let password = user.firstIndex(of: ":").map { user[user.index(after: $0)...] } ?? ""
    secrets = [key.value ?? "", String(user), String(password), String(query.dropFirst())].filter { !$0.isEmpty }
    self.model = model
    self.key = key
  }

  private static let schemes = ["http://", "https://"]

  /// A server's words without the key and what else in the address is not to be seen.
  package func redacted(_ text: String) -> String {
    secrets.reduce(text) { text, secret in
      var parts: [Substring] = []
      var rest = text[...]
      while let range = rest.firstRange(of: secret) {
        parts.append(rest[..<range.lowerBound])
        rest = rest[range.upperBound...]
      }
      return (parts + [rest]).joined(separator: "(hidden)")
    }
  }
}

/// Why critics cannot work at all; a record's own failure is a `RecordError`.
public struct CriticError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what was expected, on one line.
  public let description: String

  /// An error from its message.
  public init(_ description: String) { self.description = description }
}
