import Records
import TemporaryFolders

import Reports

/// A recipe's work folder of two rounds, written by hand: two problems, four steps, hostile texts.
enum RunFolder {
  static let hostile = #"</script><script>alert(1)</script><img src=x onerror=alert(2)> \u202e \u0007"#

  static func summary(accuracy: Double, correct: Int, comparison: String = "") -> String {
    """
    {"n": 4, "questions": 4, "failed": 0, "correct": \(correct), "accuracy": \(accuracy), "standard_error": 0.25,
     "wilson_95": [0.0625, 0.75], "format_compliance": 0.75\(comparison)}
    """
  }

  private static func graded(_ answers: [(id: String, output: String, isRight: Bool)]) -> String {
    answers.map {
      #"{"id":"\#($0.id)","question":"\#(hostile)","answer":"1 + 1 = 2\n#### 2","output":"\#($0.output)","correct":\#($0.isRight)}"#
    }.joined(separator: "\n") + "\n"
  }

  private static func steps(from first: Int) -> String {
    (first..<first + 2).map {
      #"{"step":\#($0),"epoch":1,"loss":\#(Double($0) * 1.5),"gradient_norm":\#($0).25,"learning_rate":0.00\#($0),"ids":["a"],"tokens":\#($0 * 100),"rows":\#($0 * 70),"seconds":0.\#($0)25}"#
    }.joined(separator: "\n") + "\n"
  }

  /// Fills a folder; each file that is written can be written over by a test.
  static func write(to folder: TemporaryFolder) throws {
    for name in [
      "round-0/test/.seconds", "round-1/.seconds", "round-1/.stage", "round-1/test/.seconds", "round-1/adapter",
      "round-2/test", "round-3/test", ".settings", ".seconds",
    ] {
      var path = ""
      for part in name.split(separator: "/") {
        path += (path.isEmpty ? "" : "/") + part
        if RunFiles.size(folder.file(path)) == nil { _ = try folder.folder(path) }
      }
    }
    let comparison =
      #", "comparison": {"n": 4, "difference": 0.25, "standard_error": 0.25, "gains": 2, "losses": 1, "mcnemar_p": 1}"#
    let files = [
      ".settings/rounds": "2\n", ".settings/saliency": "--method nlft \(hostile)\n",
      ".settings/model": "/models/a model.gguf 98362432 1700000000\n", ".seconds/train": "0.125\n",
      "round-0/test/summary.json": summary(accuracy: 0.25, correct: 1),
      "round-0/test/.seconds/sampled": "10.5\n",
      "round-0/test/graded.jsonl": graded([
        ("a", "gains-before", false), ("b", "loses-before", true), ("c", "stays-before", false), ("d", hostile, false),
      ]),
      "round-1/test/summary.json": summary(accuracy: 0.5, correct: 2, comparison: comparison),
      "round-1/test/graded.jsonl": graded([("a", "middle", true)]),
      "round-1/summary.json": #"{"n": 3, "correct": 1, "accuracy": 0.3333333333333333, "standard_error": 0.2}"#,
      "round-1/steps.jsonl": steps(from: 1), "round-2/steps.jsonl": steps(from: 3),
      "round-1/weighted.jsonl": """
      {"id":"a/0","correct":true,"loss":{"tokens":10,"salient":4,"cluster":1,"plain":5,"likelihood":21.5,"unlikelihood":0}}
      {"id":"a/1","correct":false,"judgment":"no","loss":{"tokens":30,"salient":3,"cluster":0,"plain":27,"likelihood":2,"unlikelihood":1.25}}

      """,
      "round-1/adapter/training_state.json":
        #"{"seed":1001,"schedule":{"shape":"cosine","warmup_steps":1,"total_steps":2},"run":{"fingerprint":"run-print"},"losses":["--method nlft --threshold 0.95"],"fingerprints":{"model":"model-print","adapter":"adapter-print"}}"#,
      "round-1/.seconds/sampled": "1.25\n", "round-1/.seconds/judged": "2.5\n", "round-1/.seconds/steps": "4.0\n",
      "round-1/.stage/judged.command": "nlft-judge --critic answer '<b>' < graded.jsonl\n",
      "round-1/.stage/judged.memory": "312345678\n",
      "round-1/judged.log": "nlft-judge: warning: <i>odd</i>\nnlft-judge: done 2, failed 1\n",
      "round-1/map.html": "<html>",
      "round-2/test/summary.json": summary(accuracy: 0.5, correct: 2, comparison: comparison),
      "round-2/test/graded.jsonl": graded([
        ("a", "gains-after", true), ("b", "loses-after", false), ("c", "stays-after", false), ("d", "gone", true),
      ]),
      "round-3/test/summary.json": summary(accuracy: 0.9875, correct: 3),
    ]
    for (name, text) in files { _ = try folder.write(text, to: name) }
  }
}
