extension Interpreter {
  /// The filters that order and count elements.
  func applyToSequence(_ filter: Filter, _ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let callee = "the filter '\(filter.rawValue)'"
    switch filter {
    case .sum:
      let values = try bind(arguments, ["attribute", "start"], to: callee)
      var sum = values[1] ?? .int(0)
      guard sum.text == nil else { throw failure("'sum' does not work on strings") }
      for element in try elements(of: value) { sum = try arithmetic(.add, sum, key(element, values[0])) }
      return sum
    case .unique:
      let values = try bind(arguments, ["case_sensitive", "attribute"], to: callee)
      var seen: Set<DictionaryKey> = []
      var kept: [Value] = []
      for element in try elements(of: value) {
        let key = try self.key(element, values[1])
        if seen.insert(try dictionaryKey(folded(key, values[0]))).inserted { kept.append(element) }
      }
      return .generator(keep(Generator { () throws(TemplateError) in kept }))
    case .min, .max:
      let values = try bind(arguments, ["case_sensitive", "attribute"], to: callee)
      var best: (element: Value, key: Value)?
      for element in try elements(of: value) {
        let key = try folded(self.key(element, values[1]), values[0])
        guard let current = best else {
          best = (element, key)
          continue
        }
        if try filter == .min ? isLess(key, current.key) : isLess(current.key, key) { best = (element, key) }
      }
      return best?.element ?? .undefined(.other("the sequence of '\(filter.rawValue)' is empty"))
    case .sort: return try sort(value, arguments, callee)
    default: return try sortDictionary(value, arguments, callee)
    }
  }

  /// A key in small letters, unless letter case counts.
  private func folded(_ key: Value, _ isCaseSensitive: Value?) throws(TemplateError) -> Value {
    guard !(isCaseSensitive?.isTrue ?? false), let text = key.text else { return key }
    return .string(try made(text.inLowerCase))
  }

  private func sort(_ value: Value, _ arguments: CallArguments, _ callee: String) throws(TemplateError) -> Value {
    let values = try bind(arguments, ["reverse", "case_sensitive", "attribute"], to: callee)
    var attributes = [values[2]]
    if let text = values[2]?.text { attributes = text.split(at: ",", limit: nil).map { .string($0) } }
    var pairs: [(element: Value, keys: Value)] = []
    for element in try elements(of: value) {
      var keys: [Value] = []
      for attribute in attributes { keys.append(try folded(key(element, attribute), values[1])) }
      pairs.append((element, .list(try made(keys))))
    }
    let isReversed = values[0]?.isTrue ?? false
    let ordered = try sorted(pairs) { (first, second) throws(TemplateError) in
      try isReversed ? isLess(second.keys, first.keys) : isLess(first.keys, second.keys)
    }
    return .list(try made(ordered.map(\.element)))
  }

  private func sortDictionary(
    _ value: Value, _ arguments: CallArguments, _ callee: String
  ) throws(TemplateError) -> Value {
    let values = try bind(arguments, ["case_sensitive", "by", "reverse"], to: callee)
    guard case .dictionary(let dictionary) = value else {
      throw failure("\(callee) needs a dictionary, not \(value.kind)")
    }
    let by = try text(values[1] ?? .string("key"), of: callee)
    guard by == "key" || by == "value" else { throw failure("\(callee) sorts by 'key' or 'value', not \(by.quoted)") }
    var pairs: [(element: Value, key: Value)] = []
    for entry in dictionary.entries {
      let key = try folded(by == "key" ? entry.key : entry.value, values[0])
      pairs.append((.tuple(try made([entry.key, entry.value])), key))
    }
    let isReversed = values[2]?.isTrue ?? false
    let ordered = try sorted(pairs) { (first, second) throws(TemplateError) in
      try isReversed ? isLess(second.key, first.key) : isLess(first.key, second.key)
    }
    return .list(try made(ordered.map(\.element)))
  }

  /// The elements in order; equal ones stay in theirs.
  func sorted<Element>(
    _ elements: [Element], by precedes: (Element, Element) throws(TemplateError) -> Bool
  ) throws(TemplateError) -> [Element] {
    guard elements.count > 1 else { return elements }
    let middle = elements.count / 2
    let left = try sorted(Array(elements[..<middle]), by: precedes)
    let right = try sorted(Array(elements[middle...]), by: precedes)
    var merged: [Element] = []
    merged.reserveCapacity(elements.count)
    var (first, second) = (0, 0)
    while first < left.count, second < right.count {
      if try precedes(right[second], left[first]) {
        merged.append(right[second])
        second += 1
      } else {
        merged.append(left[first])
        first += 1
      }
    }
    return merged + left[first...] + right[second...]
  }
}
