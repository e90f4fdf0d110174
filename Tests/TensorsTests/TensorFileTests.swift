import TemporaryFolders
import Tensors
import Testing

@Suite struct TensorFileTests {
  @Test func readsWhatTheLibraryWrote() throws {
    let file = try TensorFile(parsing: LibraryFile.bytes, source: "library")
    #expect(file.metadata == ["format": "pt"])
    #expect(
      file.names == [
        "long", "double", "scalar", "weights.a", "weights.b", "empty", "tokens", "half", "classes", "flags",
      ])
    #expect(file["weights.b"]?.shape == [2, 2])
    #expect(try file.tensor("weights.b").floats() == [0, 1, -2.5, 3.1415927])
    #expect(try file.tensor("half").floats() == [0, 1, -2.5, 3.140625])
    #expect(try file.tensor("double").floats() == [0, 1])
    #expect(try file.tensor("tokens").int32s() == [1, -2, 2_147_483_647])
    #expect(try file.tensor("classes").uint8s() == [0, 1, 2])
    #expect(file["scalar"]?.shape == [] && file["scalar"]?.count == 1)
    #expect(file["empty"]?.shape == [0, 3] && file["empty"]?.count == 0)
    #expect(file["flags"]?.elementType == .bool)
    #expect(throws: TensorError(source: "", "has no tensor \"nothing\"")) { try file.tensor("nothing") }
  }

  @Test func writesTheBytesTheLibraryWrites() throws {
    let parsed = try TensorFile(parsing: LibraryFile.bytes, source: "library")
    var rebuilt = TensorFile(metadata: parsed.metadata)
    for name in parsed.names.sorted() { rebuilt[name] = parsed[name] }
    #expect(rebuilt.encoded() == LibraryFile.bytes)
  }

  @Test func encodingDoesNotDependOnTheOrderOfInsertion() throws {
    var first = TensorFile(metadata: ["b": "2", "a": "1", "é\n": "\"quoted\""])
    first["x"] = Tensor([1, 2] as [Float])
    first["y"] = Tensor([3] as [UInt8])
    first["gone"] = Tensor([4] as [UInt8])
    first["gone"] = nil
    var second = TensorFile(metadata: ["é\n": "\"quoted\"", "a": "1", "b": "2"])
    second["y"] = Tensor([9] as [UInt8])
    second["x"] = Tensor([1, 2] as [Float])
    second["y"] = Tensor([3] as [UInt8])
    #expect(first.encoded() == second.encoded())
    let read = try TensorFile(parsing: first.encoded(), source: "")
    #expect(read == first)
    #expect(first.encoded().count % 8 == 1, "the header ends on a multiple of 8, nine bytes of data follow")
    #expect(
      String(decoding: first.encoded().dropFirst(8).prefix(35), as: UTF8.self).hasPrefix(
        "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\""))
  }

  @Test func anEmptyFileOfTensors() throws {
    #expect(TensorFile().encoded() == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
    #expect(try TensorFile(parsing: TensorFile().encoded(), source: "") == TensorFile())
  }

  @Test func aMappingShowsTheSameTensors() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(LibraryFile.bytes, to: "library.safetensors")
    let mapped = try MappedTensors(path: path)
    let file = try TensorFile(parsing: LibraryFile.bytes, source: "")
    #expect(mapped.names == file.names && mapped.metadata == file.metadata)
    for name in file.names {
      let entry = try #require(mapped.entry(name))
      #expect(entry.shape == file[name]?.shape && entry.elementType == file[name]?.elementType)
      #expect(Array(entry.bytes) == file[name]?.bytes)
      #expect(try mapped.tensor(name) == file[name])
    }
    #expect(mapped.entry("nothing") == nil)
    #expect(throws: TensorError(source: path, "has no tensor \"nothing\"")) { try mapped.tensor("nothing") }
  }
}
