import Checkpoints
import Kernels
import TemporaryFolders
import Testing

/// The adapter's file for llama.cpp, read back as any GGUF file.
struct AdapterGGUFTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// - Parameter changes: members of adapter_config.json and what is put in their place.
  private func export(_ family: ModelFamily, changes: [String: String] = [:]) throws -> ModelExport {
    let path = try folder.write(SmallModel(family: family).gguf().encoded, to: "model.gguf")
    let model = try ModelCheckpoint.open(path).configuration
    try SmallAdapter.adapter(for: model).write(directory: folder.path)
    var text = try #require(folder.text("adapter_config.json"))
    for (member, other) in changes {
      #expect(text.contains(member))
      text = text.replacing(member, with: other)
    }
    try folder.write(text, to: "adapter_config.json")
    return try ModelExport(model: path, adapter: folder.path)
  }

  private func values(_ file: GGUFFile, _ name: String, _ dimensions: [Int]) throws -> [Float] {
    let entry = try #require(file.tensors[name], "\(name)")
    #expect(entry.dimensions == dimensions, "\(name)")
    #expect(entry.start % 32 == 0)
    let count = dimensions.reduce(1, *)
    switch entry.type {
    case 0:
      return (0..<count).map { entry.mapping.bytes.loadUnaligned(fromByteOffset: entry.start + 4 * $0, as: Float.self) }
    case 1:
      return (0..<count).map {
        Float(entry.mapping.bytes.loadUnaligned(fromByteOffset: entry.start + 2 * $0, as: Float16.self))
      }
    default:
      Issue.record("the type of \(name) is \(entry.type)")
      return []
    }
  }

  private func number(_ value: GGUFValue?) -> Double? {
    if case .double(let number)? = value { number } else { nil }
  }

  private func text(_ value: GGUFValue?) -> String? {
    if case .string(let text)? = value { text } else { nil }
  }

  private static let names: [Projection: String] = [.query: "attn_q", .key: "attn_k", .down: "ffn_down"]

  /// Rows of B as the family's files have them: by the converter's reshape and swap where it interleaves heads.
  private func rows(_ matrix: Matrix, _ projection: Projection, interleaved: Bool) -> [Float] {
    let rows = (0..<matrix.rows).map { row in (0..<matrix.columns).map { matrix[row, $0] } }
    return (interleaved && projection != .down ? SmallModel.interleaved(rows) : rows).flatMap { $0 }
  }

  @Test(arguments: [
    (ModelFamily.llama, "llama", true), (.mistral, "llama", true), (.qwen2, "qwen2", false), (.qwen3, "qwen3", false),
    (.gemma3, "gemma3", false),
  ])
  func matricesAreTheAdaptersOwn(_ family: ModelFamily, _ architecture: String, _ isInterleaved: Bool) throws {
    let export = try export(family)
    try export.writeGGUF(to: folder.file("adapter.gguf"), as: .f32)
    let file = try GGUFFile(path: folder.file("adapter.gguf"))
    #expect(text(file.metadata["general.type"]) == "adapter")
    #expect(text(file.metadata["adapter.type"]) == "lora")
    #expect(text(file.metadata["general.architecture"]) == architecture)
    #expect(number(file.metadata["adapter.lora.alpha"]) == 4.5)
    let adapter = try #require(export.adapter)
    #expect(file.tensors.count == adapter.parameters.count)
    for (layer, pairs) in adapter.layers.enumerated() {
      for (projection, pair) in pairs {
        let name = "blk.\(layer).\(try #require(Self.names[projection])).weight"
        #expect(try values(file, name + ".lora_a", [pair.a.columns, 3]) == pair.a.values)
        #expect(
          try values(file, name + ".lora_b", [3, pair.b.rows]) == rows(pair.b, projection, interleaved: isInterleaved))
      }
    }
  }

  private static let (noPattern, noStabilizing) = ("\"alpha_pattern\": {}", "\"use_rslora\": false")
  private static let stabilizing = "\"use_rslora\": true"

  @Test(arguments: [
    ([noPattern: "\"alpha_pattern\": {\"k_proj\": 11, \"layers.1.mlp.down_proj\": -2}"], 3),
    ([noStabilizing: stabilizing], 1),
    ([noStabilizing: stabilizing, noPattern: "\"alpha_pattern\": {\"q_proj\": 7}"], 2),
    ([noPattern: "\"alpha_pattern\": {\"q_proj\": 0}"], 2),
  ])
  func scalesBesideTheFilesAreInB(_ changes: [String: String], _ count: Int) throws {
    let export = try export(.llama, changes: changes)
    let adapter = try #require(export.adapter)
    try export.writeGGUF(to: folder.file("adapter.gguf"), as: .f32)
    let file = try GGUFFile(path: folder.file("adapter.gguf"))
    let alpha = try #require(number(file.metadata["adapter.lora.alpha"]))
    #expect(alpha != 0)
    var scales: Set<Float> = []
    for (layer, pairs) in adapter.layers.enumerated() {
      for (projection, pair) in pairs {
        scales.insert(pair.scale)
        let name = "blk.\(layer).\(try #require(Self.names[projection])).weight.lora_b"
        let found = try values(file, name, [3, pair.b.rows])
        for (found, own) in zip(found, rows(pair.b, projection, interleaved: true)) {
          let (applied, meant) = (alpha / 3 * Double(found), Double(pair.scale) * Double(own))
          #expect(abs(applied - meant) <= 3e-7 * abs(meant), "\(name)")
        }
      }
    }
    #expect(scales.count == count)
  }

  @Test func anAlphaOfZeroChangesNothing() throws {
    // llama.cpp takes α 0 for a scale of 1.
    let export = try export(.llama)
    var adapter = try #require(export.adapter)
    adapter.configuration.alpha = 0
    adapter.layers = adapter.layers.map { $0.mapValues { LowRankPair(a: $0.a, b: $0.b, scale: 0) } }
    try adapter.writeGGUF(to: folder.file("adapter.gguf"), for: export.checkpoint.configuration, as: .f32)
    let file = try GGUFFile(path: folder.file("adapter.gguf"))
    #expect(number(file.metadata["adapter.lora.alpha"]) == 1)
    #expect(try values(file, "blk.0.ffn_down.weight.lora_b", [3, 32]).allSatisfy { $0 == 0 })
  }

  @Test func halvesAreTheNearestOrRefused() throws {
    let export = try export(.qwen3)
    try export.writeGGUF(to: folder.file("adapter.gguf"), as: .f16)
    let file = try GGUFFile(path: folder.file("adapter.gguf"))
    let pair = try #require(export.adapter?.layers[1][.down])
    #expect(
      try values(file, "blk.1.ffn_down.weight.lora_a", [64, 3]) == pair.a.values.map { Float(Float16($0)) })
    pair.b[0, 0] = 1e6
    let before = try folder.read("adapter.gguf")
    #expect(
      failure { try export.writeGGUF(to: folder.file("adapter.gguf"), as: .f16) }.hasSuffix(
        "the tensor blk.1.ffn_down.weight.lora_b has values too large for f16; --type bf16 or f32 holds them"))
    #expect(try folder.read("adapter.gguf") == before)
    #expect(!folder.names.contains { $0.hasSuffix(".tmp") })
  }

  @Test func theModelIsNotReplaced() throws {
    let export = try export(.llama)
    let model = try folder.read("model.gguf")
    #expect(
      failure {
        try export.writeGGUF(
          to: folder.path + "/../" + String(folder.path.split(separator: "/").last ?? "") + "/model.gguf", as: .f32)
      }
      .hasSuffix("is the model itself, which the adapter would replace"))
    #expect(try folder.read("model.gguf") == model)
    #expect(failure { try export.writeGGUF(to: folder.path, as: .f32) }.hasSuffix("a GGUF adapter is a file"))
  }
}
