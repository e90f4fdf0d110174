import Templates
import Testing

@Suite struct CaseTests {
  @Test(arguments: [
    ("whitespace", 41), ("statements", 66), ("expressions", 58), ("filters", 39), ("tests", 21), ("methods", 15),
    ("raises", 89), ("syntax", 59), ("unsupported", 26), ("conversations", 126),
  ])
  func rendersAsJinja(file: String, count: Int) throws {
    let cases = try TemplateCase.cases(file)
    #expect(cases.count == count)
    for item in cases {
      // Compared by scalars: Swift takes canonically equivalent texts for equal.
      let result = item.result
      #expect(scalars(result) == scalars(item.expected), "\(item.template)")
    }
  }

  private func scalars(_ result: TemplateCase.Expected) -> [Unicode.Scalar] {
    switch result {
    case .output(let text): Array("output: \(text)".unicodeScalars)
    case .error(let text): Array("error: \(text)".unicodeScalars)
    }
  }

  /// Damaged templates end in an output or an error, whatever is missing.
  @Test(arguments: ["whitespace", "statements", "expressions", "filters", "tests", "methods", "conversations"])
  func damagedTemplatesAreHarmless(file: String) throws {
    var outcomes: Set<Bool> = []
    for item in try TemplateCase.cases(file) {
      let scalars = Array(item.template.unicodeScalars)
      for step in 1...7 {
        let cut = scalars.count * step / 8
        for kept in [scalars[..<cut], scalars[cut...], scalars[..<cut] + scalars.dropFirst(cut + 1)] {
          var view = String.UnicodeScalarView()
          view.append(contentsOf: kept)
          let damaged = TemplateCase(template: String(view), variables: item.variables, expected: item.expected)
          if case .output = damaged.result { outcomes.insert(true) } else { outcomes.insert(false) }
        }
      }
    }
    #expect(outcomes == [true, false])
  }
}
