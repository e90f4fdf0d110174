/// Writes GGUF files by hand, right ones and wrong ones.
struct GGUFWriter {
  enum Value {
    case unsigned(UInt32)
    case float(Float)
    case bool(Bool)
    case string(String)
    case strings([String])
    case integers([Int32])
    case floats([Float])
    /// The number of a type and the bytes behind it, whatever they mean.
    case raw(UInt32, [UInt8])
  }

  struct Tensor {
    var name: String
    /// As the file has them: the first varies fastest.
    var dimensions: [UInt64]
    var type: UInt32
    var bytes: [UInt8]
  }

  var magic: [UInt8] = Array("GGUF".utf8)
  var version: UInt32 = 3
  var metadata: [(key: String, value: Value)] = []
  var tensors: [Tensor] = []
  var alignment = 32
  /// Written instead of the true counts.
  var tensorCount: UInt64?
  var valueCount: UInt64?

  /// Replaces or adds a metadata value; nil removes it.
  mutating func set(_ key: String, _ value: Value?) {
    metadata.removeAll { $0.key == key }
    if let value { metadata.append((key, value)) }
  }

  /// Changes the tensor of this name.
  mutating func change(_ name: String, _ body: (inout Tensor) -> Void) {
    for index in tensors.indices where tensors[index].name == name { body(&tensors[index]) }
  }

  static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian, Array.init)
  }

  static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

  static func typed(_ value: Value) -> [UInt8] {
    switch value {
    case .unsigned(let number): little(UInt32(4)) + little(number)
    case .float(let number): little(UInt32(6)) + little(number.bitPattern)
    case .bool(let truth): little(UInt32(7)) + [truth ? 1 : 0]
    case .string(let text): little(UInt32(8)) + string(text)
    case .strings(let texts):
      little(UInt32(9)) + little(UInt32(8)) + little(UInt64(texts.count)) + texts.flatMap(string)
    case .integers(let numbers):
      little(UInt32(9)) + little(UInt32(5)) + little(UInt64(numbers.count)) + numbers.flatMap { little($0) }
    case .floats(let numbers):
      little(UInt32(9)) + little(UInt32(6)) + little(UInt64(numbers.count)) + numbers.flatMap { little($0.bitPattern) }
    case .raw(let type, let bytes): little(type) + bytes
    }
  }

  /// The bytes of the file and where the data section starts.
  var parts: (header: [UInt8], data: [UInt8]) {
    var header = magic + Self.little(version)
    header += Self.little(tensorCount ?? UInt64(tensors.count)) + Self.little(valueCount ?? UInt64(metadata.count))
    for (key, value) in metadata { header += Self.string(key) + Self.typed(value) }
    var data: [UInt8] = []
    for tensor in tensors {
      while data.count % alignment != 0 { data.append(0) }
      header += Self.string(tensor.name) + Self.little(UInt32(tensor.dimensions.count))
      header += tensor.dimensions.flatMap { Self.little($0) } + Self.little(tensor.type)
      header += Self.little(UInt64(data.count))
      data += tensor.bytes
    }
    while header.count % alignment != 0 { header.append(0) }
    return (header, data)
  }

  var encoded: [UInt8] { parts.header + parts.data }
}
