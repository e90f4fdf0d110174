import Kernels
import Tensors

extension GGUFFile {
  /// ggml's numbers of the types that weights may have, and the names that messages use.
  private static let formats: [UInt32: WeightFormat] = [
    0: .f32, 1: .f16, 2: .q4_0, 3: .q4_1, 6: .q5_0, 7: .q5_1, 8: .q8_0, 10: .q2_k, 11: .q3_k, 12: .q4_k, 13: .q5_k,
    14: .q6_k, 30: .bf16,
  ]
  private static let otherTypes: [UInt32: String] = [
    4: "Q4_2 (removed from ggml)", 5: "Q4_3 (removed from ggml)", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
    18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32",
    27: "I64", 28: "F64", 29: "IQ1_M", 31: "Q4_0_4_4 (removed from ggml)", 32: "Q4_0_4_8 (removed from ggml)",
    33: "Q4_0_8_8 (removed from ggml)", 34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4 (removed from ggml)",
    37: "IQ4_NL_4_8 (removed from ggml)", 38: "IQ4_NL_8_8 (removed from ggml)", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
  ]

  private func entry(_ name: String) throws(CheckpointError) -> Entry {
    guard let entry = tensors[name] else { throw CheckpointError(path, "the tensor \(name) is missing") }
    return entry
  }

  /// Where a tensor is, the type of its numbers and their bytes; `shape` is [rows, columns] or [count].
  private func located(
    _ name: String, shape: [Int]
  ) throws(CheckpointError) -> (entry: Entry, format: WeightFormat, bytes: UnsafeRawPointer) {
    let entry = try entry(name)
    let path = entry.mapping.path
    guard let format = Self.formats[entry.type] else {
      let type = Self.otherTypes[entry.type] ?? "number \(entry.type)"
      throw CheckpointError(
        path,
        "the tensor \(name) has type \(type), expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K")
    }
    guard entry.dimensions == shape.reversed() else {
      throw CheckpointError(
        path, "the tensor \(name) has shape \(Array(entry.dimensions.reversed())), expected \(shape)")
    }
    let columns = shape.last ?? 0
    guard columns % format.blockLength == 0 else {
      throw CheckpointError(
        path, "the tensor \(name) has rows of \(columns), expected a multiple of \(format.blockLength)")
    }
    let (start, length) = (entry.start, entry.mapping.count)
    guard let count = format.byteCount(shape) else {
      throw CheckpointError(path, "the tensor \(name) has shape \(shape), more than any file can hold")
    }
    guard start <= length, count <= length - start, let base = entry.mapping.bytes.baseAddress else {
      throw CheckpointError(path, "the tensor \(name) needs \(count) bytes at offset \(start), the file has \(length)")
    }
    return (entry, format, base + start)
  }

  /// A weight matrix, [rows, columns].
  func matrix(
    _ name: String, rows: Int, columns: Int, interleavedHeadDimension: Int? = nil
  ) throws(CheckpointError) -> WeightMatrix {
    let (entry, format, bytes) = try located(name, shape: [rows, columns])
    return WeightMatrix(
      format: format, rows: rows, columns: columns, bytes: bytes, owner: entry.mapping,
      interleavedHeadDimension: interleavedHeadDimension)
  }

  /// A vector as float32.
  func vector(_ name: String, count: Int) throws(CheckpointError) -> [Float] {
    let (entry, format, bytes) = try located(name, shape: [count])
    let matrix = WeightMatrix(format: format, rows: 1, columns: count, bytes: bytes, owner: entry.mapping)
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      if let base = buffer.baseAddress { matrix.widen(row: 0, into: base) }
      filled = count
    }
  }

  /// The first bytes of a tensor, at most `limit`, and nothing of its neighbours.
  static func sample(of entry: Entry, bytes limit: Int) -> UnsafeRawBufferPointer {
    var end = min(entry.mapping.count, entry.start + limit)
    if let format = formats[entry.type] {
      // Only small tensors need an exact count; the others' might overflow.
      let count = entry.dimensions.reduce(1) { min($0 * min($1, 1 << 20), 1 << 20) }
      end = min(end, entry.start + count / format.blockLength * format.blockBytes)
    }
    return UnsafeRawBufferPointer(rebasing: entry.mapping.bytes[min(entry.start, end)..<end])
  }

  // MARK: Metadata

  func integer(_ key: String) throws(CheckpointError) -> Int? {
    guard let value = metadata[key] else { return nil }
    guard case .integer(let number) = value else { throw CheckpointError(path, "\(key) is no integer") }
    return number
  }

  func requiredInteger(_ key: String) throws(CheckpointError) -> Int {
    guard let number = try integer(key) else { throw CheckpointError(path, "the metadata value \(key) is missing") }
    return number
  }

  func double(_ key: String) throws(CheckpointError) -> Double? {
    switch metadata[key] {
    case nil: return nil
    case .double(let number): return number
    case .integer(let number): return Double(number)
    default: throw CheckpointError(path, "\(key) is no number")
    }
  }

  func string(_ key: String) throws(CheckpointError) -> String? {
    guard let value = metadata[key] else { return nil }
    guard case .string(let text) = value else { throw CheckpointError(path, "\(key) is no string") }
    return text
  }

  func bool(_ key: String) throws(CheckpointError) -> Bool? {
    guard let value = metadata[key] else { return nil }
    guard case .bool(let truth) = value else { throw CheckpointError(path, "\(key) is no boolean") }
    return truth
  }

  func strings(_ key: String) throws(CheckpointError) -> [String]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let elements) = value else { throw CheckpointError(path, "\(key) is no array") }
    guard elements.elementType == 8 else { throw CheckpointError(path, "\(key) holds more than strings") }
    var cursor = GGUFCursor(mapping: mapping, offset: elements.offset)
    var texts: [String] = []
    texts.reserveCapacity(elements.count)
    for _ in 0..<elements.count { texts.append(try cursor.string(key)) }
    return texts
  }

  func integers(_ key: String) throws(CheckpointError) -> [Int]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let elements) = value else { throw CheckpointError(path, "\(key) is no array") }
    var numbers: [Int] = []
    numbers.reserveCapacity(elements.count)
    var cursor = GGUFCursor(mapping: mapping, offset: elements.offset)
    for _ in 0..<elements.count {
      guard case .integer(let number) = try cursor.value(elements.elementType, key) else {
        throw CheckpointError(path, "\(key) holds more than integers")
      }
      numbers.append(number)
    }
    return numbers
  }
}

extension WeightFormat {
  /// Bytes of a tensor whose rows are whole blocks; nil if they cannot be counted.
  fileprivate func byteCount(_ shape: [Int]) -> Int? {
    var count = blockBytes
    for size in shape.dropLast() + [(shape.last ?? 0) / blockLength] {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      count = product
    }
    return count
  }
}
