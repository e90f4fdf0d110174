import Checkpoints
import Kernels
import TemporaryFolders
import Testing
import TinyModels

/// Every way in which a GGUF file can be wrong has its own words, and none ends the process.
struct GGUFFileTests {
  /// What opening the file says, without its path.
  private func refusal(_ file: GGUFWriter) throws -> String { try refusal(file.encoded) }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "model.gguf")
    let text = failure { _ = try ModelCheckpoint.open(path) }
    return text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
  }

  private let good = SmallModel().gguf(vocabulary: false)

  @Test func theUnchangedFileIsRead() throws { #expect(try refusal(good) == "no error") }

  @Test func versionTwoIsReadToo() throws {
    var file = good
    file.version = 2
    #expect(try refusal(file) == "no error")
  }

  @Test func aFileThatIsNotThereCannotBeOpened() throws {
    let folder = try TemporaryFolder()
    let error = try #require(
      #expect(throws: CheckpointError.self) { _ = try ModelCheckpoint.open(folder.file("none.gguf")) })
    #expect(error.isMissing)
    #expect(error.description == "\(folder.file("none.gguf")): cannot open the model: No such file or directory")
  }

  @Test func magicAndVersion() throws {
    var file = good
    file.magic = Array("GGML".utf8)
    #expect(try refusal(file) == "not a GGUF file: it does not start with \"GGUF\"")
    #expect(try refusal([]) == "not a GGUF file: it does not start with \"GGUF\"")
    file = good
    for (version, words) in [(UInt32(1), "has version 1"), (4, "has version 4"), (0x0300_0000, "is big-endian")] {
      file.version = version
      #expect(try refusal(file) == "the GGUF file \(words), expected little-endian version 2 or 3")
    }
  }

  @Test func countsThatNoFileCanHold() throws {
    let huge = UInt64(1) << 63
    var file = good
    file.tensorCount = huge
    #expect(try refusal(file) == "the number of tensors is 9223372036854775808, more than the file can hold")
    file = good
    file.valueCount = huge
    #expect(try refusal(file) == "the number of metadata values is 9223372036854775808, more than the file can hold")
    file = good
    file.set("text", .raw(8, GGUFWriter.little(huge)))
    #expect(try refusal(file) == "the length of text is 9223372036854775808, more than the file can hold")
    file.set("text", .raw(9, GGUFWriter.little(UInt32(0)) + GGUFWriter.little(UInt64.max)))
    #expect(try refusal(file) == "the length of text is 18446744073709551615, more than the file can hold")
  }

  @Test func metadata() throws {
    var file = good
    file.set("odd", .raw(13, [0, 0, 0, 0]))
    #expect(try refusal(file) == "odd has type 13, which GGUF does not have")
    file.set("odd", .raw(9, GGUFWriter.little(UInt32(99)) + GGUFWriter.little(UInt64(0))))
    #expect(try refusal(file) == "odd is an array of type 99, which GGUF does not have")
    let nested = (0..<6).flatMap { _ in GGUFWriter.little(UInt32(9)) + GGUFWriter.little(UInt64(1)) }
    file.set("odd", .raw(9, nested))
    #expect(try refusal(file).contains("nested deeper than"))
    file.set("odd", .raw(8, GGUFWriter.little(UInt64(2)) + [0xC3, 0x28]))
    #expect(try refusal(file).contains("is not UTF-8"))
    file = good
    file.metadata.append(("llama.block_count", .unsigned(2)))
    #expect(try refusal(file) == "the metadata key llama.block_count stands twice")
    file = good
    file.set("llama.embedding_length", .string("32"))
    #expect(try refusal(file) == "llama.embedding_length is no integer")
    file.set("llama.embedding_length", nil)
    #expect(try refusal(file) == "the metadata value llama.embedding_length is missing")
  }

  @Test(arguments: [UInt32(0), 24, 1 << 21])
  func alignment(_ alignment: UInt32) throws {
    var file = good
    file.set("general.alignment", .unsigned(alignment))
    #expect(try refusal(file) == "the alignment is \(alignment), expected a power of two")
  }

  @Test func anotherAlignmentIsHonoured() throws {
    var file = good
    file.alignment = 128
    file.set("general.alignment", .unsigned(128))
    let folder = try TemporaryFolder()
    let checkpoint = try ModelCheckpoint.open(folder.write(file.encoded, to: "model.gguf"))
    #expect(checkpoint.finalNorm == SmallModel().values("model.norm.weight"))
  }

  @Test func tensorEntries() throws {
    var file = good
    file.change("blk.0.attn_v.weight") { $0.dimensions = [32, 16, 1, 1, 1] }
    #expect(try refusal(file) == "the tensor blk.0.attn_v.weight has 5 dimensions, expected 1 to 4")
    file = good
    file.change("blk.0.attn_v.weight") { $0.dimensions = [32, 1 << 63] }
    #expect(try refusal(file) == "a dimension of the tensor blk.0.attn_v.weight is 9223372036854775808")
    file = good
    file.tensors.append(file.tensors[0])
    #expect(try refusal(file) == "the tensor token_embd.weight stands twice")
    file = good
    file.change("blk.1.ffn_up.weight") { $0.dimensions = [64, 32] }
    #expect(try refusal(file) == "the tensor blk.1.ffn_up.weight has shape [32, 64], expected [64, 32]")
    file = good
    file.tensors.removeAll { $0.name == "blk.1.ffn_up.weight" }
    #expect(try refusal(file) == "the tensor blk.1.ffn_up.weight is missing")
    file = good
    file.tensors.removeAll { $0.name == "token_embd.weight" }
    #expect(try refusal(file) == "the tensor token_embd.weight is missing")
  }

  @Test(arguments: [
    (UInt32(23), "IQ4_XS"), (24, "I8"), (28, "F64"), (4, "Q4_2 (removed from ggml)"),
    (33, "Q4_0_8_8 (removed from ggml)"), (34, "TQ1_0"), (39, "MXFP4"), (99, "number 99"),
  ])
  func typesThatAreNotSupportedAreNamed(_ number: UInt32, _ name: String) throws {
    var file = good
    file.change("blk.0.ffn_down.weight") { $0.type = number }
    #expect(try refusal(file).hasPrefix("the tensor blk.0.ffn_down.weight has type \(name), expected "))
  }

  @Test func rowsThatAreNoWholeBlocks() throws {
    var file = good
    file.change("blk.0.ffn_down.weight") { $0.type = 12 }
    #expect(
      try refusal(file) == "the tensor blk.0.ffn_down.weight has rows of 64, expected a multiple of 256")
  }

  @Test func otherArchitectures() throws {
    var file = good
    file.set("general.architecture", .string("qwen2moe"))
    #expect(try refusal(file).hasPrefix("the architecture is \"qwen2moe\", expected "))
    file = good
    file.set("llama.rope.dimension_count", .unsigned(8))
    #expect(try refusal(file) == "the rotary embedding covers 8 of 16 entries of a head, expected all")
    file = good
    file.set("llama.rope.scaling.type", .string("yarn"))
    #expect(try refusal(file).hasPrefix("rotary scaling of type \"yarn\""))
    file = good
    file.set("llama.attention.head_count_kv", .unsigned(0))
    #expect(try refusal(file) == "the number of key-value heads is 0, expected 1 to 16777216")
    file = good
    file.set("llama.block_count", .unsigned(.max))
    #expect(try refusal(file) == "the number of layers is 4294967295, expected 1 to 4096")
  }

  @Test func aFileCutAnywhereIsRefused() throws {
    let folder = try TemporaryFolder()
    let (header, data) = good.parts
    let bytes = header + data
    let lengths =
      Array(0..<300) + Array(stride(from: 300, to: header.count, by: 3))
      + Array(stride(from: header.count, to: bytes.count, by: 2003)) + [bytes.count - 1]
    for length in lengths {
      let path = try folder.write(Array(bytes[..<length]), to: "cut.gguf")
      let text = failure { _ = try ModelCheckpoint.open(path) }
      let known = [
        "not a GGUF file", "the file ends within", "more than the file can hold", "bytes at offset", "beyond the",
      ]
      #expect(known.contains { text.contains($0) }, "cut at \(length): \(text)")
    }
  }
}
