import Templates
import Testing

@Suite struct TemplateTests {
  private func error(
    _ source: String, _ variables: [(String, TemplateValue)] = [], limits: TemplateLimits = TemplateLimits()
  ) -> TemplateError? {
    do throws(TemplateError) {
      _ = try Template(source, limits: limits).render(variables)
      return nil
    } catch {
      return error
    }
  }

  @Test func rendersManyTimes() throws {
    let template = try Template(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
        + "{{ m.role }}:{{ m.content }};{% endfor %}{{ ns.n }}"
    )
    for text in ["a", "b"] {
      let messages = TemplateValue.list([.dictionary(["role": .string("user"), "content": .string(text)])])
      #expect(try template.render([("messages", messages)]) == "user:\(text);1")
    }
  }

  @Test func laterVariablesHold() throws {
    #expect(try Template("{{ a }}{{ b }}").render([("a", .int(1)), ("a", .int(2)), ("unused", .none)]) == "2")
    let twice = TemplateValue.dictionary([.init("k", .int(1)), .init("l", .bool(true)), .init("k", .double(2))])
    #expect(try Template("{{ a }}").render([("a", twice)]) == "{'k': 2.0, 'l': True}")
  }

  @Test func mentionsItsNames() throws {
    let template = try Template("{% if tools is defined %}{{ x.messages }}{% endif %}")
    #expect(template.mentions("tools"))
    #expect(!template.mentions("messages"))
  }

  @Test func dateIsGivenOrUndefined() throws {
    let template = try Template("{{ strftime_now('%d %b %Y') if strftime_now is defined else 'no date' }}")
    #expect(try template.render([]) == "no date")
    #expect(try template.render([], now: TemplateDate(year: 2024, month: 7, day: 26)) == "26 Jul 2024")
  }

  /// Expected by GNU date.
  @Test(arguments: [
    (TemplateDate(year: 2000, month: 2, day: 29), "Tuesday 060 29 00 12AM"),
    (TemplateDate(year: 2023, month: 12, day: 31, hour: 12), "Sunday 365 31 23 12PM"),
    (TemplateDate(year: 2024, month: 1, day: 1, hour: 23), "Monday 001  1 24 11PM"),
    (TemplateDate(year: 2100, month: 3, day: 1, hour: 1), "Monday 060  1 00 01AM"),
  ])
  func weekdaysAndDays(date: TemplateDate, expected: String) throws {
    #expect(try Template("{{ strftime_now('%A %j %e %y %I%p') }}").render([], now: date) == expected)
  }

  @Test func errorsHaveAKindAndALine() {
    #expect(error("\n\n{{ raise_exception('no\nsystem') }}")?.description == "line 3: no\\nsystem")
    #expect(error("{{ raise_exception('no') }}")?.kind == .raised)
    #expect(error("a\n{{ b.c }}")?.line == 2)
    #expect(error("a\n{{ b.c }}")?.kind == .failure)
    #expect(error("{{ 1 +")?.kind == .syntax)
    #expect(error("{% include 'a' %}")?.kind == .unsupported)
    #expect(error("{{ a\n  + 'x'\n  + b\n}}", [("a", .string("a")), ("b", .int(1))])?.line == 3)
    #expect(error("{% macro m(x) %}\n{{ x.y }}\n{% endmacro %}\n{{ m() }}")?.line == 2)
    let long = String(repeating: "x", count: 9000)
    #expect((error("{{ raise_exception('\(long)') }}")?.description.utf8.count ?? 0) < 600)
  }

  // MARK: Limits

  @Test(arguments: [
    "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
    "{% set a = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set a.s = [a.s, a.s] %}{% set a.t = [a.t, a.t] %}"
      + "{% endfor %}{{ a.s == a.t }}{{ a.s < a.t }}",
    "{% for i in range(9999) %}{% if 'x' in 'y' * 1000000 %}{% endif %}{% endfor %}",
  ])
  func stepsAreBounded(source: String) {
    var limits = TemplateLimits()
    limits.steps = 20_000
    #expect(error(source, limits: limits)?.message == "the template takes more than 20000 steps")
  }

  @Test(arguments: [
    "{{ 'x' * 10 ** 18 }}", "{{ ('a' * 900)|replace('a', 'b' * 900) }}", "{{ ('a' * 900)|replace('', 'b' * 900) }}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s]|join(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s]|string %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s]|tojson %}{% endfor %}",
    "{{ [1]|tojson(indent=10 ** 9) }}", "{{ 'a'|indent(10 ** 9) }}", "{{ ('<' * 900)|e }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) ~ m(n - 1) }}{% else %}x{% endif %}{% endmacro %}{{ m(12) }}",
  ])
  func textsAreBounded(source: String) {
    var limits = TemplateLimits()
    limits.textBytes = 2000
    let message = error(source, limits: limits)?.message
    #expect(message == "a text is longer than 2000 bytes" || message == "the output is longer than 2000 bytes")
  }

  @Test func outputIsBounded() {
    let message = error("{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}")?.description
    #expect(message == "line 1: the output is longer than 4194304 bytes")
  }

  @Test(arguments: [
    "{{ [1] * 10 ** 18 }}", "{{ ('abc' * 99)|list }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{{ ('a ' * 200).split() }}",
  ])
  func listsAreBounded(source: String) {
    var limits = TemplateLimits()
    limits.elements = 100
    #expect(error(source, limits: limits)?.message == "a list has more than 100 elements")
  }

  @Test(arguments: ["range(10 ** 18)", "range(-9223372036854775807, 9223372036854775807)", "range(0, -200000, -1)"])
  func rangesAreBounded(call: String) {
    #expect(error("{{ \(call) }}")?.message == "a range has more than 100000 elements")
  }

  @Test(arguments: [
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% set x %}{% filter trim %}{{ m() }}{% endfilter %}{% endset %}{% endmacro %}{{ m() }}",
    "{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(3000) %}{% set ns.s = ns.s|map('trim') %}{% endfor %}"
      + "{{ ns.s|list }}",
  ])
  func depthIsBounded(source: String) {
    #expect(error(source)?.message == "more than 400 levels of blocks, expressions and calls inside each other")
  }

  @Test(arguments: ["[ns.s]", "{'a': ns.s}", "(ns.s,)", "{'a': ns.s}.values()", "[ns.s].index"])
  func nestedDataAreBounded(expression: String) {
    let source = "{% set ns = namespace(s=[]) %}{% for i in range(9999) %}{% set ns.s = \(expression) %}{% endfor %}"
    #expect(error(source)?.message == "lists are nested in more than 400 levels")
  }

  /// Long chains and circles of objects with an identity are released without recursion.
  @Test(arguments: [
    "{% set ns.s = namespace(p=ns.s) %}", "{% for j in [ns.s] %}{% set ns.s = loop %}{% endfor %}",
    "{% set ns.s = [ns.s]|map('string') %}", "{% set ns.s = ns.s.p or namespace(p=ns) %}",
    "{% set prev = ns.s %}{% macro m() %}{{ prev }}{% endmacro %}{% set ns.s = m %}",
  ])
  func chainsAreReleased(statement: String) throws {
    let source =
      "{% set ns = namespace(s=1) %}{% for i in range(20000) %}\(statement)\n{% endfor %}{% set ns.s = 1 %}end"
    #expect(try Template(source).render([]) == "end")
  }

  @Test(arguments: [
    ("(", "1", ")"), ("[", "", "]"), ("{1: ", "1", "}"), ("- ", "1", ""), ("a[", "1", "]"), ("a(", "", ")"),
    ("1 if 1 else ", "1", ""), ("1 is eq (", "1", ")"),
  ])
  func nestingOfExpressionsIsBounded(opening: String, middle: String, closing: String) {
    func source(_ count: Int) -> String {
      "{% if false %}{{ " + String(repeating: opening, count: count) + middle + String(repeating: closing, count: count)
        + " }}{% endif %}"
    }
    #expect(error(source(40)) == nil)
    #expect(error(source(20_000))?.message == "more than 100 levels inside each other")
  }

  @Test(arguments: [" + 1", "|string", ".a", "()", " and 1", " if 1"])
  func longExpressionsAreBounded(part: String) {
    #expect(error("{% if false %}{{ 1" + String(repeating: part, count: 200) + " }}{% endif %}") == nil)
    let message = error("{{ 1" + String(repeating: part, count: 20_000) + " }}")?.message
    #expect(message == "an expression has more than 400 levels")
  }

  @Test func sourcesAreBounded() {
    #expect(error(String(repeating: "x", count: 1 << 18)) == nil)
    #expect(error(String(repeating: "x", count: 1 << 18 + 1))?.kind == .limit)
    #expect(error((0..<1001).map { "{{ a\($0) }}" }.joined())?.message == "the template has more than 1000 names")
    let blocks = String(repeating: "{% if 1 %}", count: 5000) + String(repeating: "{% endif %}", count: 5000)
    #expect(error(blocks)?.message == "more than 100 levels inside each other")
    var value = TemplateValue.none
    for _ in 0..<500 { value = .list([value]) }
    #expect(error("{{ a }}", [("a", value)])?.message == "the variable 'a' has more than 400 levels")
  }

  @Test(arguments: [
    "9223372036854775807 + 1", "9223372036854775807 * 2", "-(-9223372036854775807 - 1)", "2 ** 63",
    "(-9223372036854775807 - 1) // -1", "(-9223372036854775807 - 1)|abs", "10 ** 10 ** 10", "1e300|int",
  ])
  func integersAreOf64Bits(expression: String) {
    #expect(error("{{ \(expression) }}")?.message == "an integer does not fit 64 bits")
  }

  @Test func extremeIndicesAreHarmless() throws {
    let lowest = "(-9223372036854775807 - 1)"
    let source =
      "{{ [1,2,3][\(lowest):9223372036854775807:9223372036854775807] }}{{ [1,2,3][::\(lowest)] }}"
      + "{{ [1,2,3][\(lowest):] }}[{{ [1][\(lowest)] }}{{ 'a'[\(lowest)] }}{{ 'a'[9223372036854775807] }}]"
      + "{{ \(lowest) % -1 }}{{ 1 ** 1000000000000 }}{{ range(0, -5, -9223372036854775807)|list }}"
    #expect(try Template(source).render([]) == "[1][3][1, 2, 3][]01[0]")
  }

  /// Nothing of Python's or this program's inside can be reached.
  @Test(arguments: ["''.__class__.__mro__", "x.__init__.__globals__", "range.__globals__.x", "m.__code__.x", "loop.x"])
  func attributesOfTheHostAreUndefined(path: String) {
    #expect(error("{% macro m() %}{% endmacro %}{{ \(path) }}", [("x", .list([]))])?.kind == .failure)
  }
}
