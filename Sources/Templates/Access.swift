extension Interpreter {
  /// `base.name`: an attribute or a method, else the item of that name.
  func attribute(_ name: String, of base: Value) throws(TemplateError) -> Value {
    try charge()
    switch base {
    case .undefined(let undefined):
      throw failure("\(undefined.message), so it has no attribute \(name.quoted)")
    case .namespace(let namespace):
      if let value = namespace[name] { return value }
    case .loop(let state):
      if let value = state.attribute(name) { return value }
      if try hasMethod(base, name) { return .method(BoundMethod(receiver: base, name: name)) }
    default:
      if try hasMethod(base, name) { return .method(BoundMethod(receiver: base, name: name)) }
      if let refused = refusedMethod(base, name) { return refused }
      if case .dictionary(let dictionary) = base, let value = dictionary[name] { return value }
    }
    return .undefined(.member(of: base.kind, name.quoted))
  }

  /// `base[index]`: an item, else for text the attribute of that name.
  func item(_ index: Value, of base: Value) throws(TemplateError) -> Value {
    try charge()
    switch base {
    case .undefined(let undefined):
      throw failure("\(undefined.message), so it has no items")
    case .dictionary(let dictionary):
      if let text = index.text {
        try charge(text: text.utf8.count)
        if let value = dictionary[text] { return value }
      } else if let key = DictionaryKey(index), let value = dictionary[key] {
        return value
      }
    case .list(let list), .tuple(let list):
      if let position = position(index, count: list.elements.count) { return list.elements[position] }
    case .string(let text), .markup(let text):
      if let integer = index.integer { return try character(integer, of: text, like: base) }
    case .range(let range):
      if let position = position(index, count: range.count) { return .int(range.element(position)) }
    default: break
    }
    if let name = index.text {
      switch base {
      case .namespace, .loop: return try attribute(name, of: base)
      default:
        if try hasMethod(base, name) { return .method(BoundMethod(receiver: base, name: name)) }
        if let refused = refusedMethod(base, name) { return refused }
      }
    }
    let shown = index.text?.quoted ?? index.integer.map { String($0) } ?? index.kind
    return .undefined(.member(of: base.kind, shown))
  }

  /// The place of an index, which counts from the end if it is negative; nil if there is none.
  private func position(_ index: Value, count: Int) -> Int? {
    guard let integer = index.integer else { return nil }
    let position = integer < 0 ? integer + count : integer
    return (0..<count).contains(position) ? position : nil
  }

  private func character(_ index: Int, of text: String, like base: Value) throws(TemplateError) -> Value {
    try charge(text: text.utf8.count)
    let scalars = text.unicodeScalars
    let found =
      index < 0
      ? scalars.index(scalars.endIndex, offsetBy: index, limitedBy: scalars.startIndex)
      : scalars.index(scalars.startIndex, offsetBy: index, limitedBy: scalars.endIndex)
    guard let found, found != scalars.endIndex else { return .undefined(.member(of: "a string", String(index))) }
    return like(base, String(scalars[found]))
  }

  /// A text of the same kind as another.
  func like(_ base: Value, _ text: String) -> Value {
    if case .markup = base { .markup(text) } else { .string(text) }
  }

  // MARK: Slices

  /// `base[start:stop:step]`, where none stands for what is left out.
  func slice(_ base: Value, _ start: Value, _ stop: Value, _ step: Value) throws(TemplateError) -> Value {
    func bound(_ value: Value) throws(TemplateError) -> Int? {
      if value.isNone { return nil }
      return try integer(value, of: "a slice")
    }
    let start = try bound(start)
    let stop = try bound(stop)
    let step = try bound(step) ?? 1
    guard step != 0 else { throw failure("the step of a slice is zero") }
    switch base {
    case .string(let text), .markup(let text):
      try charge(text: text.utf8.count)
      if start == nil, stop == nil, step == 1 { return base }
      let scalars = Array(text.unicodeScalars)
      let positions = positions(start, stop, step, count: scalars.count)
      var result = String.UnicodeScalarView()
      for position in positions { result.append(scalars[position]) }
      return try like(base, made(String(result)))
    case .list(let list):
      return .list(try made(positions(start, stop, step, count: list.elements.count).map { list.elements[$0] }))
    case .tuple(let list):
      return .tuple(try made(positions(start, stop, step, count: list.elements.count).map { list.elements[$0] }))
    case .range(let range):
      let elements = positions(start, stop, step, count: range.count).map { Value.int(range.element($0)) }
      return .list(try made(elements))
    case .undefined(let undefined): throw failure("\(undefined.message), so it has no slices")
    default: throw failure("\(base.kind) has no slices")
    }
  }

  /// The positions of a slice by Python's rules.
  private func positions(_ start: Int?, _ stop: Int?, _ step: Int, count: Int) -> StrideTo<Int> {
    let lowest = step > 0 ? 0 : -1
    let highest = step > 0 ? count : count - 1
    func clamped(_ bound: Int) -> Int { min(max(bound < 0 ? bound + count : bound, lowest), highest) }
    let first = start.map(clamped) ?? (step > 0 ? lowest : highest)
    let end = stop.map(clamped) ?? (step > 0 ? highest : lowest)
    // A longer step would overflow, and takes no second element anyway.
    return stride(from: first, to: end, by: min(max(step, -count - 1), count + 1))
  }

  // MARK: Elements

  /// What a loop over the value goes through.
  func elements(of value: Value) throws(TemplateError) -> [Value] {
    let elements: [Value]
    switch value {
    case .undefined: elements = []
    case .list(let list), .tuple(let list): elements = list.elements
    case .string(let text), .markup(let text):
      try check(elements: text.unicodeScalars.count)
      elements = text.unicodeScalars.map { .string(String($0)) }
    case .dictionary(let dictionary): elements = dictionary.entries.map(\.key)
    case .range(let range): elements = (0..<range.count).map { .int(range.element($0)) }
    case .view(let view): elements = view.elements
    case .generator(let generator): elements = try generator.rest()
    default: throw failure("\(value.kind) cannot be iterated over")
    }
    try charge(elements.count >> 2)
    return elements
  }

  /// The number of elements.
  func count(of value: Value) throws(TemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .list(let list), .tuple(let list): return list.elements.count
    case .string(let text), .markup(let text):
      try charge(text: text.utf8.count)
      return text.unicodeScalars.count
    case .dictionary(let dictionary): return dictionary.entries.count
    case .range(let range): return range.count
    case .view(let view): return view.dictionary.entries.count
    case .loop(let state): return state.elements.count
    default: throw failure("\(value.kind) has no length")
    }
  }
}
