/// The values with which a function, a method, a filter or a test is called.
struct CallArguments {
  var positional: [Value] = []
  var keywords: [(name: String, value: Value)] = []
}

extension Interpreter {
  /// The arguments by the callee's parameters, nil where none is given.
  /// - Parameters:
  ///   - required: how many of the parameters need an argument.
  ///   - callee: what is called, for messages.
  func bind(
    _ arguments: CallArguments, _ parameters: [String], required: Int = 0, to callee: String
  ) throws(TemplateError) -> [Value?] {
    guard arguments.positional.count <= parameters.count else {
      let most = parameters.isEmpty ? "no arguments" : "no more arguments than \(parameters.count)"
      throw failure("\(callee) takes \(most), but got \(arguments.positional.count)")
    }
    var values: [Value?] = arguments.positional
    values += Array(repeating: nil, count: parameters.count - values.count)
    for (name, value) in arguments.keywords {
      guard let index = parameters.firstIndex(of: name) else {
        throw failure("\(callee) takes no argument \(name.quoted)")
      }
      guard values[index] == nil else { throw failure("the argument \(name.quoted) of \(callee) is given twice") }
      values[index] = value
    }
    for (index, parameter) in parameters.prefix(required).enumerated() where values[index] == nil {
      throw failure("\(callee) needs the argument \(parameter.quoted)")
    }
    return values
  }

  /// An argument that has to be text.
  func text(_ value: Value, of callee: String) throws(TemplateError) -> String {
    guard let text = value.text else { throw failure("\(callee) needs a string, not \(value.kind)") }
    try charge(text: text.utf8.count)
    return text
  }

  /// An argument that has to be an integer.
  func integer(_ value: Value, of callee: String) throws(TemplateError) -> Int {
    guard let integer = value.integer else { throw failure("\(callee) needs an integer, not \(value.kind)") }
    return integer
  }
}
