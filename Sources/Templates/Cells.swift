/// A value with an identity, which may hold others and so, by assignment, itself. The interpreter empties all cells
/// when a rendering is over, so that no circle keeps its members alive and no chain of them is released link by link.
protocol Cell: AnyObject {
  /// Lets go of everything held.
  func clear()
}

/// The object of `namespace()`, whose attributes can be set.
final class Namespace: Cell {
  private(set) var attributes: [(name: String, value: Value)] = []

  subscript(name: String) -> Value? {
    get { attributes.first { $0.name.hasSameScalars(as: name) }?.value }
    set {
      guard let newValue else { return }
      if let position = attributes.firstIndex(where: { $0.name.hasSameScalars(as: name) }) {
        attributes[position].value = newValue
      } else {
        attributes.append((name, newValue))
      }
    }
  }

  func clear() { attributes = [] }
}

/// The variable `loop`.
final class LoopState: Cell {
  private(set) var elements: [Value]
  var index = 0
  /// What `changed` was last called with.
  var lastChanged: [Value]?

  init(elements: [Value]) {
    self.elements = elements
  }

  /// An attribute of `loop`, or nil if there is none of that name.
  func attribute(_ name: String) -> Value? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(elements.count - index)
    case "revindex0": .int(elements.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index + 1 >= elements.count)
    case "length": .int(elements.count)
    case "previtem": index > 0 ? elements[index - 1] : .undefined(.other("there is no previous item"))
    case "nextitem":
      index + 1 < elements.count ? elements[index + 1] : .undefined(.other("there is no next item"))
    // Only recursive loops, which are not supported, go deeper.
    case "depth": .int(1)
    case "depth0": .int(0)
    default: nil
    }
  }

  func clear() {
    elements = []
    lastChanged = nil
  }
}

/// A sequence that can be gone through once: what `map`, `select`, `items` and their like give. Its elements are made
/// when the first of them is asked for.
final class Generator: Cell {
  private var produce: (() throws(TemplateError) -> [Value])?
  private var elements: [Value] = []
  private var position = 0

  init(_ produce: @escaping () throws(TemplateError) -> [Value]) {
    self.produce = produce
  }

  private func fill() throws(TemplateError) {
    guard let produce else { return }
    self.produce = nil
    elements = try produce()
  }

  /// The next element.
  func next() throws(TemplateError) -> Value? {
    try fill()
    guard position < elements.count else { return nil }
    position += 1
    return elements[position - 1]
  }

  /// The elements that are left.
  func rest() throws(TemplateError) -> [Value] {
    try fill()
    let rest = position == 0 ? elements : Array(elements[position...])
    clear()
    return rest
  }

  func clear() {
    produce = nil
    elements = []
    position = 0
  }
}

/// A macro and the scope in which it was defined.
final class Macro: Cell {
  let definition: MacroDefinition
  let name: String
  private(set) var scope: Scope?

  init(definition: MacroDefinition, name: String, scope: Scope) {
    self.definition = definition
    self.name = name
    self.scope = scope
  }

  func clear() { scope = nil }
}

/// Variables that were set at one place of a template, and the scope around it.
final class Scope {
  private var variables: [(name: Name, value: Value)] = []
  let parent: Scope?

  init(parent: Scope?) {
    self.parent = parent
  }

  /// The variable's value here or further out.
  func lookUp(_ name: Name) -> Value? {
    var scope: Scope? = self
    while let current = scope {
      for variable in current.variables where variable.name == name { return variable.value }
      scope = current.parent
    }
    return nil
  }

  /// Sets a variable of this scope.
  func set(_ name: Name, _ value: Value) {
    if let position = variables.firstIndex(where: { $0.name == name }) {
      variables[position].value = value
    } else {
      variables.append((name, value))
    }
  }
}
