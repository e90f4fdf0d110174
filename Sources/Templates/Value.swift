/// A value while a template is rendered.
enum Value {
  /// What is not there; printed as nothing.
  indirect case undefined(Undefined)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// Text that the filters `safe` and `escape` made: text joined to it by `+` is escaped.
  case markup(String)
  case list(ValueList)
  case tuple(ValueList)
  case dictionary(ValueDictionary)
  case range(IntegerRange)
  /// What a dictionary's `keys`, `values` and `items` give.
  indirect case view(DictionaryView)
  case generator(Generator)
  case namespace(Namespace)
  case loop(LoopState)
  case macro(Macro)
  case function(Function)
  indirect case method(BoundMethod)
}

/// Why a value is undefined.
enum Undefined {
  /// A variable that nobody set.
  case variable(String)
  /// A parameter of a macro for which no argument was given.
  case parameter(String)
  /// An attribute or an item that `owner`, in words, has not.
  case member(of: String, String)
  /// Another reason, as a message.
  case other(String)

  /// The reason as a message.
  var message: String {
    switch self {
    case .variable(let name): "\(name.quoted) is undefined"
    case .parameter(let name): "the parameter \(name.quoted) was not given"
    case .member(let owner, let name): "\(owner) has no attribute or item \(name)"
    case .other(let message): message
    }
  }
}

/// Elements with the number of levels of lists and dictionaries among them, itself included. The levels are bounded, so
/// that nothing that walks over a value can go too deep.
struct ValueList {
  let elements: [Value]
  let depth: Int

  init(_ elements: [Value]) {
    self.elements = elements
    depth = elements.reduce(0) { max($0, $1.depth) } + 1
  }
}

/// Python's `range`.
final class IntegerRange {
  let start: Int
  let stop: Int
  let step: Int
  let count: Int

  /// A range, or nil if `step` is 0 or it has more than `limit` elements.
  init?(start: Int, stop: Int, step: Int, limit: Int) {
    guard step != 0 else { return nil }
    let (distance, overflow) =
      step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    if distance <= 0 && !overflow || (step > 0 ? stop <= start : stop >= start) {
      count = 0
    } else {
      guard !overflow, step != Int.min else { return nil }
      count = (distance - 1) / abs(step) + 1
      guard count <= limit else { return nil }
    }
    self.start = start
    self.stop = stop
    self.step = step
  }

  /// The element at a position below `count`.
  func element(_ position: Int) -> Int { start + position * step }
}

/// The keys, values or entries of a dictionary.
struct DictionaryView {
  enum Part: String {
    case keys, values, items
  }

  let part: Part
  let dictionary: ValueDictionary

  var elements: [Value] {
    switch part {
    case .keys: dictionary.entries.map(\.key)
    case .values: dictionary.entries.map(\.value)
    case .items: dictionary.entries.map { .tuple(ValueList([$0.key, $0.value])) }
    }
  }
}

/// A method of a value, not called yet.
struct BoundMethod {
  let receiver: Value
  let name: String
}

extension Value {
  /// Levels of lists and dictionaries; what is kept in cells counts as none.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .view(let view): view.dictionary.depth + 1
    case .method(let method): method.receiver.depth + 1
    default: 0
    }
  }

  /// The text, if this is text of either kind.
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  /// The integer, if this is one; truth values count as 0 and 1.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number, if this is one.
  var number: Double? {
    if case .double(let value) = self { value } else { integer.map(Double.init) }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  var isNone: Bool { if case .none = self { true } else { false } }

  /// Whether a condition takes the value for true.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.elements.isEmpty
    case .dictionary(let dictionary): !dictionary.entries.isEmpty
    case .range(let range): range.count > 0
    case .view(let view): !view.dictionary.entries.isEmpty
    case .loop(let state): !state.elements.isEmpty
    case .generator, .namespace, .macro, .function, .method: true
    }
  }

  /// What kind of value this is, in the words of a message.
  var kind: String {
    switch self {
    case .undefined(let undefined): "an undefined value (\(undefined.message))"
    case .none: "none"
    case .bool: "a boolean"
    case .int: "an integer"
    case .double: "a float"
    case .string, .markup: "a string"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .range: "a range"
    case .view(let view): "a dictionary's \(view.part.rawValue)"
    case .generator: "a generator"
    case .namespace: "a namespace"
    case .loop: "the loop"
    case .macro: "a macro"
    case .function: "a function"
    case .method(let method): "the method \(method.name.quoted)"
    }
  }

  /// Data from outside as a value, or nil if it has more than `levels` levels.
  init?(_ data: TemplateValue, levels: Int) {
    guard levels > 0 else { return nil }
    switch data {
    case .none: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let text): self = .string(text)
    case .list(let elements):
      var values: [Value] = []
      values.reserveCapacity(elements.count)
      for element in elements {
        guard let value = Value(element, levels: levels - 1) else { return nil }
        values.append(value)
      }
      self = .list(ValueList(values))
    case .dictionary(let entries):
      var builder = ValueDictionary.Builder()
      for entry in entries {
        guard let value = Value(entry.value, levels: levels - 1) else { return nil }
        builder.set(.string(entry.key), .text(TextKey(entry.key)), value)
      }
      self = .dictionary(builder.dictionary)
    }
  }
}
