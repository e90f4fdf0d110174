import Pages
import Testing

struct PageStyleTests {
  private var css: String { String(decoding: PageStyle.css, as: UTF8.self) }

  /// The names and values that follow a selector.
  private func palette(_ selector: String) throws -> [Substring: Substring] {
    let css = css.replacing(" ", with: "")
    let start = try #require(css.firstRange(of: selector + "{"))
    let end = try #require(css[start.upperBound...].firstRange(of: "}"))
    var palette: [Substring: Substring] = [:]
    for line in css[start.upperBound..<end.lowerBound].split(whereSeparator: { "\n;".contains($0) }) {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { palette[parts[0]] = parts[1] }
    }
    return palette
  }

  /// Who chooses dark and whose system is dark see the same.
  @Test func darkIsDarkEitherWay() throws {
    let chosen = try palette(#":root[data-theme="dark"]"#)
    #expect(chosen.count > 10)
    #expect(try palette(#":root:not([data-theme="light"])"#) == chosen)
  }

  @Test func everyColourHasBothThemes() throws {
    let light = try palette("\n:root").keys.filter { !["--sans", "--mono"].contains($0) }
    #expect(try Set(light) == Set(palette(#":root[data-theme="dark"]"#).keys))
  }
}
