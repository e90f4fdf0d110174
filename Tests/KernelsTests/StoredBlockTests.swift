import Kernels
import TemporaryFolders
import Testing

/// Blocks of every quantised type against what the Python package gguf reads from them; Tests/StoredBlocks has both,
/// and the script that made them.
@Suite struct StoredBlockTests {
  static let types: [(name: String, format: WeightFormat)] = [
    ("Q4_0", .q4_0), ("Q4_1", .q4_1), ("Q5_0", .q5_0), ("Q5_1", .q5_1), ("Q8_0", .q8_0), ("Q2_K", .q2_k),
    ("Q3_K", .q3_k), ("Q4_K", .q4_k), ("Q5_K", .q5_k), ("Q6_K", .q6_k),
  ]

  private func bytes(_ name: String) throws -> [UInt8] {
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    return try #require(TemporaryFolder.content(of: "\(folder)/StoredBlocks/\(name)"))
  }

  /// To the last bit; the sign of zero alone may differ.
  @Test(arguments: types) func everyValueIsGgmls(_ type: (name: String, format: WeightFormat)) throws {
    let stored = try bytes("\(type.name).blocks")
    let expected = try bytes("\(type.name).values").withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 4).map { raw.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    }
    try #require(stored.count / type.format.blockBytes * type.format.blockLength == expected.count)
    try #require(!expected.isEmpty)
    let found = Matrix(rows: 1, columns: expected.count)
    stored.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return }
      WeightMatrix(format: type.format, rows: 1, columns: expected.count, bytes: base, owner: nil)
        .widen(row: 0, into: found.view.base)
    }
    let wrong = found.values.indices.first { found.values[$0] != expected[$0] }
    #expect(wrong == nil, "\(wrong.map { "value \($0): \(found.values[$0]), not \(expected[$0])" } ?? "")")
  }
}
