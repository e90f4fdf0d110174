import Testing

import Inspection

@Suite struct TextTableTests {
  @Test func columnsAreAlignedByWhatATerminalShows() {
    var table = TextTable([("n", .right), ("text", .left), ("p", .right)])
    table.append(["1", "ab", "0.5"])
    table.append(["10", "漢字", "0.25"])
    table.append(["3", "e\u{301}😀", ""])
    #expect(
      table.text == """
         n  text     p
         1  ab     0.5
        10  漢字  0.25
         3  e\u{301}😀

        """)
  }

  @Test func widths() {
    // As wcwidth of glibc has them.
    let widths: [(String, Int)] = [
      ("a", 1), ("é", 1), ("e\u{301}", 1), ("漢", 2), ("ｱ", 1), ("Ａ", 2), ("한", 2), ("😀", 2), ("·", 1), ("⏎", 1),
      ("", 0), ("\u{200B}", 0),
    ]
    for (text, width) in widths { #expect(DisplayWidth.columns(of: text) == width, "\(text)") }
  }

  @Test func longTextIsCut() {
    #expect(DisplayWidth.shortened("abcdef", to: 6) == "abcdef")
    #expect(DisplayWidth.shortened("abcdefg", to: 6) == "abcde…")
    #expect(DisplayWidth.shortened("漢字漢字", to: 6) == "漢字…")
  }

  @Test func numbers() {
    #expect(NumberText.logarithm(-0.00123) == "-0.0012")
    #expect([0.5, 0, 0.0004, 1e-12].map(NumberText.probability) == ["0.500", "0.000", "4e-04", "1e-12"])
    #expect(
      [1, 0.0099, 999.9994, 1e9, .infinity].map(NumberText.ratio) == ["1.000", "9.9e-03", "999.999", "1.0e+09", "inf"])
    #expect(
      ([0, 0.125, -2, 1e-5, .nan] as [Float]).map(NumberText.weight) == ["", "0.1250", "-2.0000", "1.000e-05", "nan"])
  }
}

@Suite struct VisibleTextTests {
  @Test func nothingIsHidden() {
    #expect(VisibleText.ofToken(" a\n\t\r\u{1B}\u{A0}\u{202E}b") == "·a⏎⇥\\u{d}\\u{1b}\\u{a0}\\u{202e}b")
    #expect(VisibleText.ofToken("\u{301}x\u{301}") == "◌\u{301}x\u{301}")
    #expect(VisibleText.ofLines("a b\n\tc\u{1B}[31m") == "a b\n\tc\\u{1b}[31m")
    #expect(VisibleText.ofLine("a b\nc\t") == "a b⏎c⇥")
  }
}
