// Writes train.jsonl, test.jsonl and dev.jsonl from stories.txt, the same bytes every time.
//
//     swiftc -O pipelines/demo/generate.swift -o /tmp/generate
//     /tmp/generate pipelines/demo            writes the three files there
//     /tmp/generate --check pipelines/demo    recomputes every committed answer and compares the files with what it would write

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

let instruction = "Solve the problem in short steps. The last line is #### and the number."
let seed: UInt64 = 20_241_228
/// Of every ten records in a row, so that any first N lines have nearly the same mix.
let stepsOfTen = [1, 1, 2, 1, 1, 3, 1, 2, 1, 2]
let files: [(name: String, prefix: String, count: Int)] = [
  ("train", "train", 200), ("test", "test", 400), ("dev", "dev", 300),
]

struct Failure: Error { let reason: String }

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  // The standard library's own draws may change between releases; these can't.
  mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }
  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
  mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var result = elements
    for last in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(last, below(last + 1)) }
    return result
  }
}

// MARK: - Text

func trimmed(_ text: some StringProtocol) -> String {
  var rest = text[...]
  while rest.first == " " { rest = rest.dropFirst() }
  while rest.last == " " { rest = rest.dropLast() }
  return String(rest)
}

func parts(_ text: some StringProtocol, by separator: Character) -> [String] {
  text.split(separator: separator).map { trimmed($0) }
}

func capitalised(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }

func plural(_ noun: String) -> String {
  let beforeLast = noun.dropLast().last
  switch noun.last {
  case "y" where beforeLast.map { !"aeiou".contains($0) } ?? false: return noun.dropLast() + "ies"
  case "s", "x", "z": return noun + "es"
  case "h" where beforeLast == "c" || beforeLast == "s": return noun + "es"
  default: return noun + "s"
  }
}

/// Replaces "a(n)" by the article that the next letter asks for.
func withArticles(_ text: String) -> String {
  var result = ""
  var rest = text[...]
  while let character = rest.first {
    if rest.hasPrefix("a(n) ") || rest.hasPrefix("A(n) ") {
      let vowel = rest.dropFirst(5).first.map { "aeiou".contains($0) } ?? false
      result += String(character) + (vowel ? "n " : " ")
      rest = rest.dropFirst(5)
    } else {
      result.append(character)
      rest = rest.dropFirst()
    }
  }
  return result
}

func encoded(_ text: String) -> String {
  var result = "\""
  for character in text {
    switch character {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    default: result.append(character)
    }
  }
  return result + "\""
}

/// Words and numbers in lower case, without punctuation.
func words(of text: String) -> [String] {
  text.split { !$0.isLetter && !$0.isNumber && $0 != "-" }.map { $0.lowercased() }
}

func numbers(in text: String) -> [String] { words(of: text).filter { Int($0) != nil } }

// MARK: - Arithmetic

/// Whole numbers only; nil where the text has something else, or a division leaves a remainder.
func applied(_ left: Int, _ operation: String, _ right: Int) -> Int? {
  switch operation {
  case "+": left + right
  case "-": left - right
  case "*": left * right
  case "/": right != 0 && left % right == 0 ? left / right : nil
  default: nil
  }
}

/// The three numbers' texts and the operation of the only "x op y = z" in a line.
func equation(in line: String) throws -> (left: String, operation: String, right: String, result: String) {
  let words = line.split(separator: " ").map(String.init)
  let signs = words.indices.filter { words[$0] == "=" }
  guard signs.count == 1, let sign = signs.first, sign >= 3, sign + 1 < words.count else {
    throw Failure(reason: "expected one equation in \"\(line)\"")
  }
  return (words[sign - 3], words[sign - 2], words[sign - 1], words[sign + 1].filter { $0 != "." })
}

// MARK: - Stories

struct Story {
  let id: String
  var numbers: [(name: String, range: ClosedRange<Int>)] = []
  var given: [(name: String, expression: [String])] = []
  var words: [(keys: [String], alternatives: [[String]])] = []
  var ask: [String] = []
  var work: [String] = []

  mutating func read(_ keyword: String, _ rest: String) throws {
    switch keyword {
    case "numbers":
      for part in parts(rest, by: ",") {
        let words = parts(part, by: " ")
        let bounds = words.count == 2 ? words[1].split(separator: ".").compactMap { Int($0) } : []
        guard bounds.count == 2, bounds[0] <= bounds[1] else {
          throw Failure(reason: "expected NAME LOW..HIGH, found \(part)")
        }
        numbers.append((words[0], bounds[0]...bounds[1]))
      }
    case "given":
      let sides = parts(rest, by: "=")
      guard sides.count == 2 else { throw Failure(reason: "expected NAME = EXPRESSION, found \(rest)") }
      given.append((sides[0], parts(sides[1], by: " ")))
    case "words":
      let sides = parts(rest, by: ":")
      guard sides.count == 2 else { throw Failure(reason: "expected KEY: WORD, …, found \(rest)") }
      let keys = parts(sides[0], by: "|")
      let alternatives = parts(sides[1], by: ",").map { parts($0, by: "|") }
      for alternative in alternatives where alternative.count != keys.count {
        throw Failure(reason: "expected \(keys.count) words in \(alternative)")
      }
      words.append((keys, alternatives))
    case "ask": ask.append(rest)
    case "work": work.append(rest)
    default: throw Failure(reason: "unknown keyword \"\(keyword)\"")
    }
  }

  /// One drawing, or nil where its numbers don't suit.
  func drawn(with generator: inout SplitMix64) throws -> Problem? {
    var values: [String: Int] = [:]
    for number in numbers { values[number.name] = number.range.lowerBound + generator.below(number.range.count) }
    for (name, expression) in given {
      guard var value = values[expression[0]] ?? Int(expression[0]) else {
        throw Failure(reason: "unknown \(expression[0])")
      }
      for index in stride(from: 1, to: expression.count - 1, by: 2) {
        guard let operand = values[expression[index + 1]] ?? Int(expression[index + 1]),
          let next = applied(value, expression[index], operand)
        else { throw Failure(reason: "can't compute \(expression)") }
        value = next
      }
      values[name] = value
    }
    for line in work {
      let sum = try equation(in: line)
      func value(_ hole: String) -> Int? { values[String(hole.dropFirst().dropLast())] ?? Int(hole) }
      guard let left = value(sum.left), let right = value(sum.right) else {
        throw Failure(reason: "unknown number in \(line)")
      }
      guard let result = applied(left, sum.operation, right) else { return nil }
      let name = String(sum.result.dropFirst().dropLast())
      if let known = values[name], known != result { throw Failure(reason: "\(name) is \(known), not \(result)") }
      values[name] = result
    }
    guard values.values.allSatisfy({ (2...200).contains($0) }) else { return nil }

    var texts = values.mapValues(String.init)
    for (keys, alternatives) in words {
      for (key, word) in zip(keys, generator.pick(alternatives)) {
        texts[key] = word
        texts[key + "s"] = texts[key + "s"] ?? plural(word)
      }
    }
    for (suffix, person) in zip(["", "2"], generator.shuffled(people).prefix(2)) {
      texts["name" + suffix] = person.name
      texts["he" + suffix] = person.feminine ? "she" : "he"
      texts["him" + suffix] = person.feminine ? "her" : "him"
      texts["his" + suffix] = person.feminine ? "her" : "his"
    }
    let question = try filled(generator.pick(ask), texts)
    let lines = try work.map { try filled($0, texts) }
    guard let last = lines.last else { throw Failure(reason: "no work") }
    let answer = (lines + ["#### " + (try equation(in: last)).result]).joined(separator: "\n")
    return Problem(template: id, steps: work.count, question: question, answer: answer)
  }

  func filled(_ text: String, _ texts: [String: String]) throws -> String {
    var result = ""
    for (index, piece) in text.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
      guard index > 0 else { result += piece; continue }
      guard let end = piece.firstIndex(of: "}") else { throw Failure(reason: "a hole without end in \"\(text)\"") }
      let hole = String(piece[..<end])
      let lower = hole.prefix(1).lowercased() + hole.dropFirst()
      guard let word = texts[lower] else { throw Failure(reason: "nothing known for {\(hole)} in \"\(text)\"") }
      result += (hole == lower ? word : capitalised(word)) + piece[piece.index(after: end)...]
    }
    return withArticles(capitalised(result))
  }
}

struct Problem {
  let template: String
  let steps: Int
  let question: String
  let answer: String

  func line(id: String) -> String {
    "{\"id\":\(encoded(id)),\"template\":\(encoded(template)),\"steps\":\(steps),\"instruction\":\(encoded(instruction)),"
      + "\"question\":\(encoded(question)),\"answer\":\(encoded(answer))}\n"
  }
}

let people: [(name: String, feminine: Bool)] =
  "Amira Bianca Chloe Dina Elena Fatima Grace Hana Ines Julia Keiko Lena Maya Nora Olivia Priya Rosa Sofia Tess Zoe"
  .split(separator: " ").map { (String($0), true) }
  + "Adam Ben Carlos David Emil Felix George Hugo Ivan Jamal Kenji Leo Marco Noah Omar Pedro Rafael Samir Tom Victor"
  .split(separator: " ").map { (String($0), false) }

func stories(from text: String) throws -> [Story] {
  var result: [Story] = []
  for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
    guard !line.isEmpty, !line.hasPrefix("#") else { continue }
    let space = line.firstIndex(of: " ") ?? line.endIndex
    let (keyword, rest) = (String(line[..<space]), trimmed(line[space...]))
    do {
      if keyword == "story" {
        result.append(Story(id: rest))
      } else if result.isEmpty {
        throw Failure(reason: "\"\(keyword)\" before the first story")
      } else {
        try result[result.count - 1].read(keyword, rest)
      }
    } catch let failure as Failure {
      throw Failure(reason: "stories.txt: line \(index + 1): \(failure.reason)")
    }
  }
  return result
}

// MARK: - Data sets

/// The text of each file. The stories of one step count take turns; none tells the same numbers
/// twice, in whatever order and whichever file.
func written(_ stories: [Story]) throws -> [String] {
  var generator = SplitMix64(state: seed)
  var seen: Set<String> = []
  return try files.map { file in
    var turns: [Int: [Story]] = [:]
    var text = ""
    for index in 0..<file.count {
      let steps = stepsOfTen[index % stepsOfTen.count]
      if turns[steps, default: []].isEmpty {
        turns[steps] = generator.shuffled(stories.filter { $0.work.count == steps })
      }
      guard let story = turns[steps]?.popLast() else { throw Failure(reason: "no story has \(steps) steps") }
      var problem: Problem?
      for _ in 0..<10_000 where problem == nil {
        guard let drawn = try story.drawn(with: &generator) else { continue }
        let numbers = numbers(in: drawn.question).sorted().joined(separator: " ")
        if seen.insert("\(drawn.template) \(numbers)").inserted { problem = drawn }
      }
      guard let problem else { throw Failure(reason: "story \(story.id): no new numbers found") }
      let digits = String(index + 1)
      text += problem.line(id: "\(file.prefix)-\(String(repeating: "0", count: 3 - digits.count))\(digits)")
    }
    return text
  }
}

func contents(of path: String) throws -> String {
  guard let file = fopen(path, "r") else { throw Failure(reason: "\(path): \(String(cString: strerror(errno)))") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
  return String(decoding: bytes, as: UTF8.self)
}

func write(_ text: String, to path: String) throws {
  guard let file = fopen(path, "w") else { throw Failure(reason: "\(path): \(String(cString: strerror(errno)))") }
  let written = fputs(text, file)
  guard fclose(file) == 0, written >= 0 else { throw Failure(reason: "\(path): \(String(cString: strerror(errno)))") }
}

// MARK: - Check

/// Reads the committed lines as a reader would: nothing here asks a story what it meant.
func check(_ lines: [(file: String, line: String)]) throws {
  let numberWords = ["half": "2"]
  var ids: Set<String> = []
  var questions: Set<String> = []
  var numbersOfTemplates: Set<String> = []
  for (file, line) in lines {
    func field(_ name: String) throws -> String {
      let pieces = line.split(separator: "\"\(name)\":\"")
      guard pieces.count == 2, let end = pieces[1].firstIndex(of: "\"") else {
        throw Failure(reason: "\(file): no field \"\(name)\" in \(line)")
      }
      return pieces[1][..<end].split(separator: "\\n").joined(separator: "\n")
    }
    func require(_ condition: Bool, _ reason: String) throws {
      if !condition { throw Failure(reason: "\(file): \(reason): \(line)") }
    }
    let (question, answer) = (try field("question"), try field("answer"))
    try require(line.utf8.allSatisfy { 0x20..<0x7F ~= $0 }, "a character outside ASCII")
    try require(!line.contains("  ") && !question.contains("{") && !question.contains("("), "badly filled text")
    try require(try field("instruction") == instruction, "another instruction")
    try require(question.last == "?", "no question")
    try require(ids.insert(try field("id")).inserted, "id used twice")
    try require(questions.insert(question).inserted, "question used twice")
    let words = words(of: question)
    for (word, next) in zip(words, words.dropFirst()) where word == "a" || word == "an" {
      try require(("aeiou".contains(next.prefix(1)) || next == "hour") == (word == "an"), "\(word) \(next)")
    }
    let numbers = numbers(in: question)
    let key = "\(try field("template")) \(numbers.sorted().joined(separator: " "))"
    try require(numbersOfTemplates.insert(key).inserted, "template and numbers used twice")

    var known = numbers + words.compactMap { numberWords[$0] }
    var used: Set<String> = []
    var steps = answer.split(separator: "\n").map(String.init)
    let final = steps.popLast()
    for step in steps {
      let sum = try equation(in: step)
      guard let left = Int(sum.left), let right = Int(sum.right), let result = Int(sum.result) else {
        throw Failure(reason: "\(file): not a number in \"\(step)\"")
      }
      try require(known.contains(sum.left) && known.contains(sum.right), "a number from nowhere in \"\(step)\"")
      try require(applied(left, sum.operation, right) == result && result > 1, "wrong arithmetic in \"\(step)\"")
      known.append(sum.result)
      used.formUnion([sum.left, sum.right])
      if step == steps.last { try require(final == "#### \(result)", "the final value isn't the last result") }
    }
    try require(line.contains("\"steps\":\(steps.count),"), "another number of steps")
    try require(numbers.allSatisfy(used.contains), "a number that no step uses")
  }
}

func run(_ arguments: [String]) throws {
  let checks = arguments.first == "--check"
  let rest = arguments.dropFirst(checks ? 1 : 0)
  guard rest.count <= 1, !(rest.first?.hasPrefix("-") ?? false) else {
    throw Failure(reason: "usage: generate [--check] [DIRECTORY with stories.txt]")
  }
  let directory = rest.first ?? "."
  let texts = try written(try stories(from: try contents(of: directory + "/stories.txt")))
  guard checks else {
    for (file, text) in zip(files, texts) { try write(text, to: "\(directory)/\(file.name).jsonl") }
    return
  }
  var lines: [(file: String, line: String)] = []
  var committed: [String] = []
  for file in files {
    let path = "\(directory)/\(file.name).jsonl"
    let text = try contents(of: path)
    let read = text.split(separator: "\n")
    guard read.count == file.count else {
      throw Failure(reason: "\(path): \(read.count) records, expected \(file.count)")
    }
    committed.append(text)
    lines += read.map { (path, String($0)) }
  }
  try check(lines)
  guard committed == texts else { throw Failure(reason: "\(directory): the files are not what this generator writes") }
  print(
    "\(lines.count) records: every answer recomputed, no question and no numbers of a template twice, files as generated"
  )
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  let reason = (error as? Failure)?.reason ?? "\(error)"
  fputs("generate: \(reason)\n", stderr)
  exit(1)
}
