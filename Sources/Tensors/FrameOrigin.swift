/// What a frame says of where it comes from: the record's id and fingerprints of what computed it.
///
/// Each is optional, because a user's own script may have written the frame; what is absent is not checked.
public struct FrameOrigin: Sendable, Equatable {
  /// The record's id; a number as its digits.
  public var id: String?
  /// Fingerprint of the model.
  public var model: String?
  /// Fingerprint of the adapter.
  public var adapter: String?
  /// Fingerprint of the tokenizer.
  public var tokenizer: String?
  /// Fingerprint of the prompt templates.
  public var prompts: String?

  /// An origin from what is known.
  public init(
    id: String? = nil, model: String? = nil, adapter: String? = nil, tokenizer: String? = nil, prompts: String? = nil
  ) {
    self.id = id
    self.model = model
    self.adapter = adapter
    self.tokenizer = tokenizer
    self.prompts = prompts
  }

  private static let fingerprints: [(key: String, path: WritableKeyPath<FrameOrigin, String?> & Sendable)] = [
    ("model", \.model), ("adapter", \.adapter), ("tokenizer", \.tokenizer), ("prompts", \.prompts),
  ]

  /// Reads the keys `id`, `model`, `adapter`, `tokenizer` and `prompts` of a frame's metadata.
  public init(metadata: [String: String]) {
    id = metadata["id"]
    for (key, path) in Self.fingerprints { self[keyPath: path] = metadata[key] }
  }

  /// The metadata of a frame: a key for everything that is known.
  public var metadata: [String: String] {
    var metadata: [String: String] = [:]
    metadata["id"] = id
    for (key, path) in Self.fingerprints { metadata[key] = self[keyPath: path] }
    return metadata
  }

  /// How the fingerprints contradict those of another frame or of the model at hand, in words, or nil.
  /// Ids are not compared.
  public func contradiction(with other: FrameOrigin) -> String? {
    for (key, path) in Self.fingerprints {
      if let mine = self[keyPath: path], let theirs = other[keyPath: path], mine != theirs {
        return "made with another \(key): fingerprint \(mine), expected \(theirs)"
      }
    }
    return nil
  }

  /// Takes over the fingerprints that are not known here.
  public mutating func complete(from other: FrameOrigin) {
    for (_, path) in Self.fingerprints where self[keyPath: path] == nil { self[keyPath: path] = other[keyPath: path] }
  }
}

/// Sees to it that the frames of one stream come from the same model, adapter, tokenizer and prompts.
public struct FrameAgreement: Sendable {
  private var expected: FrameOrigin

  /// Nothing seen yet, or only `expected`, the fingerprints of what is at hand.
  public init(expected: FrameOrigin = FrameOrigin()) {
    self.expected = expected
  }

  /// Compares a frame with those before it and remembers what it says.
  /// - Throws: `TensorError` if it was made with something else.
  public mutating func admit(_ origin: FrameOrigin, source: String) throws(TensorError) {
    if let reason = origin.contradiction(with: expected) { throw TensorError(source: source, reason) }
    expected.complete(from: origin)
  }
}
