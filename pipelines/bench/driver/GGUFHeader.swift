import Foundation

/// The metadata of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), each value as the bytes that
/// stand in the file, so that it can be copied to another.
struct GGUFHeader {
  struct Value {
    var type: UInt32
    var bytes: Data
  }

  let path: String
  private(set) var values: [(key: String, value: Value)] = []

  static let stringType: UInt32 = 8
  static let arrayType: UInt32 = 9
  /// Bytes of a value, by its type; strings and arrays say their own.
  private static let sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

  init(path: String) throws {
    self.path = path
    var reader = Reader(data: try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped), path: path)
    guard try reader.integer(UInt32.self) == 0x4655_4747 else { throw Failure("\(path): not a GGUF file") }
    _ = try reader.integer(UInt32.self)
    _ = try reader.integer(UInt64.self)
    for _ in 0..<(try reader.integer(UInt64.self)) {
      let key = try reader.string()
      let type = try reader.integer(UInt32.self)
      let start = reader.offset
      try reader.skip(type)
      values.append((key, Value(type: type, bytes: Data(reader.data[start..<reader.offset]))))
    }
  }

  func value(_ key: String) throws -> Value {
    guard let entry = values.first(where: { $0.key == key }) else { throw Failure("\(path): there is no \(key)") }
    return entry.value
  }

  func has(_ key: String) -> Bool { values.contains { $0.key == key } }

  func text(_ key: String) throws -> String {
    let value = try value(key)
    guard value.type == Self.stringType else { throw Failure("\(path): \(key) is not a text") }
    return String(decoding: value.bytes.dropFirst(8), as: UTF8.self)
  }

  /// An unsigned or signed number of 32 or 64 bits.
  func integer(_ key: String) throws -> Int {
    let value = try value(key)
    guard [4, 5, 10, 11].contains(value.type) else { throw Failure("\(path): \(key) is not a whole number") }
    return value.bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// Elements of an array.
  func arrayLength(_ key: String) throws -> Int {
    let value = try value(key)
    guard value.type == Self.arrayType else { throw Failure("\(path): \(key) is not an array") }
    return value.bytes.dropFirst(4).prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private struct Reader {
    let data: Data
    let path: String
    var offset = 0

    private mutating func advance(_ count: Int) throws {
      guard count >= 0, count <= data.count - offset else { throw Failure("\(path): the file is torn") }
      offset += count
    }

    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws -> Number {
      let start = offset
      try advance(MemoryLayout<Number>.size)
      return data[start..<offset].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    mutating func string() throws -> String {
      let start = offset + 8
      try skip(GGUFHeader.stringType)
      return String(decoding: data[start..<offset], as: UTF8.self)
    }

    mutating func skip(_ type: UInt32) throws {
      switch type {
      case GGUFHeader.stringType: try advance(Int(clamping: integer(UInt64.self)))
      case GGUFHeader.arrayType:
        let element = try integer(UInt32.self)
        let count = Int(clamping: try integer(UInt64.self))
        if element == GGUFHeader.stringType || element == GGUFHeader.arrayType {
          for _ in 0..<count { try skip(element) }
        } else {
          guard element < GGUFHeader.sizes.count, count <= data.count else {
            throw Failure("\(path): the file is torn")
          }
          try advance(count * GGUFHeader.sizes[Int(element)])
        }
      default:
        guard type < GGUFHeader.sizes.count else { throw Failure("\(path): a value has type \(type)") }
        try advance(GGUFHeader.sizes[Int(type)])
      }
    }
  }
}
