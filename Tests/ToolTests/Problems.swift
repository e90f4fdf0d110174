import Records
import Tensors
import TemporaryFolders
import Testing

/// Small records for tests that take them through several tools.
enum Problems {
  /// Six questions with their answers.
  static let questions: [UInt8] = {
    let products = [(3, 4), (2, 7), (5, 6), (8, 2), (9, 3), (4, 4)]
    let lines = products.enumerated().map { index, factors in
      let (bags, pens) = factors
      return
        #"{"id":"p\#(index)","question":"Tom has \#(bags) bags with \#(pens) pens each. How many pens has he?","#
        + #""answer":"\#(bags) * \#(pens) = \#(bags * pens)\n#### \#(bags * pens)","page":\#(index).50}"# + "\n"
    }
    return Array(lines.joined().utf8)
  }()

  /// Graded responses: one correct, one incorrect, one incorrect that brings its critique, one that was never graded.
  static let graded: [UInt8] = Array(
    #"""
    {"id":"right","question":"What is 2 + 2?","answer":"2 + 2 = 4\n#### 4","output":"It is 4.\n#### 4","correct":true}
    {"id":2,"question":"What is 1 + 1?","answer":"#### 2","output":"#### 3","predicted":"3","expected":"2","correct":false}
    {"id":"judged","question":"What is 1 + 2?","answer":"#### 3","output":"#### 7","judgment":"1 + 2 is 3, not 7."}
    {"id":"plain","question":"What is 6?","output":"Six.","finish":"length"}

    """#.utf8)

  /// A folder with `judged.jsonl` and `scores.safetensors.zst`, made of the graded responses.
  static func judged() async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      #"""
      nlft-tokenize --model "$MODEL" |
      nlft-judge --model "$MODEL" --archive scores.safetensors.zst > judged.jsonl
      """#, input: graded, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }

  /// A folder with `weighted.jsonl` and `loss.safetensors.zst`: the standard answers of the six questions.
  static func weighted() async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let result = try await runShell(
      """
      nlft-tokenize --model "$MODEL" > tokens.jsonl &&
      nlft-saliency --method sft --archive loss.safetensors.zst tokens.jsonl > weighted.jsonl
      """, input: questions, in: folder.path)
    try #require(result.status == 0, "\(result.stderr)")
    return folder
  }
}

extension TemporaryFolder {
  /// The content of a file in the folder, or nil if there is none.
  func content(_ name: String) -> [UInt8]? { Self.content(of: file(name)) }

  /// The records of a file in the folder.
  func records(_ name: String) throws -> [Record] {
    try #require(content(name), "\(name) is not there").split(separator: 0x0A).map { try Record(parsing: Array($0)) }
  }

  /// The frame that a record's field names, read from the folder.
  func frame(_ record: Record, _ field: String) throws -> TensorFile {
    let reference = try FrameReference(json: try #require(record[field]), field: field)
    return try ArchiveReader().read(
      FrameReference(archive: path + "/" + reference.archive, offset: reference.offset, bytes: reference.bytes))
  }
}

extension ToolResult {
  /// The records of stdout.
  var records: [Record] {
    get throws { try lines.map { try Record(parsing: Array($0.utf8)) } }
  }
}
