import Testing

import Reports

@Suite struct MarkupTests {
  @Test func textsAreEscapedAndLiteralsAreNot() {
    let text = "</td><script>alert('1')</script> & \"x\""
    let markup: Markup = "<td>\(text)</td>"
    #expect(
      markup.html
        == "<td>&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;</td>")
    #expect(("<p>\(markup)</p>" as Markup).html == "<p>\(markup.html)</p>", "markup is not escaped again")
    #expect(("\([markup, "<br>"])" as Markup).html == markup.html + "<br>")
  }

  @Test func whatTurnsTheWritingIsShown() {
    #expect(Markup.escaped("a\u{202E}b\u{0}c\r\nd\u{2066}") == "a⟨202E⟩b⟨0000⟩c⟨000D⟩\nd⟨2066⟩")
    #expect(Markup.escaped("Größe 数 👩‍🚀\tשלום") == "Größe 数 👩‍🚀\tשלום")
  }

  @Test func cellsOfTablesAreEscaped() {
    let name = "<b>"
    let table = Markup.table(["round", "\(name)"], [["\(name)", "1"]], caption: "\"><script>")
    #expect(!table.html.contains("<b>"))
    #expect(!table.html.contains("<script>"))
    #expect(table.html.contains("<td class=\"number\">1</td>"))
  }

  @Test func figures() {
    #expect(Figures.fixed(-0.25, decimals: 2, signed: true) == "−0.25")
    #expect(Figures.percent(0.325) == "32.5")
    #expect(Figures.percent(0.26, signed: true) == "+26.0")
    #expect(Figures.percent(nil) == "–")
    #expect(Figures.fixed(.nan) == "–")
    #expect(Figures.short(0.000125) == "0.000125")
    #expect(Figures.short(23.025208541052255) == "23.03")
    #expect(Figures.bytes(312_345_678) == "312 MB")
    #expect(Figures.bytes(2_345_678_901) == "2.3 GB")
    #expect(Figures.bytes(999) == "999 bytes")
    #expect(Figures.time(75.04) == "75.0 s")
    #expect(Figures.time(190) == "3 min")
    #expect(Figures.time(7500) == "2 h 5 min")
    #expect(Figures.date(1_700_000_000) == "2023-11-14 22:13 UTC")
  }
}
