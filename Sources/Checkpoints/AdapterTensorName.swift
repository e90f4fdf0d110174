/// The name of a matrix in adapter_model.safetensors, taken apart.
///
/// PEFT writes `base_model.model.model.layers.0.mlp.up_proj.lora_A.weight`; other programs leave out the leading
/// `base_model.model.`, the `model.` of the model with its head, or leave in the adapter's name behind `lora_A`.
struct AdapterTensorName {
  /// Which of the two matrices.
  enum Letter: String, CaseIterable {
    case a = "A"
    case b = "B"
  }

  let layer: Int
  let projection: Projection
  let letter: Letter
  /// The adapted module as patterns see it: `model.layers.0.mlp.up_proj`.
  let module: String

  /// Takes a name apart.
  /// - Throws: `Problem` with what the tensor seems to be instead.
  init(_ name: String) throws(Problem) {
    guard let parsed = Self.parse(name) else { throw Problem(name) }
    self = parsed
  }

  private init(layer: Int, projection: Projection, letter: Letter, module: String) {
    self.layer = layer
    self.projection = projection
    self.letter = letter
    self.module = module
  }

  private static func parse(_ name: String) -> AdapterTensorName? {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    if parts.starts(with: ["base_model", "model"]) { parts.removeFirst(2) }
    guard parts.popLast() == "weight" else { return nil }
    if let last = parts.last, !last.hasPrefix("lora_") { parts.removeLast() }
    guard let last = parts.popLast(), let letter = Letter.allCases.first(where: { last == "lora_" + $0.rawValue })
    else {
      return nil
    }
    let module = parts.joined(separator: ".")
    if parts.first == "model" { parts.removeFirst() }
    guard parts.count == 4, parts[0] == "layers", parts[1].utf8.count < 10,
      parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let layer = Int(parts[1]), let projection = Projection(rawValue: String(parts[3])), parts[2] == projection.block
    else { return nil }
    return AdapterTensorName(layer: layer, projection: projection, letter: letter, module: module)
  }

  /// Why a tensor is no matrix of a projection.
  struct Problem: Error {
    let reason: String

    init(_ name: String) {
      let kinds = [
        ("lora_magnitude_vector", "is DoRA's"), ("lora_embedding_", "adapts the embeddings"),
        ("embed_tokens.", "adapts or replaces the embeddings"), ("lm_head.", "adapts or replaces the head"),
        ("norm.weight", "replaces a norm's weight"), (".bias", "is a bias"),
      ]
      let kind = kinds.first { name.contains($0.0) }?.1
      reason = kind.map { "the tensor \(name) \($0), which is not supported" } ?? Self.stray(name)
    }

    /// The reason for a tensor of another model.
    static func stray(_ name: String) -> String { "the tensor \(name) fits no projection of the model" }
  }
}
