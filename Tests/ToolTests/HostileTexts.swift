import StoredStreams
import TemporaryFolders

/// Records, compressed streams, prompts and chat templates.
enum HostileTexts {
  private static let deepest = "nested deeper than 256 levels"

  // MARK: Records

  private static func records(
    _ name: String, file: String = "in.jsonl", status: Int = 65, _ says: String, room: Int = 48 << 20,
    _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "records: " + name, command: "nlft-grade --quiet \(file)", status: status, says: "\(file): " + says,
      room: room
    ) { try $0.write(bytes(), to: file) }
  }

  private static func line(_ value: [UInt8]) -> [UInt8] { Array(#"{"output":"#.utf8) + value + Array("}\n".utf8) }

  private static let longest = 268_435_456
  private static let longestCompressed = 16_777_216

  static let records = [
    records("deep", "line 1: not JSON: \(deepest) at byte 770") { HostileBytes.deep() + [0x0A] },
    records("deep array file", "line 1: not JSON: found '[' where an object is expected at byte 1") {
      HostileBytes.repeated("[", 100_000) + HostileBytes.repeated("]", 100_000)
    },
    records("many fields", "line 1: not JSON: more than 65536 fields at byte 709788") {
      Array("{".utf8) + Array((0..<300_000).map { "\"f\($0)\":0" }.joined(separator: ",").utf8) + Array("}\n".utf8)
    },
    records("field that stands twice", #"line 1: not JSON: the key "a" stands twice at byte 8"#) {
      Array((#"{"a":1,"a":2}"# + "\n").utf8)
    },
    records("many values where a text should be", #"line 1: field "output": found an array, expected a string"#) {
      line(Array("[0".utf8) + HostileBytes.repeated(",0", 10_000_000) + Array("]".utf8))
    },
    records("line of 64 MB that is no JSON", "line 1: not JSON: found 'x' where an object is expected at byte 1") {
      [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 20) + [0x0A]
    },
    records("not UTF-8", "line 1: not JSON: a string is not UTF-8 at byte 11") { line([0x22, 0xC3, 0x28, 0x22]) },
    records("Git LFS pointer", status: 66, foreign("a Git LFS pointer (git lfs pull fetches the file)")) {
      HostileBytes.gitPointer
    },
    HostileFile(
      name: "records: line longer than any", command: "nlft-grade --quiet in.jsonl", status: 65,
      says: "in.jsonl: line 1: longer than \(longest) bytes, which is the most that is read of one record"
    ) { try $0.writeSparse(Array("{".utf8), size: 300 << 20, to: "in.jsonl") },
  ]

  private static func foreign(_ form: String) -> String {
    "\(form), expected JSON Lines or a JSON array, plain or by gzip or zstd"
  }

  // MARK: Compressed streams

  private static let tooLong =
    "line 1: longer than \(longestCompressed) bytes, which is the most that is read of one record"

  private static let good = line(Array(#""1""#.utf8))

  static let streams = [
    records("gzip, cut", file: "in.jsonl.gz", status: 74, "the gzip data is truncated") {
      Array(StoredStreams.gzip(good).dropLast(9))
    },
    records("gzip, flipped bit", file: "in.jsonl.gz", status: 74, "the gzip data is damaged: incorrect data check") {
      var bytes = StoredStreams.gzip([UInt8](repeating: 0x20, count: 100))
      bytes[40] ^= 1
      return bytes
    },
    records("gzip, wrong length", file: "in.jsonl.gz", status: 74, "the gzip data is damaged: incorrect length check") {
      var bytes = StoredStreams.gzip([UInt8](repeating: 0x20, count: 100))
      bytes[bytes.count - 1] ^= 0x80
      return bytes
    },
    records(
      "gzip, bytes behind the end", file: "in.jsonl.gz", status: 74,
      "behind the end of the gzip data stand bytes that are no gzip"
    ) { StoredStreams.gzip([]) + Array("{}".utf8) },
    records("zstd, cut", file: "in.jsonl.zst", status: 74, "the zstd data is truncated") {
      Array(StoredStreams.zstd(good).dropLast(3))
    },
    records("zstd, header alone", file: "in.jsonl.zst", status: 74, "the zstd data is truncated") {
      Array(StoredStreams.zstd(good).prefix(4))
    },
    records(
      "zstd, reserved block", file: "in.jsonl.zst", status: 74, "the zstd data is damaged: Data corruption detected"
    ) {
      [0x28, 0xB5, 0x2F, 0xFD, 0, 80, 7, 0, 0]
    },
    records("zstd, window of 2 TB", file: "in.jsonl.zst", status: 74, window) {
      var bytes = StoredStreams.zstd(good)
      bytes[5] = 0xFF
      return bytes
    },
    records("zstd, window of 2^31", file: "in.jsonl.zst", status: 74, window) {
      StoredStreams.zstd(repeating: 0x20, count: 1 << 20, windowLog: 31)
    },
    records("zstd, long skippable frame", file: "in.jsonl.zst", status: 74, "the zstd data is truncated") {
      [0x50, 0x2A, 0x4D, 0x18, 255, 255, 255, 255]
    },
    records("zstd, nothing but skippable frames", file: "in.jsonl.zst", "no records") {
      Array(repeatElement(StoredStreams.skippableFrame, count: 1000).joined())
    },
    records("zstd, 1 GB in a line from 32 KB", file: "in.jsonl.zst", tooLong, room: 48 << 20) {
      StoredStreams.zstd(repeating: 0x78, count: 1 << 30)
    },
    records("zstd, 256 MB of line feeds", file: "in.jsonl.zst", "no records") {
      StoredStreams.zstd(repeating: 0x0A, count: 1 << 28)
    },
    records("zstd, 1 GB and the largest window", file: "in.jsonl.zst", tooLong, room: 176 << 20) {
      StoredStreams.zstd(repeating: 0x78, count: 1 << 30, windowLog: 27)
    },
    records("gzip, 32 MB in a line from 200 KB", file: "in.jsonl.gz", tooLong, room: 48 << 20) {
      StoredStreams.gzip(repeating: 0x78, copies: 130_000)
    },
  ]

  private static let window = "the zstd data needs a window of more than 2^27 bytes (zstd --long=27 is the most)"

  // MARK: Prompts

  private static func prompts(
    _ name: String, _ says: String, _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "prompts: " + name,
      command: #"nlft-tokenize --quiet --model "$MODEL" --prompts prompts.json good.jsonl"#, status: 65,
      says: "prompts.json: " + says
    ) { try $0.write(bytes(), to: "prompts.json") }
  }

  static let prompts = [
    prompts("deep", "not JSON: \(deepest) at byte 770") { HostileBytes.deep() },
    prompts("empty", "not JSON: the text ends where a value is expected at byte 1") { [] },
    prompts(
      "long hole",
      "base: unknown hole {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    ) {
      Array(#"{"base":{"user":"{"#.utf8) + HostileBytes.repeated("x", 1 << 20) + Array(#"}"}}"#.utf8)
    },
    prompts("many values", "not JSON: too many values for 20000003 bytes at byte 2231434") {
      Array("[0".utf8) + HostileBytes.repeated(",0", 10_000_000) + Array("]".utf8)
    },
  ]

  // MARK: Templates

  /// A chat template that is refused when the model is opened, or with the first record.
  private static func template(
    _ name: String, _ says: String, _ text: @escaping @Sendable () -> String
  ) -> HostileFile {
    // What a template makes may take 64 MB of texts and 100 MB of lists.
    HostileFile(
      name: "template: " + name, command: "nlft-tokenize --quiet --model model good.jsonl", status: 65, says: says,
      room: 192 << 20
    ) { folder in
      try folder.writeModel(replacing: "chat_template.jinja", by: Array(text().utf8))
    }
  }

  private static let invalid = "model: the chat template, line 1: "
  private static let refused = "model: the chat template refuses a question, line 1: "

  static let templates = [
    template("range of 10^9", refused + "a range has more than 100000 elements") {
      "{% for i in range(10**9) %}x{% endfor %}"
    },
    template("range of 2^63", refused + "a range has more than 100000 elements") {
      "{{ range(-9223372036854775807, 9223372036854775807)|length }}"
    },
    template("loops in loops", refused + "the template takes more than 1000000 steps") {
      String(repeating: "{% for i in range(1000) %}", count: 5) + String(repeating: "{% endfor %}", count: 5)
    },
    template("text doubled", refused + "a text is longer than 4194304 bytes") {
      "{% set n = namespace(s='x') %}{% for i in range(64) %}{% set n.s = n.s + n.s %}{% endfor %}"
    },
    template("text times 10^12", refused + "a text is longer than 4194304 bytes") { "{{ 'x' * 10**12 }}" },
    template("text times 2^62", refused + "a text is longer than 4194304 bytes") { "{{ 'xx' * 4611686018427387904 }}" },
    template("list times 10^12", refused + "a list has more than 100000 elements") { "{{ [0] * 10**12 }}" },
    template("power", refused + "an integer does not fit 64 bits") { "{{ 9 ** 9 ** 9 }}" },
    template("many texts kept", refused + "the template takes more than 1000000 steps") {
      "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = n.l + ['x' * 4000000 ~ i] %}{% endfor %}"
    },
    template("many lists kept", refused + "the template takes more than 1000000 steps") {
      "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = n.l + [[i] * 99999] %}{% endfor %}"
    },
    template("lists in lists", refused + "lists are nested in more than 400 levels") {
      "{% set n = namespace(l=[]) %}{% for i in range(10000) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}"
    },
    template(
      "recursion by a macro", refused + "more than 400 levels of blocks, expressions and calls inside each other"
    ) { "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}" },
    template(
      "recursion by two macros", refused + "more than 400 levels of blocks, expressions and calls inside each other"
    ) {
      "{% macro f() %}{{ g()|upper }}{% endmacro %}{% macro g() %}{{ f() ~ f() }}{% endmacro %}{{ f() }}"
    },
    template("search for a long text", refused + "the template takes more than 1000000 steps") {
      "{% for i in range(100) %}{{ ('a' * 2000000 + 'b') in ('a' * 4000000) }}{% endfor %}"
    },
    template("replacement of every byte", refused + "a text is longer than 4194304 bytes") {
      "{{ ('a' * 4000000).replace('a', 'b' * 1000) }}"
    },
    template("split into too many", refused + "a list has more than 100000 elements") {
      "{{ ('a ' * 2000000).split() }}{{ ('a' * 4000000).split('a') }}"
    },
    template("indentation", refused + "a text is longer than 4194304 bytes") {
      "{{ ('x\\n' * 100000)|indent(4000000) }}"
    },
    template("deep brackets", invalid + "more than 100 levels inside each other") {
      "{{ " + String(repeating: "(", count: 50_000) + String(repeating: ")", count: 50_000) + " }}"
    },
    template("deep lists", invalid + "more than 100 levels inside each other") {
      "{{ " + String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000) + " }}"
    },
    template("deep blocks", invalid + "more than 100 levels inside each other") {
      String(repeating: "{% if x %}", count: 20_000)
    },
    template("many signs", invalid + "more than 100 levels inside each other") {
      "{{ " + String(repeating: "-", count: 100_000) + "1 }}"
    },
    template("many nots", invalid + "an expression has more than 400 levels") {
      "{{ " + String(repeating: "not ", count: 50_000) + "1 }}"
    },
    template("long chain", invalid + "an expression has more than 400 levels") {
      "{{ 1" + String(repeating: "+1", count: 50_000) + " }}"
    },
    template("long path", invalid + "an expression has more than 400 levels") {
      "{{ a" + String(repeating: ".a", count: 50_000) + " }}"
    },
    template("many filters", invalid + "an expression has more than 400 levels") {
      "{{ a" + String(repeating: "|upper", count: 30_000) + " }}"
    },
    template("many conditions", invalid + "more than 100 levels inside each other") {
      "{{ a" + String(repeating: " if a else a", count: 20_000) + " }}"
    },
    template("long template", invalid + "the template is longer than 262144 bytes") {
      String(repeating: "x", count: 300_000)
    },
    template(
      "longer than a file of text", "model/chat_template.jinja: larger than 4194304 bytes, expected a small file"
    ) { String(repeating: "x", count: 5 << 20) },
    template("Git LFS pointer", "model/chat_template.jinja: a Git LFS pointer, expected the file itself (git lfs pull)")
    { String(decoding: HostileBytes.gitPointer, as: UTF8.self) },
  ]
}
