/// The metadata of one architecture: keys without the architecture's name in front.
struct GGUFMetadata {
  let file: GGUFFile
  let architecture: String

  var path: String { file.path }

  /// The whole key, for messages.
  func key(_ suffix: String) -> String { architecture + "." + suffix }

  func integer(_ suffix: String) throws(CheckpointError) -> Int? { try file.integer(key(suffix)) }

  func requiredInteger(_ suffix: String) throws(CheckpointError) -> Int { try file.requiredInteger(key(suffix)) }

  func double(_ suffix: String) throws(CheckpointError) -> Double? { try file.double(key(suffix)) }

  func string(_ suffix: String) throws(CheckpointError) -> String? { try file.string(key(suffix)) }

  func bool(_ suffix: String) throws(CheckpointError) -> Bool? { try file.bool(key(suffix)) }

  /// `attention.sliding_window_pattern`: how many layers there are to one that sees everything, or for each layer
  /// whether it slides; nil if nothing is said.
  func slidingLayers(count: Int) throws(CheckpointError) -> [Bool]? {
    let key = key("attention.sliding_window_pattern")
    guard case .array(let elements) = file.metadata[key] else {
      guard let period = try file.integer(key) else { return nil }
      guard period >= 0 else { throw CheckpointError(path, "\(key) is \(period)") }
      return SlidingAttention.layers(count, fullEvery: period)
    }
    guard elements.count == count else {
      throw CheckpointError(path, "\(key) has \(elements.count) elements, expected \(count), one for each layer")
    }
    var cursor = GGUFCursor(mapping: file.mapping, offset: elements.offset)
    var layers: [Bool] = []
    for _ in 0..<count {
      switch try cursor.value(elements.elementType, key) {
      case .bool(let slides): layers.append(slides)
      case .integer(let number): layers.append(number != 0)
      default: throw CheckpointError(path, "\(key) holds more than booleans")
      }
    }
    return layers
  }

  /// Refuses what would change the result in any family.
  func refuseOptions(headDimension: Int) throws(CheckpointError) {
    for suffix in [
      "expert_count", "attn_logit_softcapping", "final_logit_softcapping", "attention.clamp_kqv",
      "attention.max_alibi_bias", "embedding_scale", "residual_scale", "logit_scale", "attention.scale",
    ] where suffix != "attention.scale" || architecture != "gemma3" {
      guard let value = try double(suffix), value != 0 else { continue }
      throw CheckpointError(path, "\(key(suffix)) is \(value), which this architecture is not read with")
    }
    if try bool("attention.causal") == false {
      throw CheckpointError(path, "\(key("attention.causal")) is false, expected true")
    }
    if let size = try integer("attention.value_length"), size != headDimension {
      throw CheckpointError(
        path, "\(key("attention.value_length")) is \(size), expected \(headDimension) as of the keys")
    }
    if let rotary = try integer("rope.dimension_count"), rotary != headDimension {
      throw CheckpointError(
        path, "the rotary embedding covers \(rotary) of \(headDimension) entries of a head, expected all")
    }
  }

  /// The rotary scaling: a factor, or a divisor for each frequency in a tensor of its own.
  func rotaryScaling(headDimension: Int) throws(CheckpointError) -> RotaryScaling {
    let type = try string("rope.scaling.type")
    guard ["none", "linear", nil].contains(type) else {
      throw CheckpointError(
        path, "rotary scaling of type \"\(type ?? "")\", expected none, \"linear\" or the factors of Llama 3.1")
    }
    if let factor = try double("rope.scaling.attn_factor"), factor != 1 {
      throw CheckpointError(path, "\(key("rope.scaling.attn_factor")) is \(factor), expected 1")
    }
    // Old files have the factor under another key, and without a type it is linear.
    var factor = try double("rope.scaling.factor")
    if factor == nil { factor = try double("rope.scale_linear") }
    let isStretched = type != "none" && factor != nil && factor != 0 && factor != 1
    if isStretched, let factor, !(factor > 0 && factor.isFinite) {
      throw CheckpointError(path, "the rotary scaling's factor is \(factor)")
    }
    guard file.tensors[Self.rotaryDivisors] != nil, architecture == "llama" else {
      return isStretched ? .linear(factor: factor ?? 1) : .none
    }
    guard !isStretched else {
      throw CheckpointError(path, "the rotary embedding is scaled by a factor and by \(Self.rotaryDivisors)")
    }
    let divisors = try file.vector(Self.rotaryDivisors, count: headDimension / 2)
    guard divisors.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw CheckpointError(path, "\(Self.rotaryDivisors) holds a divisor that is not positive")
    }
    return .divisors(divisors)
  }

  /// The tensor with the divisors of Llama 3.1's rotary scaling.
  static let rotaryDivisors = "rope_freqs.weight"
}
