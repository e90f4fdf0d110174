import Checkpoints
import Kernels
import TemporaryFolders
import Testing
import TinyModels

/// Stored numbers against ggml's block formats, written out in double precision.
struct GGUFWeightTests {
  private func rows(_ weight: WeightMatrix) -> [[Float]] {
    (0..<weight.rows).map { row in
      [Float](unsafeUninitializedCapacity: weight.columns) { buffer, count in
        if let base = buffer.baseAddress { weight.widen(row: row, into: base) }
        count = weight.columns
      }
    }
  }

  private func cut(_ values: [Float], _ columns: Int) -> [[Float]] {
    stride(from: 0, to: values.count, by: columns).map { Array(values[$0..<$0 + columns]) }
  }

  @Test(arguments: [UInt32(0), 1, 30])
  func plainTypesGiveTheModelsOwnNumbersInItsOwnOrder(_ type: UInt32) throws {
    let folder = try TemporaryFolder()
    let model = SmallModel(tiedHead: false)
    let checkpoint = try ModelCheckpoint.open(folder.write(model.gguf(type: type).encoded, to: "model.gguf"))
    #expect(!checkpoint.configuration.tiedHead)
    #expect(rows(checkpoint.embedding) == cut(model.values("model.embed_tokens.weight"), 32))
    #expect(rows(checkpoint.head) == cut(model.values("lm_head.weight"), 32))
    for (index, layer) in checkpoint.layers.enumerated() {
      for projection in Projection.allCases {
        let name = "model.layers.\(index).\(projection.block).\(projection.rawValue).weight"
        #expect(rows(layer[projection]) == cut(model.values(name), layer[projection].columns), "\(name)")
      }
      #expect(layer.attentionNorm == model.values("model.layers.\(index).input_layernorm.weight"))
      #expect(layer.feedForwardNorm == model.values("model.layers.\(index).post_attention_layernorm.weight"))
    }
  }

  /// A block of 32 and its values, from a seed.
  private func block(_ type: UInt32, _ seed: Int) -> (bytes: [UInt8], values: [Float]) {
    let scale = Float16(Float(seed % 7 + 1) / 32) * (seed % 3 == 0 ? -1 : 1)
    let offset = Float16(Float(seed % 11) / 8 - 0.5)
    let packed = (0..<32).map { UInt8(truncatingIfNeeded: ($0 * 37 + seed * 101) ^ seed) }
    let half = { (number: Float16) in GGUFWriter.little(number.bitPattern) }
    func nibble(_ index: Int) -> Double { Double(index < 16 ? packed[index] & 15 : packed[index - 16] >> 4) }
    let d = Double(scale)
    switch type {
    case 8:
      return (half(scale) + packed, packed.map { Float(d * Double(Int8(bitPattern: $0))) })
    case 2:
      return (half(scale) + packed[..<16], (0..<32).map { Float(d * (nibble($0) - 8)) })
    default:
      return (half(scale) + half(offset) + packed[..<16], (0..<32).map { Float(d * nibble($0) + Double(offset)) })
    }
  }

  @Test(arguments: [UInt32(2), 3, 8])
  func blocksOfThirtyTwo(_ type: UInt32) throws {
    let folder = try TemporaryFolder()
    var file = SmallModel().gguf()
    let vocabulary = SmallModel.tokens.count
    let embedding = (0..<vocabulary).map { block(type, $0) }
    // Two blocks a row, in a matrix whose rows the converter interleaves.
    let query = (0..<32).map { block(type, $0 + 1000) }
    let down = (0..<64).map { block(type, $0 + 2000) }
    for (name, blocks) in [
      ("token_embd.weight", embedding), ("blk.0.attn_q.weight", query), ("blk.1.ffn_down.weight", down),
    ] {
      file.change(name) {
        $0.type = type
        $0.bytes = blocks.flatMap(\.bytes)
      }
    }
    let checkpoint = try ModelCheckpoint.open(folder.write(file.encoded, to: "model.gguf"))
    #expect(rows(checkpoint.embedding) == embedding.map(\.values))
    #expect(SmallModel.interleaved(rows(checkpoint.layers[0][.query])) == query.map(\.values))
    #expect(rows(checkpoint.layers[1][.down]) == cut(down.flatMap(\.values), 64))
  }

  /// Every quantised type under its number, in a projection of rows of 256: the values that the Python package gguf
  /// reads, which Tests/StoredBlocks has.
  @Test(arguments: [
    (UInt32(2), "Q4_0"), (3, "Q4_1"), (6, "Q5_0"), (7, "Q5_1"), (8, "Q8_0"), (10, "Q2_K"), (11, "Q3_K"), (12, "Q4_K"),
    (13, "Q5_K"), (14, "Q6_K"),
  ])
  func quantizedTypesByTheirNumbers(_ type: UInt32, _ name: String) throws {
    let folder = try TemporaryFolder()
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    let stored = parts.dropLast(2).joined(separator: "/") + "/StoredBlocks/" + name
    let blocks = try #require(TemporaryFolder.content(of: stored + ".blocks"))
    let values = try #require(TemporaryFolder.content(of: stored + ".values")).withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 4).map { raw.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    }
    // As many rows as the model has, of those that the blocks make.
    let rowBytes = blocks.count / (values.count / 256)
    let chosen = (0..<32).map { $0 % (values.count / 256) }
    var file = SmallModel().gguf()
    file.set("llama.feed_forward_length", .unsigned(256))
    for layer in 0..<2 {
      for (tensor, dimensions) in [("gate", [32, 256]), ("up", [32, 256]), ("down", [256, 32])] as [(String, [UInt64])]
      {
        file.change("blk.\(layer).ffn_\(tensor).weight") {
          $0.dimensions = dimensions
          $0.bytes = [UInt8](repeating: 0, count: 256 * 32 * 4)
        }
      }
    }
    file.change("blk.1.ffn_down.weight") {
      $0.type = type
      $0.bytes = chosen.flatMap { blocks[$0 * rowBytes..<($0 + 1) * rowBytes] }
    }
    let checkpoint = try ModelCheckpoint.open(folder.write(file.encoded, to: "model.gguf"))
    #expect(rows(checkpoint.layers[1][.down]) == chosen.map { Array(values[$0 * 256..<($0 + 1) * 256]) })
  }

  @Test func fingerprintsTellModelsApart() throws {
    let folder = try TemporaryFolder()
    var other = SmallModel()
    other.tensors[3].values[0] += 1
    let fingerprints = try [SmallModel(), SmallModel(), other].enumerated().map { index, model in
      try ModelCheckpoint.open(folder.write(model.gguf().encoded, to: "\(index).gguf")).fingerprint
    }
    #expect(fingerprints[0] == fingerprints[1])
    #expect(fingerprints[0] != fingerprints[2])
  }
}
