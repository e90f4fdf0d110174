import Maps
import Records
import Saliency
import TemporaryFolders
import Tensors
import Testing

@Suite struct MapPageTests {
  private func settings() throws -> MapSettings {
    MapSettings(
      builder: try LossBuilder(method: .nlft), files: ["</script>.jsonl"], archive: nil, model: "m", version: "1")
  }

  /// Texts that would break out of a page, turn its writing round, or stand for nothing.
  private let hostile = #"""
    {"id":"</script><script>document.title='broken'</script>","question":"<!--<script>\u2028\u202e <b>","answer":"]]>&lt;\u0000","output":"<img src=x onerror=\"document.title='broken'\">\r\n\u0007<|im_end|>","judgment":"\u200f</SCRIPT >","tokens":{"huge":[1]},"mine":"stays behind"}
    """#

  private func page(in folder: TemporaryFolder) throws -> String {
    let page = try MapPage(path: folder.file("map.html"), settings: settings())
    let record = try Record(parsing: Array(hostile.utf8))
    let tokens: [Int32] = [5, 6]
    let scored = ScoredRecord(
      id: record.idText ?? "", isIncorrect: true, basePrompt: [1], response: tokens, judgePrompt: [2],
      scores: ScoresFrame(
        origin: FrameOrigin(), tokens: tokens, base: [-1, -2], standard: [-0.5, 0], judge: [-0.1, -3],
        hidden: ScoresFrame.Hidden(values: [1, 0, 1, 1], dimension: 2)))
    try page.append(MapRecord(record, scored: scored, limits: settings().limits))
    try page.append(MapRecord(record, scored: nil, trouble: "gone <b>", limits: settings().limits))
    #expect(page.count == 2)
    #expect(folder.text("map.html") == nil, "a page that is not finished must not appear")
    try page.finish()
    return try #require(folder.text("map.html"))
  }

  @Test func everyMarkIsFilled() throws {
    let page = try page(in: TemporaryFolder())
    for mark in ["/* map.css */", "/* scripts */", "<!-- records -->", #"id="settings">{}"#] {
      #expect(!page.contains(mark), "\(mark)")
    }
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    #expect(page.hasSuffix("</html>\n"))
    // Settings, two records, and one script: nothing in the records opens or closes another.
    #expect(page.ranges(of: "<script").count == 4)
    #expect(page.ranges(of: "</script").count == 4)
  }

  /// Nothing is fetched: no address but those of namespaces, no import.
  @Test func nothingIsFetched() throws {
    let page = try page(in: TemporaryFolder())
    #expect(page.replacing("http://www.w3.org/2000/svg", with: "").firstRange(of: "://") == nil)
    for word in ["@import", "url(", "fetch(", "XMLHttpRequest", "src=\"", "<link rel=\"stylesheet", "WebSocket"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("default-src 'none'"))
  }

  @Test func recordsStayAsTheyCame() throws {
    let page = try page(in: TemporaryFolder())
    let mark = #"<script type="application/json" class="record">"#
    let start = try #require(page.firstRange(of: mark)).upperBound
    let text = String(page[start...].prefix { $0 != "<" })
    let data = try JSON(parsing: Array(text.utf8))
    let record = try #require(data["record"])
    #expect(record["id"]?.string == "</script><script>document.title='broken'</script>")
    #expect(record["judgment"]?.string == "\u{200F}</SCRIPT >")
    #expect(record["output"]?.string == "<img src=x onerror=\"document.title='broken'\">\r\n\u{7}<|im_end|>")
    #expect(record["mine"] == nil)
    #expect(record["tokens"] == nil)
    #expect(data["tokens"]?.string == "BQAAAAYAAAA=")
    #expect(data["base"]?.string == "AACAvwAAAMA=")
    #expect(data["incorrect"] == .bool(true))
    #expect(data["prompts"]?["judge"]?.integer == 1)
    // One step for each, 1 293 0 1 and 1 293 1 0: 45° are a distance of 0.293.
    #expect(data["near"]?.string == "AaUCAAEBpQIBAA==")
    #expect(page.contains(#""trouble":"gone \u003cb>""#))
  }

  @Test(.enabled(if: ScriptEngine.browser != nil, ScriptEngine.browserComment), .timeLimit(.minutes(5)))
  func hostileRecordsInABrowser() async throws {
    let folder = try TemporaryFolder()
    _ = try page(in: folder)
    let document = try await ScriptEngine.document(of: folder.file("map.html"), in: folder)
    #expect(document.contains("<title>Saliency map: &lt;/script&gt;.jsonl</title>"))
    #expect(document.contains("&lt;/script&gt;&lt;script&gt;document.title='broken'&lt;/script&gt;</h2>"))
    #expect(!document.contains("<img"))
    #expect(document.contains("⟨202E⟩"), "what turns the direction of writing is shown, not obeyed")
    #expect(!document.contains("\u{202E}"))
    #expect(document.contains("2 records"))
    #expect(document.contains("gone &lt;b&gt;"))
  }

  @Test func nothingIsLeftWithoutFinish() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "map.html")
    do {
      let page = try MapPage(path: folder.file("map.html"), settings: settings())
      try page.append(MapRecord(Record(), scored: nil, limits: settings().limits))
    }
    #expect(folder.text("map.html") == "old")
    #expect(folder.names == ["map.html"])
  }
}
