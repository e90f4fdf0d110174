import Foundation

/// A frame of a tensor archive.
struct FrameReference: Codable {
  var archive: String
  var offset: Int
  var bytes: Int
}

/// What the bench needs of a record.
struct BenchRecord: Codable {
  struct Tokens: Codable {
    var base, standard, judge, output, answer: [Int32]?
  }

  var id: String
  var instruction, question, answer, output, judgment: String?
  var correct: Bool?
  var tokens: Tokens?
  var scores, loss: FrameReference?

  static func read(_ path: String) throws -> [BenchRecord] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").map {
      do { return try JSONDecoder().decode(BenchRecord.self, from: Data($0.utf8)) } catch {
        throw Failure("\(path): not a record of the bench: \($0.prefix(60))…")
      }
    }
  }

  static func write(_ records: [BenchRecord], to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    var data = Data()
    for record in records { data += try encoder.encode(record) + Data("\n".utf8) }
    try data.write(to: URL(fileURLWithPath: path))
  }
}

extension BenchRecord {
  /// The sequences that scoring reads: each prompt with the response, but for its last token, which predicts nothing.
  var scoredSequences: [[Int32]] {
    guard let output = tokens?.output else { return [] }
    return [tokens?.base, tokens?.standard, tokens?.judge].compactMap { $0.map { $0 + output.dropLast() } }
  }

  /// Probabilities that scoring reads off.
  var scoredTargets: Int { scoredSequences.count * (tokens?.output?.count ?? 0) }
}
