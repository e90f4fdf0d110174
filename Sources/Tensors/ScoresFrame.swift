/// What a model says of one response: the content of a `scores` frame. T is the number of response tokens.
public struct ScoresFrame: Sendable, Equatable {
  /// States of the model that predict each response token.
  public struct Hidden: Sendable, Equatable {
    /// [T, dimension], one state after another.
    public var values: [Float]
    /// Width of a state.
    public var dimension: Int
    /// Whether the frame stores halves (F16) instead of F32.
    public var isHalf: Bool

    /// States of width `dimension`, one after another.
    public init(values: [Float], dimension: Int, isHalf: Bool = false) {
      self.values = values
      self.dimension = dimension
      self.isHalf = isHalf
    }
  }

  /// The record and what computed the frame.
  public var origin: FrameOrigin
  /// The response tokens, [T].
  public var tokens: [Int32]
  /// Natural logarithm of each token's probability under the base prompt, [T].
  public var base: [Float]?
  /// The same under the prompt with the standard answer; nil for a record without one.
  public var standard: [Float]?
  /// The same under the prompt with the critique; nil for a record without one.
  public var judge: [Float]?
  /// The final-norm output that predicts each token under the base prompt.
  public var hidden: Hidden?

  /// A frame from its parts; the lists are as long as `tokens`.
  public init(
    origin: FrameOrigin, tokens: [Int32], base: [Float]?, standard: [Float]? = nil, judge: [Float]? = nil,
    hidden: Hidden? = nil
  ) {
    self.origin = origin
    self.tokens = tokens
    self.base = base
    self.standard = standard
    self.judge = judge
    self.hidden = hidden
  }

  /// Reads the tensors `tokens`, `logprob.base`, `logprob.standard`, `logprob.judge` and `hidden.base`; all but the
  /// tokens may be absent.
  /// - Parameters:
  ///   - source: what to call the frame in errors.
  ///   - readsHidden: whether to take the states over, by far the largest part.
  /// - Throws: `TensorError` if a type or a shape is not what §3 of the design says.
  public init(parsing file: TensorFile, source: String, readsHidden: Bool = true) throws(TensorError) {
    guard let tokens = try file.int32List("tokens", source: source) else {
      throw TensorError(source: source, "has no \"tokens\": not a scores frame")
    }
    self.init(
      origin: FrameOrigin(metadata: file.metadata), tokens: tokens,
      base: try file.floatList("logprob.base", count: tokens.count, source: source),
      standard: try file.floatList("logprob.standard", count: tokens.count, source: source),
      judge: try file.floatList("logprob.judge", count: tokens.count, source: source))
    guard let tensor = file["hidden.base"] else { return }
    guard tensor.shape.count == 2, tensor.shape[0] == tokens.count, tensor.shape[1] > 0 else {
      throw TensorError(
        source: source, "\"hidden.base\" has shape \(tensor.shape), expected [\(tokens.count), width of the model]")
    }
    guard readsHidden else { return }
    do {
      hidden = Hidden(
        values: try tensor.floats(), dimension: tensor.shape[1], isHalf: tensor.elementType == .float16)
    } catch { throw TensorError(source: source, "\"hidden.base\": \(error.reason)") }
  }

  /// The frame's safetensors file.
  public var file: TensorFile {
    var file = TensorFile(metadata: origin.metadata)
    file["tokens"] = Tensor(tokens)
    file["logprob.base"] = base.map { Tensor($0) }
    file["logprob.standard"] = standard.map { Tensor($0) }
    file["logprob.judge"] = judge.map { Tensor($0) }
    if let hidden {
      let shape = [tokens.count, hidden.dimension]
      file["hidden.base"] =
        hidden.isHalf ? Tensor(float16: hidden.values, shape: shape) : Tensor(hidden.values, shape: shape)
    }
    return file
  }
}
