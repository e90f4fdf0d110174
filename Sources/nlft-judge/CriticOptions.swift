import ArgumentParser
import Critics
import ToolSupport

/// Who criticises incorrect responses, and how.
struct CriticOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Who criticises incorrect responses: self, answer, none, or the URL of a chat endpoint. (default: answer; self \
      with --judge-model)
      """, valueName: "critic"), completion: .list(["self", "answer", "none"]))
  var critic: String?
  @Option(help: ArgumentHelp("Longest critique that a model writes, in tokens.", valueName: "n"))
  var critiqueTokens = 96
  @Option(
    help: ArgumentHelp(
      "Another model that writes the critiques: a .gguf file or a Hugging Face directory.", valueName: "path"),
    completion: .file())
  var judgeModel: String?
  @Option(
    help: ArgumentHelp("An adapter for that model: a PEFT LoRA directory.", valueName: "directory"),
    completion: .directory)
  var judgeAdapter: String?
  @Option(help: ArgumentHelp("URL: the model's name there. (default: default)", valueName: "name"))
  var criticModel: String?
  @Option(
    help: ArgumentHelp(
      "URL: the environment variable that holds the key. (default: OPENAI_API_KEY)", valueName: "variable"))
  var criticKey: String?
  @Option(
    help: ArgumentHelp("URL: requests at once. (default: \(usual.requests))", valueName: "n"))
  var criticRequests: Int?
  @Option(
    help: ArgumentHelp(
      "URL: seconds that a request may take. (default: \(Int(usual.timeout)))", valueName: "seconds"))
  var criticTimeout: Double?
  @Option(
    help: ArgumentHelp(
      "URL: how often a request is repeated when the server fails. (default: \(usual.retries))", valueName: "n"))
  var criticRetries: Int?

  private static let usual = ChatLimits()

  /// A critic with what it needs to know.
  enum Choice {
    case answer
    case none
    /// The trained model.
    case own
    /// Another model.
    case model(path: String, adapter: String?)
    case server(ChatEndpoint, ChatLimits)
  }

  func validate() throws {
    try requireCount(critiqueTokens, "--critique-tokens")
    _ = try choice()
  }

  /// The critic that the options name.
  /// - Throws: `ValidationError` for options that contradict each other or name nothing.
  func choice() throws -> Choice {
    let isServer = critic.map { $0.lowercased().hasPrefix("http://") || $0.lowercased().hasPrefix("https://") } ?? false
    if !isServer, let option = firstForServer {
      throw ValidationError("\(option) goes with --critic URL, which is not given.")
    }
    if judgeModel == nil, judgeAdapter != nil {
      throw ValidationError("--judge-adapter goes with --judge-model, which is not given.")
    }
    if let judgeModel {
      guard critic == nil || critic == "self" else {
        throw ValidationError("--judge-model is the critic already: --critic may only be self.")
      }
      return .model(path: judgeModel, adapter: judgeAdapter)
    }
    switch critic {
    case nil, "answer": return .answer
    case "none": return .none
    case "self": return .own
    case let address? where isServer: return try server(address)
    case let other?:
      // An address of another kind may hold a password.
      let found = other.contains(":") ? "" : " '\(other)'"
      throw ValidationError("the critic\(found) is none of self, answer, none and a URL (http://… or https://…).")
    }
  }

  private var firstForServer: String? {
    let options: [(name: String, isGiven: Bool)] = [
      ("--critic-model", criticModel != nil), ("--critic-key", criticKey != nil),
      ("--critic-requests", criticRequests != nil), ("--critic-timeout", criticTimeout != nil),
      ("--critic-retries", criticRetries != nil),
    ]
    return options.first { $0.isGiven }?.name
  }

  private func server(_ address: String) throws -> Choice {
    var limits = Self.usual
    limits.tokens = critiqueTokens
    if let criticRequests {
      try requireCount(criticRequests, "--critic-requests", atMost: 256)
      limits.requests = criticRequests
    }
    if let criticTimeout {
      try requirePositive(criticTimeout, "--critic-timeout")
      guard criticTimeout <= 86_400 else {
        throw ValidationError("--critic-timeout must be at most 86400, not \(criticTimeout).")
      }
      limits.timeout = criticTimeout
    }
    if let criticRetries {
      guard 0...100 ~= criticRetries else {
        throw ValidationError("--critic-retries must be 0 to 100, not \(criticRetries).")
      }
      limits.retries = criticRetries
    }
    do {
      let key = try ChatKey(variable: criticKey ?? "OPENAI_API_KEY")
      if criticKey != nil, !key.isSet {
        throw CriticError("the environment variable \(key.variable), which --critic-key names, is not set")
      }
      return .server(try ChatEndpoint(address, model: criticModel ?? "default", key: key), limits)
    } catch let error as CriticError { throw ValidationError("--critic: \(error).") }
  }
}
