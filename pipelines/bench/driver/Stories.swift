/// Records made from the demo's problems, the same every time: each has several stories one after the other, so that
/// questions and answers are as long as real ones.
struct Stories {
  let problems: [BenchRecord]

  init(_ path: String) throws {
    problems = try BenchRecord.read(path)
    guard problems.count >= 100 else { throw Failure("\(path) has \(problems.count) problems, expected 100 or more") }
  }

  private func text(_ problem: BenchRecord) -> (question: String, lines: [String], value: String) {
    let lines = (problem.answer ?? "").split(separator: "\n").map(String.init)
    let value = lines.last.map { $0.drop { $0 == "#" || $0 == " " } }.map(String.init) ?? ""
    return (problem.question ?? "", Array(lines.dropLast()), value)
  }

  /// One instruction for all records: what is wanted, and solved examples.
  func longInstruction(examples count: Int) -> String {
    let examples = problems.suffix(count).map { problem in
      let story = text(problem)
      return "Question: \(story.question)\nSolution: \(story.lines.joined(separator: "\n"))\n#### \(story.value)"
    }
    let wanted =
      "Several stories follow, each with a question. Answer them in turn, in short steps that show every calculation. "
      + "The last line is #### and the last story's number. These are solved stories:"
    return ([wanted] + examples).joined(separator: "\n\n")
  }

  /// A record of `count` stories.
  /// - Parameters:
  ///   - number: decides which stories.
  ///   - isCorrect: an incorrect response has a wrong number in its last step, and a critique that says so.
  func record(_ number: Int, stories count: Int, instruction: String, isCorrect: Bool) -> BenchRecord {
    let stories = (0..<count).map { text(problems[(number * count + $0) % problems.count]) }
    let question = stories.enumerated().map { "Story \($0 + 1). \($1.question)" }.joined(separator: "\n")
    var lines = stories.enumerated().flatMap { place, story in
      ["Story \(place + 1). The steps are these."] + story.lines + ["So the number is \(story.value)."]
    }
    let value = stories.last?.value ?? ""
    let answer = (lines + ["#### \(value)"]).joined(separator: "\n")
    var record = BenchRecord(id: "stories-\(number)", instruction: instruction, question: question, answer: answer)
    record.output = answer
    record.correct = isCorrect
    guard !isCorrect else { return record }
    let wrong = "\((Int(value) ?? 0) + 3 + number % 7)"
    lines = lines.dropLast(2) + [lines.suffix(2).first ?? ""].map { $0.replacing("= \(value)", with: "= \(wrong)") }
    lines.append("So the number is \(wrong).")
    record.output = (lines + ["#### \(wrong)"]).joined(separator: "\n")
    record.judgment =
      "The steps of the last story go astray: the last calculation there gives \(value), but the response says \(wrong), "
      + "and its last line repeats that number. Everything before it is right."
    return record
  }
}
