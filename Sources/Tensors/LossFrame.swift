import Records

/// One token sequence of a record's loss and the places in it that carry weight.
///
///     L = Σ_p  − likelihood · log p(target | tokens ≤ position) − unlikelihood · log(1 − p(target | tokens ≤ position))
public struct LossSequence: Sendable, Equatable {
  /// The whole sequence, [L].
  public var tokens: [Int32]
  /// Indices into `tokens`, [P]: the prediction is read where this token has been seen.
  public var positions: [Int32]
  /// The token whose probability is meant at each position, [P].
  public var targets: [Int32]
  /// Final weight of −log p, [P].
  public var likelihood: [Float]
  /// Final weight of −log(1 − p), [P].
  public var unlikelihood: [Float]

  /// A sequence from its parts; the last four are equally long.
  public init(
    tokens: [Int32], positions: [Int32], targets: [Int32], likelihood: [Float], unlikelihood: [Float]
  ) {
    self.tokens = tokens
    self.positions = positions
    self.targets = targets
    self.likelihood = likelihood
    self.unlikelihood = unlikelihood
  }
}

/// How a method sees a response token.
public enum TokenClass: UInt8, Sendable, CaseIterable {
  /// Neither of the others.
  case plain = 0
  /// Near a salient token.
  case cluster = 1
  /// Decisive.
  case salient = 2
}

/// The loss of one record as data: the content of a `loss` frame. Weights are final, means and factors included.
public struct LossFrame: Sendable, Equatable {
  /// The record and what computed its scores.
  public var origin: FrameOrigin
  /// The sequences; the loss is the sum over all of them.
  public var sequences: [LossSequence]
  /// The class of each response token, [T]; nil where a user's own script left it out.
  public var classes: [TokenClass]?
  /// How the weights were made: method and constants, as options of nlft-saliency; nil where a user's own script made
  /// them.
  public var settings: String?

  /// A frame from its parts.
  public init(origin: FrameOrigin, sequences: [LossSequence], classes: [TokenClass]?, settings: String? = nil) {
    self.origin = origin
    self.sequences = sequences
    self.classes = classes
    self.settings = settings
  }

  /// Counts for reading by eye, as a record carries them beside the reference to the frame.
  public var summary: JSON {
    let classes = classes ?? []
    func count(_ wanted: TokenClass) -> JSON { .integer(classes.count { $0 == wanted }) }
    func sum(_ weights: KeyPath<LossSequence, [Float]>) -> JSON {
      .float(Float(sequences.reduce(0.0) { $0 + $1[keyPath: weights].reduce(0.0) { $0 + Double($1) } }))
    }
    return .object([
      "tokens": .integer(classes.count), "salient": count(.salient), "cluster": count(.cluster),
      "plain": count(.plain), "likelihood": sum(\.likelihood), "unlikelihood": sum(\.unlikelihood),
    ])
  }

  /// The frame's safetensors file.
  public var file: TensorFile {
    var file = TensorFile(metadata: origin.metadata)
    file.metadata["settings"] = settings
    for (index, sequence) in sequences.enumerated() {
      file["sequence.\(index).tokens"] = Tensor(sequence.tokens)
      file["sequence.\(index).positions"] = Tensor(sequence.positions)
      file["sequence.\(index).targets"] = Tensor(sequence.targets)
      file["sequence.\(index).likelihood"] = Tensor(sequence.likelihood)
      file["sequence.\(index).unlikelihood"] = Tensor(sequence.unlikelihood)
    }
    file["classes"] = classes.map { Tensor($0.map(\.rawValue)) }
    return file
  }
}

// MARK: Reading

extension LossFrame {
  /// Reads `sequence.0.…`, `sequence.1.…` and so on, and `classes`.
  /// - Parameter source: what to call the frame in errors.
  /// - Throws: `TensorError` if there is no sequence, one is incomplete or follows a gap, lengths differ, a position
  ///   is outside its sequence, a token is negative, or a weight is not finite.
  public init(parsing file: TensorFile, source: String) throws(TensorError) {
    origin = FrameOrigin(metadata: file.metadata)
    settings = file.metadata["settings"]
    sequences = []
    while file["sequence.\(sequences.count).tokens"] != nil {
      sequences.append(try Self.sequence(sequences.count, of: file, source: source))
    }
    guard !sequences.isEmpty else {
      throw TensorError(source: source, "has no \"sequence.0.tokens\": not a loss frame")
    }
    let read = file.names.count { $0.hasPrefix("sequence.") }
    guard read == sequences.count * Self.fields.count else {
      let known = Set(sequences.indices.flatMap { index in Self.fields.map { "sequence.\(index).\($0)" } })
      let stray = file.names.first { $0.hasPrefix("sequence.") && !known.contains($0) } ?? ""
      throw TensorError(source: source, "\"\(stray)\" belongs to none of the \(sequences.count) sequences")
    }
    classes = nil
    if let numbers = try file.uint8List("classes", source: source) {
      let read = numbers.compactMap(TokenClass.init(rawValue:))
      guard read.count == numbers.count else {
        throw TensorError(source: source, "\"classes\" has \(numbers.max() ?? 0), expected 0, 1 or 2")
      }
      classes = read
    }
  }

  private static let fields = ["tokens", "positions", "targets", "likelihood", "unlikelihood"]

  private static func sequence(
    _ index: Int, of file: TensorFile, source: String
  ) throws(TensorError) -> LossSequence {
    func name(_ field: String) -> String { "sequence.\(index).\(field)" }
    func failure(_ field: String, _ reason: String) -> TensorError {
      TensorError(source: source, "\"\(name(field))\" \(reason)")
    }
    func integers(_ field: String, count: Int? = nil) throws(TensorError) -> [Int32] {
      guard let list = try file.int32List(name(field), count: count, source: source) else {
        throw failure(field, "is missing")
      }
      return list
    }
    func weights(_ field: String, count: Int) throws(TensorError) -> [Float] {
      guard let list = try file.floatList(name(field), count: count, source: source) else {
        throw failure(field, "is missing")
      }
      if let bad = list.firstIndex(where: { !$0.isFinite }) { throw failure(field, "has \(list[bad]) at \(bad)") }
      return list
    }
    let tokens = try integers("tokens")
    let positions = try integers("positions")
    let targets = try integers("targets", count: positions.count)
    if let bad = tokens.first(where: { $0 < 0 }) { throw failure("tokens", "has the token \(bad)") }
    if let bad = targets.first(where: { $0 < 0 }) { throw failure("targets", "has the token \(bad)") }
    if let bad = positions.first(where: { $0 < 0 || $0 >= tokens.count }) {
      throw failure("positions", "has \(bad), outside the \(tokens.count) tokens")
    }
    return LossSequence(
      tokens: tokens, positions: positions, targets: targets,
      likelihood: try weights("likelihood", count: positions.count),
      unlikelihood: try weights("unlikelihood", count: positions.count))
  }
}
