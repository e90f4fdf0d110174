import Checkpoints
import Kernels
import Records
import TemporaryFolders
import TinyModels

extension FuzzTarget {
  private static func tinyModel(_ family: ModelFamily = .llama) throws -> TinyModel {
    var shape = TinyModel.Shape()
    shape.vocabularySize = 8
    (shape.hiddenSize, shape.intermediateSize, shape.layers) = (4, 4, 1)
    (shape.heads, shape.keyHeads, shape.headDimension) = (2, 1, 2)
    shape.family = family
    if family == .gemma3 { (shape.slidingWindow, shape.slidingLayers) = (4, [true]) }
    return try TinyModel(shape)
  }

  /// GGUF files: metadata, tensors, vocabulary and chat template.
  static let gguf = FuzzTarget(
    name: "gguf", longest: 8192,
    seeds: {
      var file = try tinyModel().gguf
      // A vocabulary that leaves room for mutations: three control tokens, some bytes, a merge.
      file.set("tokenizer.ggml.tokens", .strings(Array(TinyTokenizer.vocabulary[..<7]) + ["!\""]))
      file.set("tokenizer.ggml.token_type", .integers([3, 3, 3, 1, 1, 1, 1, 1]))
      file.set("tokenizer.ggml.merges", .strings(["! \""]))
      var sentencePiece = file
      sentencePiece.set("tokenizer.ggml.model", .string("llama"))
      sentencePiece.set("tokenizer.ggml.tokens", .strings(["<unk>", "<s>", "</s>", "<0x41>", "a", "▁", "▁a", "b"]))
      sentencePiece.set("tokenizer.ggml.token_type", .integers([2, 3, 3, 6, 1, 1, 1, 4]))
      sentencePiece.set("tokenizer.ggml.scores", .floats([0, 0, 0, 0, -1, -2, -3, -4]))
      var other = file
      other.version = 2
      other.set("general.alignment", .unsigned(8))
      other.alignment = 8
      other.change("output_norm.weight") { $0.type = 30 }
      return [file.encoded, sentencePiece.encoded, other.encoded]
    },
    read: { input in
      let path = ScratchFile.write(input, name: "model.gguf")
      let tokenizer = Result { try ModelTokenizer.open(path) }
      let model = Result { try ModelCheckpoint.open(path) }
      if case .success(let tokenizer) = tokenizer { try exercise(tokenizer.tokenizer) }
      if case .success(let model) = model { widen(model) }
      _ = try tokenizer.get()
      _ = try model.get()
    })

  /// Reads every weight once.
  private static func widen(_ model: ModelCheckpoint) {
    for matrix in [model.embedding, model.head] + Projection.allCases.flatMap({ kind in model.layers.map { $0[kind] } })
    {
      var row = [Float](repeating: 0, count: matrix.columns)
      for index in 0..<matrix.rows {
        row.withUnsafeMutableBufferPointer { row in
          if let base = row.baseAddress { matrix.widen(row: index, into: base) }
        }
      }
    }
  }

  /// config.json beside the weights of a model.
  static let configuration = FuzzTarget(
    name: "configuration",
    seeds: {
      try ModelFamily.allCases.map { family in
        let model = try tinyModel(family)
        return try withExtendedLifetime(model) {
          try JSON(parsing: WholeFile.bytes(model.path + "/config.json")).encoded
        }
      }
    },
    read: { input in
      guard let folder = try? models.get() else { fatalError("no model: \(models)") }
      ScratchFile.write(input, to: folder.path + "/config.json")
      widen(try ModelCheckpoint.open(folder.path))
    })

  private static let models = Result { try tinyModel() }

  /// adapter_config.json beside the weights of an adapter.
  static let adapter = FuzzTarget(
    name: "adapter",
    seeds: {
      let configuration = try WholeFile.bytes(adapters.get().path + "/adapter_config.json")
      let patterns =
        #"{"peft_type":"LORA","r":2,"lora_alpha":4,"rank_pattern":{"model.layers.0.mlp.(up|down)_proj":3,"#
        + #""^layers\\.[0-9]+.*q_proj$":1},"alpha_pattern":{"v_proj":8.5},"target_modules":"all-linear"}"#
      return [try JSON(parsing: configuration).encoded, Array(patterns.utf8)]
    },
    read: { input in
      guard let folder = try? adapters.get() else { fatalError("no adapter: \(adapters)") }
      ScratchFile.write(input, to: folder.path + "/adapter_config.json")
      _ = try Adapter.read(directory: folder.path, for: folder.model)
    })

  private static let adapters = Result {
    let model = try tinyModel()
    let folder = try TemporaryFolder()
    try model.adapter(rank: 2, alpha: 4).write(directory: folder.path)
    return (path: folder.path, model: try model.checkpoint().configuration, folder: folder)
  }

  /// A key of `rank_pattern`, a line feed, and the name of a module.
  static let pattern = FuzzTarget(
    name: "pattern", longest: 1200,
    seeds: {
      [
        "layers.0.mlp\nmodel.layers.0.mlp",
        #"^model\.layers\.\d+\.(mlp|self_attn)\.[a-z_]*$"# + "\nmodel.layers.12.mlp.up_proj",
        "((((a*)*|b)+c?)*d)\nabababababab", "[^\\]a-c-]+?(?:x|y|)\nzzx",
      ].map { Array($0.utf8) }
    },
    read: { input in
      let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
      let pattern = try ModulePattern(String(decoding: parts[0], as: UTF8.self))
      _ = pattern.matches(String(decoding: parts.last ?? [], as: UTF8.self))
    })
}
