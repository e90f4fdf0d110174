/// A Jinja template, parsed once and rendered as often as needed.
///
/// The language is the part of Jinja that chat templates use, with the settings and additions of Hugging Face's
/// transformers: `trim_blocks` and `lstrip_blocks`, `break` and `continue`, `generation`, `tojson` without HTML
/// escapes, `raise_exception`, `strftime_now`, immutable data. What is not supported is refused, by name, when it is parsed.
///
/// A template can reach nothing but the variables it is given, and is held within `TemplateLimits`.
public struct Template: Sendable {
  private let statements: [Statement]
  private let names: [String: Int]
  private let limits: TemplateLimits

  /// Parses a template.
  /// - Throws: `TemplateError` for what is no Jinja or is not supported.
  public init(_ source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
    var parser = try Parser(source, limits: limits)
    statements = try parser.template()
    names = parser.names
    self.limits = limits
  }

  /// Whether the template mentions a variable of this name, whatever it does with it.
  public func mentions(_ variable: String) -> Bool { names[variable] != nil }

  /// The template's output.
  /// - Parameters:
  ///   - variables: names and values, such as `messages` and `add_generation_prompt`; the later of two with one name
  ///     holds.
  ///   - now: what `strftime_now` writes; without it the function is undefined, for which templates usually have a
  ///     fixed date of their own.
  /// - Throws: `TemplateError` if the template raises an exception, does what its values do not allow, or exceeds a
  ///   limit.
  public func render(
    _ variables: [(String, TemplateValue)], now: TemplateDate? = nil
  ) throws(TemplateError) -> String {
    let interpreter = Interpreter(names: names, limits: limits, now: now)
    defer { interpreter.clearCells() }
    let root = Scope(parent: nil)
    for (name, data) in variables {
      guard let index = names[name] else { continue }
      guard let value = Value(data, levels: limits.depth) else {
        throw TemplateError(.limit, line: 1, "the variable \(name.quoted) has more than \(limits.depth) levels")
      }
      root.set(Name(index: index), value)
    }
    _ = try interpreter.execute(statements, in: root)
    return interpreter.output
  }
}
