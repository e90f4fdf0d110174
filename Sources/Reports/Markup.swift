/// HTML that is made of what the page says and what records say: literals stand as they are, every text put in between is
/// escaped.
///
///     let row: Markup = "<td>\(record.output)</td>"
package struct Markup: ExpressibleByStringInterpolation, Sendable, Equatable {
  package private(set) var html: String

  package init(stringLiteral value: String) { html = value }
  package init(stringInterpolation: StringInterpolation) { html = stringInterpolation.html }

  /// Markup that was made elsewhere: a cleaned plot, the style sheet.
  package init(trusted html: String) { self.html = html }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var html = ""

    package init(literalCapacity: Int, interpolationCount: Int) { html.reserveCapacity(literalCapacity * 2) }
    package mutating func appendLiteral(_ literal: String) { html += literal }
    package mutating func appendInterpolation(_ text: String) { html += Markup.escaped(text) }
    package mutating func appendInterpolation(_ number: Int) { html += String(number) }
    package mutating func appendInterpolation(_ markup: Markup) { html += markup.html }
    package mutating func appendInterpolation(_ markups: [Markup]) { for markup in markups { html += markup.html } }
  }

  package static func += (left: inout Markup, right: Markup) { left.html += right.html }

  /// A text with nothing in it that a browser would take for markup. Control characters, and those that turn the
  /// direction of writing, are shown by number and not obeyed.
  package static func escaped(_ text: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      default:
        if isShownByNumber(scalar) {
          let digits = String(scalar.value, radix: 16, uppercase: true)
          escaped += "⟨" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "⟩"
        } else {
          escaped.unicodeScalars.append(scalar)
        }
      }
    }
    return escaped
  }

  private static func isShownByNumber(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0x061C, 0x2028, 0x2029: true
    default: scalar.properties.generalCategory == .control
    }
  }
}

extension Markup {
  /// A command line whose lines break between words, not after hyphens.
  package static func command(_ text: String) -> Markup {
    let words = text.split(separator: " ").map { "<span>\(String($0))</span>" as Markup }
    return "<code class=\"command\">\(words.indices.map { $0 == 0 ? words[$0] : " \(words[$0])" })</code>"
  }

  /// A table that can be scrolled sideways where it is wider than the page.
  /// - Parameters:
  ///   - header: the columns' names; the first column is text, the others are numbers.
  ///   - textColumns: further columns of text.
  package static func table(
    _ header: [Markup], _ rows: [[Markup]], caption: String, textColumns: Set<Int> = []
  ) -> Markup {
    let columns = header.enumerated().map { index, name -> Markup in
      index == 0 || textColumns.contains(index)
        ? "<th scope=\"col\">\(name)</th>" : "<th scope=\"col\" class=\"number\">\(name)</th>"
    }
    let lines = rows.map { cells -> Markup in
      let parts = cells.enumerated().map { index, cell -> Markup in
        if index == 0 { return "<th scope=\"row\">\(cell)</th>" }
        return textColumns.contains(index) ? "<td>\(cell)</td>" : "<td class=\"number\">\(cell)</td>"
      }
      return "<tr>\(parts)</tr>\n"
    }
    return """
      <div class="wide" tabindex="0" role="region" aria-label="\(caption)"><table>
      <thead><tr>\(columns)</tr></thead>
      <tbody>
      \(lines)</tbody></table></div>

      """
  }
}
