import Pages
import Records

/// A saliency map as one HTML file that needs nothing besides itself: texts and numbers of any number of records, and the
/// methods' formulas, with which the page weighs the tokens anew when a constant is moved.
///
/// Records are written as they come, so a page takes no more memory than one of them. The file appears under its name
/// when `finish` has been called.
public final class MapPage {
  private let file: AtomicFile
  /// The end of the page, behind the records.
  private let ending: [UInt8]
  private var pending: [UInt8]
  private static let blockSize = 1 << 20

  /// How many records are in it.
  public private(set) var count = 0

  /// Begins the page.
  /// - Throws: `FileError` if the file cannot be made.
  public init(path: String, settings: MapSettings) throws(FileError) {
    let parts = Self.parts(settings)
    pending = parts.beginning
    ending = parts.ending
    file = try AtomicFile(path: path)
  }

  /// Adds a record.
  /// - Throws: `FileError` if the disk is full or fails.
  public func append(_ record: MapRecord) throws(FileError) {
    pending += Array(#"<script type="application/json" class="record">"#.utf8) + record.encoded
    pending += Array("</script>\n".utf8)
    count += 1
    if pending.count >= Self.blockSize {
      try file.append(pending)
      pending.removeAll(keepingCapacity: true)
    }
  }

  /// Ends the page and puts it in its place.
  /// - Throws: `FileError`; the old file then stays.
  public func finish() throws(FileError) {
    try file.append(pending + ending)
    try file.commit()
  }

  // MARK: The page without records

  /// The files of the page's script, in their order.
  private static let scripts = [
    PackageResources.formulas_js, PackageResources.records_js, PackageResources.settings_js,
    PackageResources.controls_js, PackageResources.summary_js, PackageResources.responses_js,
    PackageResources.readout_js, PackageResources.page_js,
  ]

  /// What stands in front of the records and behind them: `map.html` with style, settings and script in their places.
  static func parts(_ settings: MapSettings) -> (beginning: [UInt8], ending: [UInt8]) {
    let page = PackageResources.map_html[...]
    let (head, behindStyle) = cut(page, at: "/* map.css */")
    let (middle, behindSettings) = cut(behindStyle, at: "{}")
    let (body, behindRecords) = cut(behindSettings, at: "<!-- records -->\n")
    let (tail, end) = cut(behindRecords, at: "/* scripts */")
    var beginning = Array(head)
    beginning += PageStyle.css + PackageResources.map_css
    beginning += middle
    beginning += MapRecord.escaped(settings.json.encoded)
    beginning += body
    var ending = Array(tail)
    for script in scripts { ending += script }
    ending += end
    return (beginning, ending)
  }

  /// The text in front of a mark and the text behind it; everything and nothing where the mark is missing, which a test
  /// of the page would see.
  private static func cut(_ text: ArraySlice<UInt8>, at mark: String) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
    let mark = Array(mark.utf8)
    var start = text.startIndex
    while start + mark.count <= text.endIndex {
      if text[start] == mark[0], text[start..<start + mark.count].elementsEqual(mark) {
        return (text[..<start], text[(start + mark.count)...])
      }
      start += 1
    }
    return (text, [])
  }
}
