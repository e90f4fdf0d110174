/// A plot that gnuplot draws: its script with data and all, for a page that is light or dark.
package struct Plot: Sendable {
  /// Colours stand for places in the page's palette until gnuplot has drawn.
  package enum Ink: Int, Sendable {
    case soft = 1
    case rule, plain, cluster, salient, first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth

    /// A colour that nothing else has, as gnuplot reads it.
    var colour: String { "rgb '#\(rawValue < 16 ? "0" : "")\(String(rawValue, radix: 16))0b0c'" }
    /// The same as gnuplot's SVG terminal writes it, of lines and of text.
    var drawn: [String] {
      ["rgb(\(rawValue < 10 ? "  " : " ")\(rawValue),  11,  12)", "rgb(\(rawValue),11,12)"]
    }
    /// The palette's name for it, in report.css.
    var property: String {
      switch self {
      case .soft: "var(--soft)"
      case .rule: "var(--rule)"
      case .plain: "var(--plain-bar)"
      case .cluster: "var(--cluster-bar)"
      case .salient: "var(--salient-bar)"
      default: "var(--series-\(rawValue - Ink.first.rawValue + 1))"
      }
    }
    static let all = (1...15).compactMap { Ink(rawValue: $0) }
    /// Of the series in their order.
    static let series = Array(all.drop { $0 != .first })
  }

  /// Tells its parts from those of the page's other plots.
  package let name: String
  /// What it shows, for those who do not see it.
  package let title: String
  /// Whether it takes the page's whole width, or half of it.
  package var isWide = false
  private let commands: [String]

  /// A plot from gnuplot's commands; the terminal and the looks of the axes are set before them.
  package init(name: String, title: String, isWide: Bool = false, commands: [String]) {
    (self.name, self.title, self.isWide, self.commands) = (name, title, isWide, commands)
  }

  /// The whole script.
  /// - Parameter output: the file that gnuplot writes.
  package func script(output: String) -> String {
    let quoted = "'" + output.replacing("'", with: "''") + "'"
    let begin = """
      set encoding utf8
      set terminal svg size \(isWide ? 940 : 480),\(isWide ? 380 : 300) dynamic font 'sans-serif,14' background rgb 'white'
      set output \(quoted)
      set border 3 lc \(Ink.rule.colour)
      set tics nomirror scale 0.5 textcolor \(Ink.soft.colour)
      set grid ytics lt 1 lw 0.6 lc \(Ink.rule.colour)
      set xlabel offset 0,0.4 textcolor \(Ink.soft.colour)
      set ylabel offset 1,0 textcolor \(Ink.soft.colour)
      set key outside top left horizontal reverse Left samplen 1.6 textcolor \(Ink.soft.colour)
      set bars small
      """
    return ([begin] + commands + ["unset output"]).joined(separator: "\n") + "\n"
  }

  /// Gives the drawing to the page: colours from its palette, its fonts, names of its own, no address.
  /// - Returns: the SVG element, or nil if that is none.
  package func markup(_ drawing: String) -> Markup? {
    guard let start = drawing.firstRange(of: "<svg"), let end = drawing.ranges(of: "</svg>").last,
      let head = drawing[start.lowerBound...].firstRange(of: ">"),
      let canvas = drawing[head.upperBound...].firstRange(of: "<g id=\"gnuplot_canvas\">")
    else { return nil }
    var body = String(drawing[canvas.lowerBound..<end.lowerBound])
    // The white ground, and filters that nothing uses.
    body = Self.removing(from: "<rect x=\"0\" y=\"0\"", upTo: "/>", in: body)
    while body.firstRange(of: "<filter") != nil {
      body = Self.removing(from: "<filter", upTo: "</filter>", in: body)
    }
    while body.firstRange(of: "<title>") != nil { body = Self.removing(from: "<title>", upTo: "</title>", in: body) }
    for ink in Ink.all {
      for drawn in ink.drawn { body = body.replacing(drawn, with: ink.property) }
    }
    for (old, new) in [
      ("gnuplot_canvas", "\(name)-canvas"), ("gpDot", "\(name)-dot"), ("gpPt", "\(name)-point-"),
      ("id=\"gnuplot_plot_", "id=\"\(name)-plot-"), ("xlink:href", "href"), ("\"black\"", "\"currentColor\""),
      ("'black'", "'currentColor'"), (" font-family=\"sans-serif\"", ""),
      // A group whose colour is the current one inherits it.
      ("color=\"currentColor\" stroke", "stroke"),
    ] { body = body.replacing(old, with: new) }
    let size = isWide ? "940 380" : "480 300"
    return
      "<svg viewBox=\"0 0 \(size)\" role=\"img\" aria-label=\"\(title)\">\(Markup(trusted: body))</svg>"
  }

  private static func removing(from mark: String, upTo end: String, in text: String) -> String {
    guard let start = text.firstRange(of: mark), let stop = text[start.upperBound...].firstRange(of: end) else {
      return text
    }
    return String(text[..<start.lowerBound] + text[stop.upperBound...])
  }
}
