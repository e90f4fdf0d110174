import Records
import Templates

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A template, what it is given, and what has to come out. The expected outputs are those of Jinja 3.1.6 as
/// transformers 5.23 sets it up; where an error is expected that Jinja raises one too, its words are this interpreter's.
struct TemplateCase: Sendable {
  let template: String
  let variables: [(String, TemplateValue)]
  let expected: Expected

  enum Expected: Equatable, Sendable {
    case output(String)
    case error(String)
  }

  /// The moment at which the outputs were made.
  static let now = TemplateDate(year: 2024, month: 3, day: 7, hour: 15, minute: 4, second: 9)

  /// What comes out now.
  var result: Expected {
    do throws(TemplateError) {
      return .output(try Template(template).render(variables, now: Self.now))
    } catch {
      return .error(error.description)
    }
  }

  /// The cases of a file, one a line, which share the variables of variables.json unless they have their own.
  static func cases(_ name: String) throws -> [TemplateCase] {
    let shared = try variables(JSON(parsing: bytes("variables.json")))
    return try bytes(name + ".jsonl").split(separator: 0x0A).flatMap { line in
      let json = try JSON(parsing: Array(line))
      let template = json["template"]?.string ?? ""
      return (json["renderings"]?.array ?? [json]).map { rendering in
        let expected = rendering["output"]?.string.map { Expected.output($0) }
        return TemplateCase(
          template: template, variables: rendering["variables"].map(variables) ?? shared,
          expected: expected ?? .error(rendering["error"]?.string ?? ""))
      }
    }
  }

  private static func variables(_ json: JSON) -> [(String, TemplateValue)] {
    (json.members ?? []).map { ($0.key, TemplateValue($0.value)) }
  }

  private static func bytes(_ name: String) throws -> [UInt8] {
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    guard let file = fopen(folder + "/cases/" + name, "rb") else { throw MissingCases(name: name) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  struct MissingCases: Error {
    let name: String
  }
}

extension TemplateValue {
  /// JSON as data for a template.
  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .number(let digits): self = Int(digits).map { .int($0) } ?? .double(Double(digits) ?? .nan)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .list(elements.map { TemplateValue($0) })
    case .object(let members): self = .dictionary(members.map { Entry($0.key, TemplateValue($0.value)) })
    }
  }
}
