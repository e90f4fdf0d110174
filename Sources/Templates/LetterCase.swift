// Letter case by the full mappings of Unicode, as Python has them.
extension String {
  /// Python's `upper`.
  var inUpperCase: String { unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping } }

  /// Python's `lower`, with the sigma that ends a word.
  var inLowerCase: String {
    let scalars = Array(unicodeScalars)
    return scalars.indices.reduce(into: "") { $0 += Self.lower(scalars, $1) }
  }

  /// Python's `capitalize`: the first letter large, the others small.
  var capitalized: String {
    let scalars = Array(unicodeScalars)
    return scalars.indices.reduce(into: "") {
      $0 += $1 == 0 ? scalars[$1].properties.titlecaseMapping : Self.lower(scalars, $1)
    }
  }

  /// Python's method `title`: the first letter of every run of letters large, the others small.
  var titled: String {
    let scalars = Array(unicodeScalars)
    var followsLetter = false
    return scalars.indices.reduce(into: "") { result, index in
      result += followsLetter ? Self.lower(scalars, index) : scalars[index].properties.titlecaseMapping
      followsLetter = scalars[index].properties.isCased
    }
  }

  /// Jinja's filter `title`, for which words begin behind white space and `- ( { [ <`.
  var titledWords: String {
    var result = ""
    var word = String.UnicodeScalarView()
    func flush() {
      if let first = word.first {
        result += first.properties.uppercaseMapping + String(String.UnicodeScalarView(word.dropFirst())).inLowerCase
      }
      word = String.UnicodeScalarView()
    }
    for scalar in unicodeScalars {
      switch scalar {
      case "-", "(", "{", "[", "<",
        _ where scalar.isPythonSpace:
        flush()
        result.unicodeScalars.append(scalar)
      default: word.append(scalar)
      }
    }
    flush()
    return result
  }

  private static func lower(_ scalars: [Unicode.Scalar], _ index: Int) -> String {
    guard scalars[index] == "\u{3A3}" else { return scalars[index].properties.lowercaseMapping }
    func isCased(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.isCased ?? false }
    let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    return isCased(before) && !isCased(after) ? "\u{3C2}" : "\u{3C3}"
  }

  /// Whether there are letters of this case and none of the other.
  func isAll(upperCase: Bool) -> Bool {
    var found = false
    for scalar in unicodeScalars {
      let properties = scalar.properties
      if properties.generalCategory == .titlecaseLetter { return false }
      if upperCase ? properties.isLowercase : properties.isUppercase { return false }
      if upperCase ? properties.isUppercase : properties.isLowercase { found = true }
    }
    return found
  }
}

extension Unicode.Scalar {
  /// Whether Python's `isalpha` counts this.
  var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// Whether Python's `isdigit` counts this.
  var isDigit: Bool { properties.numericType == .decimal || properties.numericType == .digit }
}
