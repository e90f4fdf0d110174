import TemporaryFolders
import Tensors
import Testing

/// Files that lie about themselves; every one must be refused by name, before anything is read or set aside.
@Suite struct HostileFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let reason: String
    var testDescription: String { name }

    /// A file with this header and `data` zero bytes behind it.
    init(_ name: String, _ header: String, data: Int, _ reason: String) {
      self.init(name, length: UInt64(header.utf8.count), Array(header.utf8) + Array(repeating: 0, count: data), reason)
    }

    init(_ name: String, length: UInt64, _ rest: [UInt8], _ reason: String) {
      self.name = name
      bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + rest
      self.reason = reason
    }

    init(_ name: String, bytes: [UInt8], _ reason: String) {
      self.name = name
      self.bytes = bytes
      self.reason = reason
    }
  }

  static func tensor(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  static let prefixCases = [
    Case("empty", bytes: [], "not a safetensors file: 0 bytes"),
    Case("shorter than the length", bytes: [1, 0, 0], "not a safetensors file: 3 bytes"),
    Case("header longer than the file", length: 3, Array("{}".utf8), "should take 3 bytes, but only 2 follow"),
    Case("header above the limit", length: 100_000_001, Array("{}".utf8), "more than the 100000000 allowed"),
    Case("length that overflows", length: .max, Array("{}".utf8), "would take 18446744073709551615 bytes"),
    Case("no JSON", "{\"a\":", data: 0, "the header is not JSON"),
    Case("JSON of another kind", "[1]", data: 0, "the header is an array, expected an object"),
    Case("not UTF-8", length: 6, [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x7D], "not UTF-8"),
    Case(
      "nested without end", String(repeating: "{\"a\":", count: 100_000), data: 0, "nested deeper than 256 levels"),
    Case("metadata of another kind", "{\"__metadata__\":[1]}", data: 0, "__metadata__ is an array"),
    Case(
      "metadata not of strings", "{\"__metadata__\":{\"step\":1}}", data: 0, "\"step\" is a number, expected a string"),
    Case("trailing bytes without tensors", "{}", data: 3, "3 bytes follow the last tensor"),
  ]

  static let tensorCases = [
    Case(
      "duplicate name", "{\(tensor("a", "U8", "[1]", "[0,1]")),\(tensor("a", "U8", "[1]", "[1,2]"))}", data: 2,
      "the key \"a\" stands twice"),
    Case(
      "names that Unicode takes for one",
      "{\(tensor("\u{E9}", "U8", "[1]", "[0,1]")),\(tensor("e\u{301}", "U8", "[1]", "[1,2]"))}", data: 2,
      "another has the same name"),
    Case("tensor of another kind", "{\"a\":7}", data: 0, "tensor \"a\": is a number"),
    Case("no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", data: 1, "tensor \"a\": has no dtype"),
    Case("unknown dtype", "{\(tensor("a", "F7", "[1]", "[0,1]"))}", data: 1, "unknown dtype \"F7\""),
    Case("no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", data: 1, "has no shape"),
    Case("negative size", "{\(tensor("a", "U8", "[-1]", "[0,1]"))}", data: 1, "[-1] is not a list of sizes"),
    Case("broken size", "{\(tensor("a", "U8", "[0.5]", "[0,1]"))}", data: 1, "[0.5] is not a list of sizes"),
    Case("size as text", "{\(tensor("a", "U8", "[\"1\"]", "[0,1]"))}", data: 1, "is not a list of sizes"),
    Case(
      "shape product overflow", "{\(tensor("a", "F32", "[4611686018427387904,4]", "[0,0]"))}", data: 0,
      "more bytes than can be counted"),
    Case(
      "size beyond integers", "{\(tensor("a", "F32", "[99999999999999999999]", "[0,0]"))}", data: 0,
      "is not a list of sizes"),
    Case("one offset", "{\(tensor("a", "U8", "[1]", "[0]"))}", data: 1, "data_offsets is not a pair"),
    Case("offset as text", "{\(tensor("a", "U8", "[1]", "[\"0\",1]"))}", data: 1, "data_offsets is not a pair"),
    Case("reversed offsets", "{\(tensor("a", "U8", "[1]", "[1,0]"))}", data: 1, "1 to 0 run backwards"),
    Case("negative offset", "{\(tensor("a", "U8", "[1]", "[-1,0]"))}", data: 1, "-1 to 0 run backwards"),
    Case(
      "beyond the file", "{\(tensor("a", "U8", "[2]", "[0,2]"))}", data: 1, "ends at byte 2 of the data, which has 1"),
    Case(
      "offset near overflow", "{\(tensor("a", "U8", "[1]", "[9223372036854775806,9223372036854775807]"))}", data: 1,
      "ends at byte 9223372036854775807"),
    Case("size mismatch", "{\(tensor("a", "F32", "[2]", "[0,4]"))}", data: 4, "takes 8 bytes, its offsets span 4"),
    Case(
      "overlap", "{\(tensor("a", "U8", "[2]", "[0,2]")),\(tensor("b", "U8", "[2]", "[1,3]"))}", data: 3,
      "tensor \"b\": starts at byte 1 of the data and overlaps another"),
    Case(
      "same bytes twice", "{\(tensor("a", "U8", "[2]", "[0,2]")),\(tensor("b", "U8", "[2]", "[0,2]"))}", data: 2,
      "overlaps another"),
    Case(
      "hole", "{\(tensor("a", "U8", "[1]", "[0,1]")),\(tensor("b", "U8", "[1]", "[2,3]"))}", data: 3,
      "tensor \"b\": starts at byte 2 of the data, after a hole of 1 bytes"),
    Case("hole in front", "{\(tensor("a", "U8", "[1]", "[1,2]"))}", data: 2, "after a hole of 1 bytes"),
    Case("trailing bytes", "{\(tensor("a", "U8", "[1]", "[0,1]"))}", data: 3, "2 bytes follow the last tensor"),
    Case("torn data", "{\(tensor("a", "F32", "[2]", "[0,8]"))}", data: 5, "ends at byte 8 of the data, which has 5"),
  ]

  @Test(arguments: prefixCases + tensorCases) func isRefused(_ hostile: Case) throws {
    let error = try #require(throws: TensorError.self) {
      try TensorFile(parsing: hostile.bytes, source: "hostile.safetensors")
    }
    #expect(error.source == "hostile.safetensors" && error.kind == .content)
    #expect(error.reason.contains(hostile.reason), "\(error)")
    #expect(!error.description.contains("\n"))

    let folder = try TemporaryFolder()
    let path = try folder.write(hostile.bytes, to: "hostile.safetensors")
    let mapped = try #require(throws: TensorError.self) { try MappedTensors(path: path) }
    #expect(mapped.description == path + ": " + error.reason)
  }

  /// Every cut of a good file and every flipped bit of its header: an error or a file, never a trap.
  @Test func cutsAndFlipsOfAGoodFile() {
    for length in 0..<LibraryFile.bytes.count {
      #expect(throws: TensorError.self) {
        try TensorFile(parsing: Array(LibraryFile.bytes.prefix(length)), source: "")
      }
    }
    for index in 0..<648 * 8 {
      var bytes = LibraryFile.bytes
      bytes[index / 8] ^= 1 << (index % 8)
      guard let file = try? TensorFile(parsing: bytes, source: "") else { continue }
      #expect(file.names.reduce(0) { $0 + (file[$1]?.bytes.count ?? 0) } == 73)
    }
  }
}
