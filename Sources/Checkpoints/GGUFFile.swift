import Tensors

/// A value of a GGUF file's metadata.
package enum GGUFValue: Sendable {
  case integer(Int)
  case double(Double)
  case bool(Bool)
  case string(String)
  case array(GGUFArray)
}

/// An array of the metadata where it lies in the file; vocabularies are long, and not every tool asks for them.
package struct GGUFArray: Sendable {
  /// The type of the elements, as the file numbers it.
  let elementType: UInt32
  let count: Int
  /// Where the first element begins.
  let offset: Int
}

/// A parsed GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3, or the files that
/// one was split into.
///
/// Every count and offset is checked against the file before anything is allocated by it.
package struct GGUFFile: Sendable {
  /// One tensor's entry: its type as the file numbers it and its place.
  package struct Entry: Sendable {
    package let type: UInt32
    /// As in the file: the first dimension varies fastest.
    package let dimensions: [Int]
    /// The file that has it.
    package let mapping: MappedFile
    /// Offset from the start of that file.
    package let start: Int
  }

  /// The file, or the first of its parts; the metadata's arrays lie in it.
  let mapping: MappedFile
  package let metadata: [String: GGUFValue]
  /// Those of all parts.
  package let tensors: [String: Entry]

  var path: String { mapping.path }

  /// Opens a file, and with the first part of a split one all others.
  package init(path: String) throws {
    let first = try GGUFPart(path: path)
    var tensors = first.tensors
    for part in try GGUFSplit(first)?.otherParts() ?? [] {
      for (name, entry) in part.tensors {
        if let other = tensors.updateValue(entry, forKey: name) {
          throw CheckpointError(part.path, "the tensor \(name) stands in \(other.mapping.path) too")
        }
      }
    }
    mapping = first.mapping
    metadata = first.metadata
    self.tensors = tensors
  }
}

/// One file of the format.
struct GGUFPart {
  let mapping: MappedFile
  let metadata: [String: GGUFValue]
  let tensors: [String: GGUFFile.Entry]

  var path: String { mapping.path }

  /// More tensors or metadata values than any model has; each takes many times the bytes of its entry in a file.
  private static let mostEntries = 1 << 16
  /// What the format allows.
  private static let longestKey = 1 << 16 - 1
  /// ggml's own names have 63 bytes at most.
  private static let longestName = 1 << 10

  init(path: String) throws {
    mapping = try MappedFile(path: path)
    var cursor = GGUFCursor(mapping: mapping)
    guard mapping.count >= 4, try cursor.fixed(UInt32.self, "the magic") == 0x4655_4747 else {
      try GitPointer.refuse(mapping.bytes, path)
      throw CheckpointError(path, "not a GGUF file: it does not start with \"GGUF\"")
    }
    let version = try cursor.fixed(UInt32.self, "the version")
    guard version == 2 || version == 3 else {
      let reason = version.byteSwapped < 16 ? "is big-endian" : "has version \(version)"
      throw CheckpointError(path, "the GGUF file \(reason), expected little-endian version 2 or 3")
    }
    let tensorCount = try cursor.count("the number of tensors", unit: 24, most: Self.mostEntries)
    let valueCount = try cursor.count("the number of metadata values", unit: 13, most: Self.mostEntries)
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<valueCount {
      let key = try cursor.string("a metadata key", longest: Self.longestKey)
      let type = try cursor.fixed(UInt32.self, "the type of \(key)")
      guard metadata.updateValue(try cursor.value(type, key), forKey: key) == nil else {
        throw CheckpointError(path, "the metadata key \(key) stands twice")
      }
    }
    var listed: [String: GGUFCursor.Entry] = [:]
    for _ in 0..<tensorCount {
      let name = try cursor.string("a tensor's name", longest: Self.longestName)
      let entry = try cursor.entry(name)
      guard listed.updateValue(entry, forKey: name) == nil else {
        throw CheckpointError(path, "the tensor \(name) stands twice")
      }
    }
    var alignment = 32
    if case .integer(let value)? = metadata["general.alignment"] { alignment = value }
    guard alignment > 0, alignment <= 1 << 20, alignment & (alignment - 1) == 0 else {
      throw CheckpointError(path, "the alignment is \(alignment), expected a power of two")
    }
    self.metadata = metadata
    // Both are within the length of a file: the sum cannot overflow.
    let dataStart = (cursor.offset + alignment - 1) / alignment * alignment
    let mapping = mapping
    tensors = listed.mapValues {
      GGUFFile.Entry(
        type: $0.type, dimensions: $0.dimensions, mapping: mapping, start: dataStart + $0.offset)
    }
  }
}

/// Reads a GGUF header front to back.
struct GGUFCursor {
  /// A tensor as the header lists it.
  struct Entry {
    let type: UInt32
    let dimensions: [Int]
    /// Offset from the start of the file's data section, not beyond the file's length.
    let offset: Int
  }

  let mapping: MappedFile
  var offset = 0
  private static let deepestArray = 4

  init(mapping: MappedFile, offset: Int = 0) {
    self.mapping = mapping
    self.offset = offset
  }

  private func need(_ bytes: Int, _ what: @autoclosure () -> String) throws(CheckpointError) {
    guard bytes <= mapping.count - offset else {
      throw CheckpointError(mapping.path, "the file ends within \(what()), at byte \(mapping.count)")
    }
  }

  mutating func fixed<Number: BitwiseCopyable>(
    _ type: Number.Type, _ what: @autoclosure () -> String
  ) throws(CheckpointError) -> Number {
    try need(MemoryLayout<Number>.size, what())
    defer { offset += MemoryLayout<Number>.size }
    return mapping.bytes.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// A 64-bit count of things that take at least `unit` bytes each.
  /// - Parameter most: more than so many are refused.
  mutating func count(
    _ what: @autoclosure () -> String, unit: Int, most: Int = .max
  ) throws(CheckpointError) -> Int {
    let value = try fixed(UInt64.self, what())
    guard value <= UInt64((mapping.count - offset) / unit) else {
      throw CheckpointError(mapping.path, "\(what()) is \(value), more than the file can hold")
    }
    guard value <= UInt64(most) else {
      throw CheckpointError(mapping.path, "\(what()) is \(value), expected at most \(most)")
    }
    return Int(value)
  }

  /// - Parameter longest: longer texts are refused.
  mutating func string(_ what: @autoclosure () -> String, longest: Int = .max) throws(CheckpointError) -> String {
    let length = try count("the length of \(what())", unit: 1, most: longest)
    let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[offset..<offset + length])
    offset += length
    guard let text = Self.text(bytes) else {
      throw CheckpointError(mapping.path, "\(what()) at byte \(offset - length) is not UTF-8")
    }
    return text
  }

  /// The text, or nil if it is not UTF-8.
  private static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    // Vocabularies are texts of one and two bytes a scalar, which are quick to check here; the standard library looks
    // up its type for the others each time.
    var index = 0
    while index < bytes.count {
      if bytes[index] < 0x80 {
        index += 1
      } else if index + 1 < bytes.count, (0xC2...0xDF).contains(bytes[index]), bytes[index + 1] & 0xC0 == 0x80 {
        index += 2
      } else {
        return String(validating: bytes, as: UTF8.self)
      }
    }
    return bytes.withMemoryRebound(to: UInt8.self) { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func skipString(_ key: String) throws(CheckpointError) {
    let rest = mapping.count - offset - MemoryLayout<UInt64>.size
    if rest >= 0, case let length = mapping.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self),
      length <= UInt64(rest)
    {
      offset += MemoryLayout<UInt64>.size + Int(length)
    } else {
      offset += try count("the length of \(key)", unit: 1)
    }
  }

  mutating func value(_ type: UInt32, _ key: String, depth: Int = 0) throws(CheckpointError) -> GGUFValue {
    switch type {
    case 0: return .integer(Int(try fixed(UInt8.self, key)))
    case 1: return .integer(Int(try fixed(Int8.self, key)))
    case 2: return .integer(Int(try fixed(UInt16.self, key)))
    case 3: return .integer(Int(try fixed(Int16.self, key)))
    case 4: return .integer(Int(try fixed(UInt32.self, key)))
    case 5: return .integer(Int(try fixed(Int32.self, key)))
    case 6: return .double(Double(try fixed(Float.self, key)))
    case 7: return .bool(try fixed(UInt8.self, key) != 0)
    case 8: return .string(try string(key))
    case 9:
      guard depth < Self.deepestArray else {
        throw CheckpointError(mapping.path, "\(key) is an array nested deeper than \(Self.deepestArray) levels")
      }
      let element = try fixed(UInt32.self, key)
      let sizes = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8]
      guard element < sizes.count else {
        throw CheckpointError(mapping.path, "\(key) is an array of type \(element), which GGUF does not have")
      }
      let length = try count("the length of \(key)", unit: sizes[Int(element)])
      let array = GGUFArray(elementType: element, count: length, offset: offset)
      switch element {
      // The count of strings leaves room for their lengths, not for their bytes: these are checked one by one.
      case 8: for _ in 0..<length { try skipString(key) }
      case 9: for _ in 0..<length { _ = try value(element, key, depth: depth + 1) }
      default: offset += length * sizes[Int(element)]
      }
      return .array(array)
    case 10:
      let number = try fixed(UInt64.self, key)
      return .integer(Int(clamping: number))
    case 11: return .integer(Int(try fixed(Int64.self, key)))
    case 12: return .double(try fixed(Double.self, key))
    default: throw CheckpointError(mapping.path, "\(key) has type \(type), which GGUF does not have")
    }
  }

  mutating func entry(_ name: String) throws(CheckpointError) -> Entry {
    let count = try fixed(UInt32.self, "the shape of \(name)")
    guard count <= 4 else {
      throw CheckpointError(mapping.path, "the tensor \(name) has \(count) dimensions, expected 1 to 4")
    }
    var dimensions: [Int] = []
    for _ in 0..<count {
      let size = try fixed(UInt64.self, "the shape of \(name)")
      guard let size = Int(exactly: size) else {
        throw CheckpointError(mapping.path, "a dimension of the tensor \(name) is \(size)")
      }
      dimensions.append(size)
    }
    let type = try fixed(UInt32.self, "the type of \(name)")
    let place = try fixed(UInt64.self, "the offset of \(name)")
    guard let place = Int(exactly: place), place <= mapping.count else {
      throw CheckpointError(mapping.path, "the tensor \(name) lies at offset \(place), beyond the file's end")
    }
    return Entry(type: type, dimensions: dimensions, offset: place)
  }
}
