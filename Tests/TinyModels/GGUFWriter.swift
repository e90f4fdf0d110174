/// Writes GGUF files by hand, right ones and wrong ones.
public struct GGUFWriter: Sendable {
  /// A value of the metadata.
  public enum Value: Sendable {
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

  /// A tensor's entry and its bytes, which need not agree.
  public struct Tensor: Sendable {
    /// The name.
    public var name: String
    /// As the file has them: the first varies fastest.
    public var dimensions: [UInt64]
    /// ggml's number of the type.
    public var type: UInt32
    /// What lies at the tensor's offset.
    public var bytes: [UInt8]

    /// A tensor from its parts.
    public init(name: String, dimensions: [UInt64], type: UInt32, bytes: [UInt8]) {
      self.name = name
      self.dimensions = dimensions
      self.type = type
      self.bytes = bytes
    }
  }

  /// The first four bytes.
  public var magic: [UInt8] = Array("GGUF".utf8)
  /// The format's version.
  public var version: UInt32 = 3
  /// Keys and values, in order.
  public var metadata: [(key: String, value: Value)] = []
  /// The tensors, in order.
  public var tensors: [Tensor] = []
  /// What offsets are multiples of.
  public var alignment = 32
  /// Written instead of the true counts.
  public var tensorCount: UInt64?
  /// The same for the metadata's values.
  public var valueCount: UInt64?

  /// An empty file.
  public init() {}

  /// Replaces or adds a metadata value; nil removes it.
  public mutating func set(_ key: String, _ value: Value?) {
    metadata.removeAll { $0.key == key }
    if let value { metadata.append((key, value)) }
  }

  /// Changes the tensor of this name.
  public mutating func change(_ name: String, _ body: (inout Tensor) -> Void) {
    for index in tensors.indices where tensors[index].name == name { body(&tensors[index]) }
  }

  /// A number's bytes, little endian.
  public static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian, Array.init)
  }

  /// A text behind its length.
  public static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

  /// A value behind its type.
  public static func typed(_ value: Value) -> [UInt8] {
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
  public var parts: (header: [UInt8], data: [UInt8]) {
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

  /// The bytes of the file.
  public var encoded: [UInt8] { parts.header + parts.data }
}
