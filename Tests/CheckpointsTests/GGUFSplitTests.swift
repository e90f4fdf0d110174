import Checkpoints
import Kernels
import TemporaryFolders
import Testing
import TinyModels

/// Models in several files, as llama.cpp's gguf-split writes them.
struct GGUFSplitTests {
  private let whole = SmallModel().gguf()

  /// The model in three parts, the first with the metadata and `first` of the tensors.
  private func split(first: Int) -> [GGUFWriter] {
    let half = (whole.tensors.count - first) / 2
    let cuts = [0, first, first + half, whole.tensors.count]
    return (0..<3).map { number in
      var part = GGUFWriter()
      if number == 0 { part.metadata = whole.metadata }
      part.set("split.no", Self.short(number))
      part.set("split.count", Self.short(3))
      part.set("split.tensors.count", .raw(5, GGUFWriter.little(Int32(whole.tensors.count))))
      part.tensors = Array(whole.tensors[cuts[number]..<cuts[number + 1]])
      return part
    }
  }

  private static func short(_ number: Int) -> GGUFWriter.Value { .raw(2, GGUFWriter.little(UInt16(number))) }

  private func name(_ number: Int) -> String { "small-0000\(number + 1)-of-00003.gguf" }

  /// What opening says of the parts that are there; `FOLDER` for where they are.
  private func refusal(_ parts: [GGUFWriter?], opening: Int = 0) throws -> String {
    let folder = try TemporaryFolder()
    for (number, part) in parts.enumerated() {
      if let part { try folder.write(part.encoded, to: name(number)) }
    }
    let text = failure { _ = try ModelCheckpoint.open(folder.file(name(opening))) }
    return text.split(separator: folder.path, omittingEmptySubsequences: false).joined(separator: "FOLDER")
  }

  @Test(arguments: [0, 4]) func allPartsAreOneModel(_ first: Int) throws {
    let folder = try TemporaryFolder()
    let expected = try ModelCheckpoint.open(folder.write(whole.encoded, to: "whole.gguf"))
    for (number, part) in split(first: first).enumerated() { try folder.write(part.encoded, to: name(number)) }
    let found = try ModelCheckpoint.open(folder.file(name(0)))
    #expect(found.fingerprint == expected.fingerprint)
    #expect(found.finalNorm == expected.finalNorm)
    for (layer, other) in zip(found.layers, expected.layers) {
      #expect(layer.attentionNorm == other.attentionNorm)
      for projection in Projection.allCases { #expect(values(layer[projection]) == values(other[projection])) }
    }
    #expect(values(found.embedding) == values(expected.embedding))
    let tokenizers = try ["whole.gguf", name(0)].map { try ModelTokenizer.open(folder.file($0)).tokenizer }
    let tokens = tokenizers.map { $0.encode("hello world", parseSpecial: false) }
    #expect(tokens[0] == tokens[1] && !tokens[0].isEmpty)
  }

  private func values(_ weight: WeightMatrix) -> [Float] {
    let values = Matrix(rows: weight.rows, columns: weight.columns)
    weight.widen(rows: 0..<weight.rows, columns: 0..<weight.columns, into: values.view.base)
    return values.values
  }

  @Test func aMissingPart() throws {
    let parts = split(first: 4)
    #expect(
      try refusal([parts[0], parts[1], nil])
        == "FOLDER/\(name(2)): part 3 of 3 of the model FOLDER/\(name(0)) cannot be opened: No such file or directory")
  }

  @Test func anotherPartThanTheFirst() throws {
    let parts = split(first: 4)
    #expect(
      try refusal(parts, opening: 1)
        == "FOLDER/\(name(1)): part 2 of a model split into 3 files, expected the first, …-00001-of-00003.gguf")
    var first = parts[0]
    first.set("split.no", nil)
    #expect(
      try refusal([first])
        == "FOLDER/\(name(0)): a part of a model split into 3 files, expected the first, …-00001-of-00003.gguf")
  }

  @Test func aNameWithoutNumbers() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(split(first: 4)[0].encoded, to: "model.gguf")
    #expect(
      failure { _ = try ModelCheckpoint.open(path) }
        == "\(path): the first part of a model split into 3 files, expected a name that ends in -00001-of-00003.gguf")
  }

  @Test func partsThatAreNotWhatTheirNamesSay() throws {
    var parts = split(first: 4)
    #expect(
      try refusal([parts[0], parts[2], parts[1]])
        == "FOLDER/\(name(1)): split.no is 2, expected 1: the file is not part 2 of 3 of the model FOLDER/\(name(0))")
    parts[2].set("split.count", Self.short(4))
    #expect(
      try refusal(parts)
        == "FOLDER/\(name(2)): split.count is 4, expected 3: the file is not part 3 of 3 of the model FOLDER/\(name(0))"
    )
    parts[2].set("split.count", nil)
    #expect(try refusal(parts).contains("split.count is missing, expected 3"))
    parts[2].magic = Array("GGML".utf8)
    #expect(try refusal(parts) == "FOLDER/\(name(2)): not a GGUF file: it does not start with \"GGUF\"")
    parts[0].set("split.count", Self.short(0))
    #expect(try refusal(parts) == "FOLDER/\(name(0)): split.count is 0, expected 1 to 99999")
    parts[0].set("split.count", .string("3"))
    #expect(try refusal(parts) == "FOLDER/\(name(0)): split.count is no integer")
  }

  @Test func tensorsThatAreTooFewOrTooMany() throws {
    let good = split(first: 4)
    let count = whole.tensors.count
    var parts = good
    let last = parts[1].tensors.removeLast()
    #expect(
      try refusal(parts)
        == "FOLDER/\(name(0)): the 3 parts of the model have \(count - 1) tensors, expected \(count) (split.tensors.count)"
    )
    parts[0].set("split.tensors.count", nil)
    #expect(try refusal(parts) == "FOLDER/\(name(0)): the tensor \(last.name) is missing")
    parts = good
    parts[0].set("split.tensors.count", nil)
    parts[2].tensors.append(parts[1].tensors[0])
    #expect(
      try refusal(parts)
        == "FOLDER/\(name(2)): the tensor \(parts[1].tensors[0].name) stands in FOLDER/\(name(1)) too")
    parts = good
    parts[2].change("output_norm.weight") { $0.type = 20 }
    #expect(try refusal(parts).hasPrefix("FOLDER/\(name(2)): the tensor output_norm.weight has type IQ4_NL, expected "))
  }
}
