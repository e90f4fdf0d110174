import Records

/// Writes a GGUF file of plain numbers, version 3: the header when it is made, then tensor by tensor.
package struct GGUFFileWriter {
  /// A value of the metadata.
  package enum Value {
    case unsigned(UInt32)
    case float(Float)
    case string(String)
  }

  /// A tensor that is to come.
  package struct Tensor {
    /// At most 63 bytes.
    package let name: String
    /// As the file has them: the first varies fastest.
    package let dimensions: [Int]

    /// A tensor from its parts.
    package init(name: String, dimensions: [Int]) {
      self.name = name
      self.dimensions = dimensions
    }
  }

  private let file: AtomicFile
  private let tensors: [(tensor: Tensor, count: Int)]
  private let type: WeightType
  private var written = 0

  private static let alignment = 32
  private static let longestName = 63
  private static let mostDimensions = 4

  /// Opens the file and writes the header.
  /// - Parameters:
  ///   - metadata: keys and values, each key once.
  ///   - tensors: in the order in which they will be appended, each name once.
  ///   - type: of the numbers of all tensors.
  /// - Throws: `CheckpointError` naming what the format cannot hold; `FileError`.
  package init(
    path: String, metadata: [(key: String, value: Value)], tensors: [Tensor], type: WeightType
  ) throws {
    var names: Set<String> = []
    var keys: Set<String> = []
    var counted: [(Tensor, Int)] = []
    var offset = 0
    var header = Array("GGUF".utf8) + Self.little(UInt32(3))
    header += Self.little(UInt64(tensors.count)) + Self.little(UInt64(metadata.count))
    for (key, value) in metadata {
      guard !key.isEmpty, keys.insert(key).inserted else {
        throw CheckpointError(path, "the metadata key \"\(key)\" is empty or stands twice")
      }
      header += Self.text(key) + Self.typed(value)
    }
    for tensor in tensors {
      guard (1...Self.longestName).contains(tensor.name.utf8.count), names.insert(tensor.name).inserted else {
        throw CheckpointError(path, "the tensor name \"\(tensor.name)\" is empty, too long or stands twice")
      }
      let bytes = try Self.bytes(of: tensor, type, path)
      header += Self.text(tensor.name) + Self.little(UInt32(tensor.dimensions.count))
      header += tensor.dimensions.flatMap { Self.little(UInt64($0)) }
      header += Self.little(type.ggmlNumber) + Self.little(UInt64(offset))
      let (end, overflow) = offset.addingReportingOverflow(bytes + Self.padding(bytes))
      guard !overflow else { throw CheckpointError(path, "the tensors are larger than a file can be") }
      offset = end
      counted.append((tensor, bytes / type.elementType.byteCount))
    }
    header += [UInt8](repeating: 0, count: Self.padding(header.count))
    self.tensors = counted
    self.type = type
    file = try AtomicFile(path: path)
    try file.append(header)
  }

  /// Writes the next tensor, whose name is given to make sure.
  /// - Throws: `CheckpointError` if it is not its turn, not its number of values, or a value is too large for the type;
  ///   `FileError`.
  package mutating func append(_ name: String, _ values: [Float]) throws {
    guard written < tensors.count, tensors[written].tensor.name == name, tensors[written].count == values.count else {
      throw CheckpointError(file.path, "the tensor \(name) of \(values.count) values was not to be written here")
    }
    let size = values.count * type.elementType.byteCount
    var bytes = [UInt8](repeating: 0, count: size + Self.padding(size))
    let overflowed = bytes.withUnsafeMutableBytes { target in
      values.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return false }
        return Narrowing.narrow(from, count: values.count, to: type, into: to)
      }
    }
    guard !overflowed else {
      throw CheckpointError(
        file.path, "the tensor \(name) has values too large for \(type.rawValue); --type bf16 or f32 holds them")
    }
    try file.append(bytes)
    written += 1
  }

  /// Puts the file in its place.
  /// - Throws: `CheckpointError` if a tensor is missing; `FileError`.
  package func commit() throws {
    guard written == tensors.count else {
      throw CheckpointError(file.path, "the tensor \(tensors[written].tensor.name) was not written")
    }
    try file.commit()
  }

  /// The bytes of a tensor.
  private static func bytes(of tensor: Tensor, _ type: WeightType, _ path: String) throws(CheckpointError) -> Int {
    var bytes = type.elementType.byteCount
    var isRight = (1...mostDimensions).contains(tensor.dimensions.count)
    for dimension in tensor.dimensions {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
      isRight = isRight && dimension > 0 && !overflow && product <= Int.max - alignment
      bytes = product
    }
    guard isRight else {
      throw CheckpointError(
        path, "the tensor \(tensor.name) has the shape \(tensor.dimensions), which GGUF cannot hold")
    }
    return bytes
  }

  private static func padding(_ count: Int) -> Int { (alignment - count % alignment) % alignment }

  private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian, Array.init)
  }

  private static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

  /// A value behind the number of its type.
  private static func typed(_ value: Value) -> [UInt8] {
    switch value {
    case .unsigned(let number): little(UInt32(4)) + little(number)
    case .float(let number): little(UInt32(6)) + little(number.bitPattern)
    case .string(let string): little(UInt32(8)) + text(string)
    }
  }
}

extension WeightType {
  /// ggml's number of the type.
  var ggmlNumber: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .bf16: 30
    }
  }

  /// `general.file_type` of a file whose matrices have the type.
  var ggufFileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .bf16: 32
    }
  }
}
