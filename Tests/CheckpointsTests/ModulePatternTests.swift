import Checkpoints
import Testing

struct ModulePatternTests {
  static let modules = [
    "model.layers.1.self_attn.q_proj", "model.layers.12.self_attn.q_proj", "model.layers.1.mlp.down_proj",
  ]

  /// What Python's `re.match(rf"(.*\.)?({key})$", module)` says of the three modules.
  @Test(arguments: [
    ("q_proj", [true, true, false]),
    ("_proj", [false, false, false]),
    ("self_attn.q_proj", [true, true, false]),
    ("layers.1.self_attn.q_proj", [true, false, false]),
    ("model.layers.1.self_attn.q_proj", [true, false, false]),
    ("^model.layers.1.self_attn.q_proj", [true, false, false]),
    ("^layers.1.self_attn.q_proj", [false, false, false]),
    ("layers.2.self_attn.q_proj", [false, false, false]),
    (#"layers\.1\..*"#, [true, false, true]),
    (#".*\.q_proj"#, [true, true, false]),
    ("q_proj|down_proj", [true, true, true]),
    (#"layers\.(0|1)\.self_attn\.[qk]_proj"#, [true, false, false]),
    ("layers.[0-9].mlp.down_proj", [false, false, true]),
    (#"layers\.\d+\.(mlp|self_attn)\.\w+"#, [true, true, true]),
    (#"layers\.\d\..+"#, [true, false, true]),
    ("[^.]+_proj", [true, true, true]),
    ("(?:down|up)_proj$", [false, false, true]),
    ("layers.1?.self_attn.q_proj", [true, false, false]),
    (#"layers\.1*?2\..*?q_proj"#, [false, true, false]),
    ("", [false, false, false]),
    ("[d-]own_proj", [false, false, true]),
    ("layers.(1.)+self_attn.q_proj", [true, false, false]),
    ("self_attn", [false, false, false]),
    ("(q_proj|)", [true, true, false]),
    (#"l[\w.]+j"#, [true, true, true]),
    ("[]^d]own_proj", [false, false, true]),
  ])
  func namesMatchAsInPython(_ key: String, _ expected: [Bool]) throws {
    let pattern = try ModulePattern(key)
    #expect(Self.modules.map(pattern.matches) == expected, "\(key)")
  }

  @Test(arguments: [
    ("(?=q_proj)", "a group that starts with \"(?\""), (#"(q)\1"#, #"the escape "\1""#),
    (#"\bq_proj"#, #"the escape "\b""#),
    ("q_proj)|(x", "a \")\" that closes nothing"), ("(q_proj", "a \"(\" that is not closed"),
    ("[q_proj", "a \"[\" that is not closed"), ("*q_proj", "a repetition of nothing"), ("q**", "a repeated repetition"),
    ("^*", "a repeated anchor"), ("q{2}", "a count in braces"),
    ("[z-a]", "a range of characters without two ends in order"),
    ("q_proj\\", "a backslash at its end"), ("ä", "a character that is not printable ASCII"),
    (String(repeating: "(", count: 7), "groups nested deeper than 6"),
  ])
  func whatIsNotRegularOrNotValidIsRefused(_ key: String, _ reason: String) {
    let error = #expect(throws: ModulePatternError.self) { try ModulePattern(key) }
    #expect(error?.reason == reason)
  }

  /// Time does not grow with the ways to match: 2⁴⁰ by trying one after another.
  @Test func nestedRepetitionsEnd() throws {
    let pattern = try ModulePattern("(.*)*(.*)*(a|a)*b")
    #expect(!pattern.matches(String(repeating: "a", count: 40)))
  }

  /// Groups in groups cost no more than their number of times.
  @Test func nestedGroupsEnd() throws {
    let pattern = try ModulePattern(String(repeating: "(", count: 6) + "a*" + String(repeating: ")*", count: 6) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 60)))
    #expect(pattern.matches(String(repeating: "a", count: 60) + "b"))
  }

  /// Patterns of nothing but characters and dots take a short way, groups the long one.
  @Test(arguments: [
    "q_proj", "0.self_attn.q_proj", "layers.0", "....proj", "_proj", "x", ".", "model.layers.0.self_attn.q_proj",
  ])
  func theShortWayAgreesWithTheLongOne(_ key: String) throws {
    let (short, long) = (try ModulePattern(key), try ModulePattern("(\(key))"))
    for module in Self.modules + ["q_proj", "", ".q_proj", "a\n.q_proj"] {
      #expect(short.matches(module) == long.matches(module), "\(module)")
    }
  }

  /// No module has so long a name.
  @Test func longNamesAreNone() throws {
    #expect(try ModulePattern("a*").matches(String(repeating: "a", count: 63)))
    #expect(try !ModulePattern("a*").matches(String(repeating: "a", count: 64)))
  }
}
