extension Unicode.Scalar {
  /// Whether this is white space by Python's rule, which Jinja's `trim` and `-` go by.
  var isPythonSpace: Bool {
    value < 0x80
      ? value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value) : properties.isWhitespace
  }

  /// Whether Python's `splitlines` ends a line here.
  var endsLine: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}

// Texts are taken apart by scalars or by UTF-8, never by Swift's characters: those join what Python keeps apart.
extension String {
  /// The text without scalars of `set`, or white space, at its ends.
  func stripped(of set: String?, atStart: Bool = true, atEnd: Bool = true) -> String {
    let set = set.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var rest = unicodeScalars[...]
    if atStart { rest = rest.drop(while: goes) }
    if atEnd { while let last = rest.last, goes(last) { rest.removeLast() } }
    return rest.count == unicodeScalars.count ? self : String(rest)
  }

  /// Where a part begins in UTF-8, counted in bytes.
  func utf8Position(of part: String) -> Int? { Array(utf8).positions(of: Array(part.utf8), limit: 1).first }

  /// The parts between separators.
  /// - Parameter limit: the largest number of separators to split at, from the end if `fromEnd`; nil for all.
  func split(at separator: String, limit: Int?, fromEnd: Bool = false) -> [String] {
    let bytes = Array(utf8)
    let length = separator.utf8.count
    var positions = bytes.positions(of: Array(separator.utf8), limit: fromEnd ? nil : limit, fromEnd: fromEnd)
    if fromEnd, let limit { positions = Array(positions.suffix(limit)) }
    var parts: [String] = []
    var start = 0
    for position in positions {
      parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
      start = position + length
    }
    parts.append(String(decoding: bytes[start...], as: UTF8.self))
    return parts
  }

  /// The parts between runs of white space; none is empty.
  func splitAtSpace(limit: Int?, fromEnd: Bool = false) -> [String] {
    let scalars = fromEnd ? Array(unicodeScalars.reversed()) : Array(unicodeScalars)
    func text(_ range: some Collection<Unicode.Scalar>) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: fromEnd ? Array(range.reversed()) : Array(range))
      return String(view)
    }
    var parts: [String] = []
    var rest = scalars[...].drop(while: \.isPythonSpace)
    while !rest.isEmpty {
      if let limit, parts.count == limit {
        parts.append(text(rest))
        break
      }
      let part = rest.prefix { !$0.isPythonSpace }
      parts.append(text(part))
      rest = rest[part.endIndex...].drop(while: \.isPythonSpace)
    }
    return fromEnd ? parts.reversed() : parts
  }

  /// The lines without, or with, what ends them.
  func lines(keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var followsReturn = false
    for scalar in unicodeScalars {
      if followsReturn, scalar == "\n" {
        if keepingEnds, let last = lines.indices.last { lines[last].unicodeScalars.append(scalar) }
      } else if scalar.endsLine {
        if keepingEnds { line.append(scalar) }
        lines.append(String(line))
        line = String.UnicodeScalarView()
      } else {
        line.append(scalar)
      }
      followsReturn = scalar == "\r"
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
  }

  /// Whether the text begins with the scalars of another.
  func beginsWith(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  /// Whether the text ends with the scalars of another.
  func endsWith(_ suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// The text with `&`, `<`, `>` and both quotes as HTML entities.
  var escapedForHTML: String {
    var result = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
