import Checkpoints
import TemporaryFolders
import Testing
import TinyModels

struct GGUFFileWriterTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func writer(
    _ tensors: [GGUFFileWriter.Tensor], _ metadata: [(key: String, value: GGUFFileWriter.Value)] = [],
    as type: WeightType = .f32
  ) throws -> GGUFFileWriter {
    try GGUFFileWriter(path: folder.file("a.gguf"), metadata: metadata, tensors: tensors, type: type)
  }

  private static func tensor(_ name: String, _ dimensions: Int...) -> GGUFFileWriter.Tensor {
    GGUFFileWriter.Tensor(name: name, dimensions: dimensions)
  }

  /// Byte for byte as the format has it, by the test's own writer.
  @Test func theFileIsAsTheFormatHasIt() throws {
    var file = try writer(
      [Self.tensor("one", 3), Self.tensor("two", 2, 3)],
      [("general.name", .string("größe")), ("n", .unsigned(7)), ("x", .float(0.5))], as: .bf16)
    try file.append("one", [1, -2, 3])
    try file.append("two", [1, 2, 3, 4, 5, 6])
    #expect(folder.names.filter { !$0.hasPrefix(".") } == [])
    try file.commit()
    var expected = GGUFWriter()
    expected.metadata = [("general.name", .string("größe")), ("n", .unsigned(7)), ("x", .float(0.5))]
    expected.tensors = [
      GGUFWriter.Tensor(name: "one", dimensions: [3], type: 30, bytes: SmallModel.bytes([1, -2, 3], 30)),
      GGUFWriter.Tensor(name: "two", dimensions: [2, 3], type: 30, bytes: SmallModel.bytes([1, 2, 3, 4, 5, 6], 30)),
    ]
    // The last tensor is padded too.
    #expect(try folder.read("a.gguf") == expected.encoded + [UInt8](repeating: 0, count: 20))
  }

  @Test func whatTheFormatCannotHoldIsRefused() {
    let long = String(repeating: "x", count: 64)
    for tensors in [
      [Self.tensor("")], [Self.tensor(long, 2)], [Self.tensor("a", 2), Self.tensor("a", 3)], [Self.tensor("a")],
      [Self.tensor("a", 0)], [Self.tensor("a", -1)], [Self.tensor("a", 1, 1, 1, 1, 1)],
      [Self.tensor("a", .max, 2)],
      [Self.tensor("a", 1 << 60, 2), Self.tensor("b", 1 << 60, 2), Self.tensor("c", 1 << 60)],
    ] {
      #expect(throws: CheckpointError.self) { try writer(tensors) }
    }
    #expect(throws: CheckpointError.self) { try writer([], [("k", .unsigned(1)), ("k", .unsigned(1))]) }
    #expect(folder.names == [])
  }

  @Test func tensorsComeInOrderAndAll() throws {
    do {
      var file = try writer([Self.tensor("one", 1), Self.tensor("two", 2)])
      #expect(failure { try file.append("two", [1, 2]) }.hasSuffix("was not to be written here"))
      #expect(failure { try file.append("one", [1, 2]) }.hasSuffix("was not to be written here"))
      try file.append("one", [1])
      #expect(failure { try file.commit() }.hasSuffix("the tensor two was not written"))
    }
    #expect(folder.names == [])
  }
}
