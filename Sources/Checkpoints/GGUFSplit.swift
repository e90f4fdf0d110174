import Tensors

/// What the first part of a split GGUF file says of the others. llama.cpp's gguf-split names them
/// NAME-00001-of-00003.gguf and so on; the first has all metadata, each has its own tensors.
struct GGUFSplit {
  private let first: GGUFPart
  private let count: Int
  /// What the parts' names have before their numbers.
  private let stem: String

  /// The numbers in the names have five digits.
  private static let mostParts = 99_999

  /// Nil if the file is a whole model.
  /// - Throws: `CheckpointError` if the file is a part but not the first, or has not the name of one.
  init?(_ part: GGUFPart) throws(CheckpointError) {
    let count = try part.integer("split.count") ?? 1
    guard count != 1 else { return nil }
    guard (2...Self.mostParts).contains(count) else {
      throw CheckpointError(part.path, "split.count is \(count), expected 1 to \(Self.mostParts)")
    }
    let number = try part.integer("split.no")
    guard number == 0 else {
      let which = number.map { "part \($0 + 1)" } ?? "a part"
      throw CheckpointError(
        part.path, "\(which) of a model split into \(count) files, expected the first, …\(Self.ending(0, of: count))")
    }
    let ending = Self.ending(0, of: count)
    guard part.path.hasSuffix(ending) else {
      throw CheckpointError(
        part.path, "the first part of a model split into \(count) files, expected a name that ends in \(ending)")
    }
    first = part
    self.count = count
    stem = String(part.path.dropLast(ending.count))
  }

  /// The parts after the first.
  /// - Throws: `CheckpointError` naming the file that is missing or is not the part that its name says, or the first
  ///   one if the parts have not as many tensors as it says; what else is wrong with a part.
  func otherParts() throws -> [GGUFPart] {
    let parts = try (1..<count).map(part)
    let tensors = parts.reduce(first.tensors.count) { $0 + $1.tensors.count }
    if let expected = try first.integer("split.tensors.count"), expected != tensors {
      throw CheckpointError(
        first.path,
        "the \(count) parts of the model have \(tensors) tensors, expected \(expected) (split.tensors.count)")
    }
    return parts
  }

  private func part(_ number: Int) throws -> GGUFPart {
    let path = stem + Self.ending(number, of: count)
    let title = "part \(number + 1) of \(count) of the model \(first.path)"
    let part: GGUFPart
    do {
      part = try GGUFPart(path: path)
    } catch let error as TensorError where error.kind == .opening {
      throw CheckpointError(path, "\(title) \(error.reason)", isMissing: true)
    }
    for (key, expected) in [("split.no", number), ("split.count", count)] {
      let found = try part.integer(key)
      guard found == expected else {
        let text = found.map { "is \($0)" } ?? "is missing"
        throw CheckpointError(path, "\(key) \(text), expected \(expected): the file is not \(title)")
      }
    }
    return part
  }

  /// How the name of a part ends.
  private static func ending(_ number: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "-\(digits(number + 1))-of-\(digits(count)).gguf"
  }
}

extension GGUFPart {
  fileprivate func integer(_ key: String) throws(CheckpointError) -> Int? {
    guard let value = metadata[key] else { return nil }
    guard case .integer(let number) = value else { throw CheckpointError(path, "\(key) is no integer") }
    return number
  }
}
