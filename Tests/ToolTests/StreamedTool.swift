import Records
import TemporaryFolders
import Testing

/// A tool as the stream tests know it: its arguments, records that it takes, and records that it refuses.
struct StreamedTool: Sendable, CustomTestStringConvertible {
  /// A record with the reason for which the tool refuses it.
  typealias Refused = (line: String, reason: String)

  let name: String
  /// Everything but the files; archives and adapters are named relative to the working directory.
  let arguments: String
  /// Three good records of the ids "a1", 2 and "c3".
  let good: [String]
  /// A record of id 40 that lacks a field.
  let missing: Refused
  /// A record of id 50 with a field of another type.
  let wrongType: Refused
  /// Whether every good record is written to stdout with fields added; nlft-step writes metrics instead.
  var passesRecords = true
  /// What the tool says of good records before it counts them.
  var notes: [String] = []

  var testDescription: String { arguments.contains("--rescore") ? name + " --rescore" : name }

  /// The three fields that no tool knows: they must come out as they went in.
  private static let unknown = #""weight":1.50,"caf\u00e9":["é",1E+5,12345678901234567890,{"x":null}],"tabs":"\t""#

  private static func answered(_ id: String, _ more: String) -> String {
    #"{"id":\#(id),"question":"What is 2 + 2?","answer":"2 + 2 = 4\n#### 4",\#(more),\#(unknown)}"#
  }

  private static let questions = [
    answered(#""a1""#, #""instruction":"Be brief.""#), answered("2", #""level":3"#),
    answered(#""c3""#, #""instruction":null"#),
  ]

  private static let judged = [
    answered(#""a1""#, #""output":"It is 4.\n4","correct":true"#),
    answered("2", #""output":"It is 5.","predicted":"5","expected":"4","correct":false"#),
    answered(#""c3""#, #""output":"5","judgment":"2 + 2 is not 5.""#),
  ]

  private static let tokens = [#""a1""#, "2", #""c3""#].map { id in
    #"{"id":\#(id),"tokens":{"base":[1,85,91],"answer":[22,2]},\#(unknown)}"#
  }

  static let all = [
    StreamedTool(
      name: "nlft-tokenize", arguments: #"--model "$MODEL""#, good: questions,
      missing: (#"{"id":40,"answer":"4"}"#, #"no field "question""#),
      wrongType: (#"{"id":50,"question":7}"#, #"field "question": found a number, expected a string"#),
      notes: ["stdin: GSM8K problems: instruction, question, answer"]),
    StreamedTool(
      name: "nlft-sample", arguments: #"--model "$MODEL" --max-tokens 3"#, good: questions,
      missing: (
        #"{"id":40,"answer":"4"}"#, #"the field "question" is missing, which the base prompt needs"#
      ),
      wrongType: (
        #"{"id":50,"tokens":{"base":["x"]}}"#,
        #"field "tokens.base": found "x" as element 1, expected an integer of 32 bits"#
      )),
    StreamedTool(
      name: "nlft-judge", arguments: #"--model "$MODEL" --archive scores.safetensors.zst"#, good: judged,
      missing: (#"{"id":40,"question":"q","answer":"4"}"#, #"no field "output""#),
      wrongType: (
        #"{"id":50,"question":"q","output":"4","correct":"no"}"#,
        #"field "correct": found a string, expected a boolean"#
      ),
      notes: ["critiques: 1 by answer"]),
    StreamedTool(
      name: "nlft-saliency", arguments: "--method sft --archive loss.safetensors.zst", good: tokens,
      missing: (#"{"id":40,"tokens":{"base":[1]}}"#, #"has no "tokens.answer""#),
      wrongType: (
        #"{"id":50,"tokens":[1,2]}"#, #"field "tokens": found an array, expected an object"#
      ),
      notes: ["losses: --method sft --factor 1.0"]),
    StreamedTool(
      name: "nlft-step", arguments: #"--model "$MODEL" --output adapter --batch 1"#,
      // As nlft-saliency writes them; the archive is beside them.
      good: [],
      missing: (#"{"id":40,"tokens":{}}"#, #"no field "loss""#),
      wrongType: (
        #"{"id":50,"loss":{"archive":"loss.safetensors.zst","offset":"0","bytes":9}}"#,
        #"field "loss": "offset" is not an offset"#
      ),
      passesRecords: false, notes: ["losses: --method sft --factor 1.0"]),
    StreamedTool(
      name: "nlft-step", arguments: #"--model "$MODEL" --output adapter --batch 1 --rescore sft"#, good: tokens,
      missing: (#"{"id":40,"tokens":{"base":[1]}}"#, #"has no "tokens.answer""#),
      wrongType: (
        #"{"id":50,"tokens":[1,2]}"#, #"field "tokens": found an array, expected an object"#
      ),
      passesRecords: false, notes: ["losses: --method sft --factor 1.0"]),
  ]

  /// A folder to run the tool in, with what it needs beside its stream, and the good records there.
  func prepared() async throws -> (folder: TemporaryFolder, good: [String]) {
    let folder = try TemporaryFolder()
    guard good.isEmpty else { return (folder, good) }
    let input = Self.tokens.joined(separator: "\n") + "\n"
    let result = try await runShell(
      "nlft-saliency --quiet --method sft --archive loss.safetensors.zst", input: Array(input.utf8), in: folder.path)
    guard result.status == 0 else { throw ToolProcessError(description: "nlft-saliency: \(result.stderr)") }
    return (folder, result.lines)
  }

  /// Runs the tool with `lines` as its stdin.
  func run(_ lines: String, _ more: String = "", in folder: TemporaryFolder) async throws -> ToolResult {
    try await runShell("\(name) \(arguments) \(more)", input: Array(lines.utf8), in: folder.path)
  }

  /// What the tool writes, less what differs from run to run.
  func comparable(_ result: ToolResult) throws -> [String] {
    try result.lines.map { line in
      var record = try Record(parsing: Array(line.utf8))
      record.remove("seconds")
      return String(decoding: record.encoded, as: UTF8.self)
    }
  }
}
