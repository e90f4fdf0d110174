import Checkpoints
import GoldenData
import Kernels
import Records
import TemporaryFolders
import Tensors
import Testing

struct MergedModelTests {
  private let folder: TemporaryFolder
  private let products: Products

  init() throws {
    folder = try TemporaryFolder()
    products = try Products(threads: 2)
  }

  /// W + s·B·A by hand, in double precision.
  private func merged(_ model: SmallModel, _ adapter: Adapter, _ name: String) -> [Double] {
    var values = model.values(name).map(Double.init)
    for (layer, pairs) in adapter.layers.enumerated() {
      for (projection, pair) in pairs
      where name == "model.layers.\(layer).\(projection.block).\(projection.rawValue).weight" {
        for row in 0..<pair.b.rows {
          for column in 0..<pair.a.columns {
            for rank in 0..<pair.a.rows {
              values[row * pair.a.columns + column] += 1.5 * Double(pair.b[row, rank]) * Double(pair.a[rank, column])
            }
          }
        }
      }
    }
    return values
  }

  @Test(arguments: [true, false], [true, false])
  func everyTensorIsTheModelsWithTheUpdateAdded(_ isGGUF: Bool, _ tiedHead: Bool) throws {
    let model = SmallModel(tiedHead: tiedHead)
    let source = try TemporaryFolder()
    try model.write(to: source)
    let path = isGGUF ? try source.write(model.gguf().encoded, to: "model.gguf") : source.path
    let checkpoint = try ModelCheckpoint.open(path)
    let adapter = SmallAdapter.adapter(for: checkpoint.configuration)
    let file = folder.file("merged.safetensors")
    var reported: [Int] = []
    try MergedModel(checkpoint: checkpoint, adapter: adapter, products: products).write(to: file, as: .f32) {
      done, total in
      reported.append(done)
      #expect(total == model.tensors.count)
    }
    #expect(reported == Array(1...model.tensors.count))
    let result = try MappedTensors(path: file)
    #expect(result.metadata == ["format": "pt"])
    #expect(Set(result.names) == Set(model.tensors.map(\.name)))
    for tensor in model.tensors {
      let written = try result.tensor(tensor.name)
      #expect(written.shape == tensor.shape, "\(tensor.name)")
      let expected = merged(model, adapter, tensor.name)
      let difference = zip(try written.floats(), expected).map { abs(Double($0) - $1) }.max() ?? .infinity
      // Without an update the numbers are the model's own.
      let isAdapted = ["q_proj", "k_proj", "down_proj"].contains { tensor.name.contains($0) }
      #expect(isAdapted ? difference < 1e-6 : difference == 0, "\(tensor.name): \(difference)")
      #expect(isAdapted == (expected != tensor.values.map(Double.init)))
    }
  }

  // MARK: Types

  /// The nearest bfloat16, by distance; of two the even one.
  private func nearestBrain(_ value: Float) -> UInt16 {
    let lower = UInt16(value.bitPattern >> 16)
    let candidates = [lower, lower &+ 1].map { (bits: $0, value: Double(Float(bitPattern: UInt32($0) << 16))) }
    let distances = candidates.map { abs($0.value - Double(value)) }
    if distances[0] == distances[1] { return lower & 1 == 0 ? lower : lower &+ 1 }
    return distances[0] < distances[1] ? lower : lower &+ 1
  }

  /// A model whose embedding begins with the values.
  private func exported(_ values: [Float], as type: WeightType) throws -> [UInt16] {
    var model = SmallModel()
    model.tensors[0].values.replaceSubrange(0..<values.count, with: values)
    let source = try TemporaryFolder()
    try model.write(to: source)
    let file = folder.file("\(type).safetensors")
    try MergedModel(checkpoint: ModelCheckpoint.open(source.path), adapter: nil, products: products)
      .write(to: file, as: type)
    let bytes = try MappedTensors(path: file).tensor("model.embed_tokens.weight").bytes
    return (0..<values.count).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
  }

  /// Values of all sizes, ties between neighbours, subnormal numbers, zeros of both signs.
  private var values: [Float] {
    var values: [Float] = [
      0, -0.0, 65504, 65519.99, -65504, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1.000002p-25, 0x1p-14, 0x1.ffcp-15,
    ]
    for exponent in -28..<15 {
      for step in 0..<24 {
        let base = Float(sign: .plus, exponent: exponent, significand: 1 + Float(step) / 24)
        let half = Float(Float16(base))
        values += [base, -base, (half + Float(Float16(bitPattern: Float16(base).bitPattern + 1))) / 2]
        values.append(Float(bitPattern: base.bitPattern & 0xFFFF_0000 | 0x8000))
      }
    }
    return values
  }

  @Test func halvesAreTheNearest() throws {
    let found = try exported(values, as: .f16)
    for (value, bits) in zip(values, found) { #expect(bits == Float16(value).bitPattern, "\(value)") }
  }

  @Test func brainFloatsAreTheNearest() throws {
    let found = try exported(values, as: .bf16)
    for (value, bits) in zip(values, found) { #expect(bits == nearestBrain(value), "\(value)") }
  }

  @Test func valuesBeyondTheTypeAreRefusedByName() throws {
    let text = failure { _ = try exported([65520], as: .f16) }
    #expect(
      text.hasSuffix("the tensor model.embed_tokens.weight has values too large for f16; --type bf16 or f32 holds them")
    )
    #expect(folder.names.isEmpty)
    #expect(try exported([65520], as: .bf16) == [nearestBrain(65520)])
  }

  @Test(arguments: [("float32", WeightType.f32), ("float16", .f16), ("bfloat16", .bf16)])
  func theDefaultTypeIsTheModelsOwn(_ name: String, _ type: WeightType) throws {
    try SmallModel().write(to: folder, type: name)
    #expect(try ModelExport(model: folder.path, adapter: nil).defaultType == type)
  }

  @Test func aQuantisedModelIsWidened() throws {
    var file = SmallModel().gguf(type: 1)
    file.change("blk.1.ffn_up.weight") {
      $0.type = 8
      $0.bytes = [UInt8](repeating: 0, count: 64 * 34)
    }
    let path = try folder.write(file.encoded, to: "model.gguf")
    #expect(try ModelExport(model: path, adapter: nil).defaultType == .f32)
  }

  // MARK: The directory

  @Test func filesOfADirectoryAreCopiedAndTheTypeIsNamed() throws {
    for key in ["dtype", "torch_dtype"] {
      let source = try TemporaryFolder()
      try SmallModel().write(to: source)
      try source.write(SmallModel().configuration(key: key), to: "config.json")
      try source.write("{\"eos_token_id\": [2, 0]}", to: "generation_config.json")
      try source.write("{{ messages }}", to: "chat_template.jinja")
      try source.write("mine", to: "notes.txt")
      let target = folder.file(key)
      try ModelExport(model: source.path, adapter: nil).write(to: target, as: .f16, products: products)
      let names = try TemporaryFolder.names(in: target)
      #expect(names == ["chat_template.jinja", "config.json", "generation_config.json", "model.safetensors"])
      #expect(
        TemporaryFolder.content(of: target + "/generation_config.json") == (try source.read("generation_config.json")))
      let configuration = try JSON(parsing: try #require(TemporaryFolder.content(of: target + "/config.json")))
      #expect(configuration[key] == .string("float16"))
      #expect(configuration["extra"]?.text == "{\"kept\":0.10}")
      #expect(try ModelCheckpoint.open(target).finalNorm == SmallModel().values("model.norm.weight"))
    }
  }

  @Test func onlyAFreePlaceIsWrittenTo() throws {
    let path = try folder.write(SmallModel().gguf().encoded, to: "model.gguf")
    let export = try ModelExport(model: path, adapter: nil)
    func refusal(_ target: String) -> String { failure { try export.write(to: target, as: .f32, products: products) } }
    #expect(
      refusal(folder.path).hasSuffix(
        "the directory is not empty, it holds model.gguf; a model goes into a new or empty one"))
    #expect(refusal(path).hasSuffix("there is something that is no directory; it is not replaced"))
    #expect(refusal(folder.file("no/where")).contains("No such file or directory"))
    #expect(folder.names == ["model.gguf"])
    let empty = try TemporaryFolder()
    #expect(refusal(empty.path + "/") == "no error")
    #expect(
      empty.names == [
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
      ])
  }

  @Test func whatFailsLeavesNothingBehind() throws {
    var model = SmallModel()
    model.tensors[1].values[0] = 1e6
    let path = try folder.write(model.gguf().encoded, to: "model.gguf")
    let export = try ModelExport(model: path, adapter: nil)
    #expect(failure { try export.write(to: folder.file("out"), as: .f16, products: products) }.contains("too large"))
    #expect(folder.names == ["model.gguf"])
  }

  @Test func anAdapterOfOtherWeightsIsNoticed() throws {
    let path = try folder.write(SmallModel().gguf().encoded, to: "model.gguf")
    let checkpoint = try ModelCheckpoint.open(path)
    let directory = try TemporaryFolder()
    try SmallAdapter.adapter(for: checkpoint.configuration).write(directory: directory.path)
    #expect(try !ModelExport(model: path, adapter: directory.path).isForeignAdapter)
    try directory.write("{\"fingerprints\": {\"model\": \"\(checkpoint.fingerprint)\"}}", to: "training_state.json")
    #expect(try !ModelExport(model: path, adapter: directory.path).isForeignAdapter)
    try directory.write("{\"fingerprints\": {\"model\": \"0000000000000000\"}}", to: "training_state.json")
    #expect(try ModelExport(model: path, adapter: directory.path).isForeignAdapter)
  }

  // MARK: Golden models

  /// The golden models with their adapters: what is read back is the model, W + s·B·A, in the same shape.
  @Test(
    .enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)), arguments: GoldenData.architectures)
  func goldenModelsKeepTheirShape(_ name: String) throws {
    let source = GoldenData.folder + "/models/" + name
    let export = try ModelExport(model: source, adapter: source + "/adapter")
    #expect(export.defaultType == .f32)
    try export.write(to: folder.file(name), as: export.defaultType, products: products)
    let merged = try ModelCheckpoint.open(folder.file(name))
    #expect(merged.configuration == export.checkpoint.configuration)
    #expect(merged.fingerprint != export.checkpoint.fingerprint)
    #expect(merged.finalNorm == export.checkpoint.finalNorm)
  }
}
