/// A node of an expression.
struct Expression: Sendable {
  /// What an expression is made of.
  indirect enum Node: Sendable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case name(Name)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    /// `base.name`.
    case attribute(Expression, String)
    /// `base[index]`.
    case item(Expression, Expression)
    /// `base[start:stop:step]`.
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, Arguments)
    case filter(Expression, FilterUse)
    case test(Expression, Test, Arguments)
    case not(Expression)
    case negative(Expression)
    case positive(Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
    case comparison(Expression, [(comparison: Comparison, operand: Expression)])
    case arithmetic(Arithmetic, Expression, Expression)
    /// `a ~ b ~ c`.
    case concatenation([Expression])
    /// `then if condition else otherwise`.
    case conditional(condition: Expression, then: Expression, otherwise: Expression?)
  }

  let node: Node
  let line: Int
  /// Levels of nodes, itself included.
  let height: Int
}

/// A name of a template as its place in the template's list of names.
struct Name: Sendable, Hashable {
  let index: Int
}

/// The arguments of a call, a filter or a test.
struct Arguments: Sendable {
  var positional: [Expression] = []
  var keywords: [(name: String, value: Expression)] = []

  var expressions: [Expression] { positional + keywords.map(\.value) }
}

/// A filter with its arguments.
struct FilterUse: Sendable {
  let filter: Filter
  let arguments: Arguments
  let line: Int
}

/// Operators that give a truth value.
enum Comparison: Sendable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn
}

/// Operators on numbers, texts and lists.
enum Arithmetic: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"
}
