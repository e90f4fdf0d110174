import Records

/// The header of a safetensors file, checked against the size of the file before anything is believed.
///
/// A file is eight bytes (the length of the header, little endian), the header (a JSON object: tensor name to type,
/// shape and byte range, and `__metadata__`), then the elements of all tensors without gap or overlap.
struct TensorHeader: Sendable {
  /// One tensor as the header declares it.
  struct Entry: Sendable {
    let name: String
    let elementType: ElementType
    let shape: [Int]
    /// Bytes of the elements, counted from the start of the file.
    let range: Range<Int>
  }

  /// Bytes in front of the header that hold its length.
  static let prefixLength = 8
  /// The safetensors library reads no longer header.
  static let maximumLength = 100_000_000
  static let metadataKey = "__metadata__"

  let metadata: [String: String]
  /// The tensors in the order of their bytes.
  let entries: [Entry]

  /// The bytes that the header takes in the file.
  /// - Parameter prefix: the first eight bytes of the file, or all if it has fewer.
  static func range(prefix: [UInt8], fileLength: Int, source: String) throws(TensorError) -> Range<Int> {
    guard fileLength >= prefixLength, prefix.count >= prefixLength else {
      throw TensorError(
        source: source, "not a safetensors file: \(fileLength) bytes, and the length of the header alone takes 8")
    }
    let length = prefix.prefix(prefixLength).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(maximumLength) else {
      throw TensorError(
        source: source,
        "not a safetensors file: the header would take \(length) bytes, more than the \(maximumLength) allowed")
    }
    guard length <= UInt64(fileLength - prefixLength) else {
      throw TensorError(
        source: source, "the header should take \(length) bytes, but only \(fileLength - prefixLength) follow")
    }
    return prefixLength..<prefixLength + Int(length)
  }

  /// Parses a header.
  /// - Parameters:
  ///   - bytes: the header without the prefix.
  ///   - fileLength: bytes of the whole file.
  init(parsing bytes: [UInt8], fileLength: Int, source: String) throws(TensorError) {
    let json: JSON
    do { json = try JSON(parsing: bytes) } catch { throw TensorError(source: source, "the header is \(error)") }
    guard let members = json.members else {
      throw TensorError(source: source, "the header is \(json.kind), expected an object")
    }
    let dataStart = Self.prefixLength + bytes.count
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    var names: Set<String> = []
    for member in members {
      if member.key == Self.metadataKey {
        metadata = try Self.metadata(member.value, source: source)
      } else {
        // JSON tells keys apart by their bytes, and so lets composed and decomposed letters pass as two.
        guard names.insert(member.key).inserted else {
          throw TensorError(source: source, "tensor \"\(member.key)\": another has the same name")
        }
        entries.append(try Self.entry(member, dataStart: dataStart, fileLength: fileLength, source: source))
      }
    }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    try Self.checkCover(entries, dataStart: dataStart, fileLength: fileLength, source: source)
    self.metadata = metadata
    self.entries = entries
  }

  private static func metadata(_ json: JSON, source: String) throws(TensorError) -> [String: String] {
    if json.isNull { return [:] }
    guard let members = json.members else {
      throw TensorError(source: source, "\(metadataKey) is \(json.kind), expected an object of strings")
    }
    var metadata: [String: String] = [:]
    for member in members {
      guard let text = member.value.string else {
        throw TensorError(
          source: source, "\(metadataKey): \"\(member.key)\" is \(member.value.kind), expected a string")
      }
      metadata[member.key] = text
    }
    return metadata
  }

  private static func entry(
    _ member: JSON.Member, dataStart: Int, fileLength: Int, source: String
  ) throws(TensorError) -> Entry {
    func failure(_ reason: String) -> TensorError { TensorError(source: source, "tensor \"\(member.key)\": \(reason)") }
    guard member.value.members != nil else { throw failure("is \(member.value.kind), expected an object") }
    guard let typeName = member.value["dtype"]?.string else { throw failure("has no dtype") }
    guard let elementType = ElementType(rawValue: typeName) else { throw failure("unknown dtype \"\(typeName)\"") }
    guard let shapeJSON = member.value["shape"]?.array else { throw failure("has no shape") }
    let shape = shapeJSON.compactMap(\.integer)
    guard shape.count == shapeJSON.count, shape.allSatisfy({ $0 >= 0 }) else {
      throw failure("the shape \(JSON.array(shapeJSON).text) is not a list of sizes")
    }
    guard let expected = elementType.byteCount(shape: shape) else {
      throw failure("the shape \(shape) holds more bytes than can be counted")
    }
    guard let offsets = member.value["data_offsets"]?.array, offsets.count == 2, let start = offsets[0].integer,
      let end = offsets[1].integer
    else { throw failure("data_offsets is not a pair of offsets") }
    guard start >= 0, start <= end else { throw failure("the offsets \(start) to \(end) run backwards") }
    guard end <= fileLength - dataStart else {
      throw failure("ends at byte \(end) of the data, which has \(fileLength - dataStart) bytes")
    }
    guard end - start == expected else {
      throw failure("\(typeName) of shape \(shape) takes \(expected) bytes, its offsets span \(end - start)")
    }
    return Entry(
      name: member.key, elementType: elementType, shape: shape, range: dataStart + start..<dataStart + end)
  }

  /// Every byte behind the header belongs to exactly one tensor.
  private static func checkCover(
    _ entries: [Entry], dataStart: Int, fileLength: Int, source: String
  ) throws(TensorError) {
    var end = dataStart
    for entry in entries {
      guard entry.range.lowerBound == end else {
        let found = entry.range.lowerBound - dataStart
        throw TensorError(
          source: source,
          found < end - dataStart
            ? "tensor \"\(entry.name)\": starts at byte \(found) of the data and overlaps another"
            : "tensor \"\(entry.name)\": starts at byte \(found) of the data, after a hole of \(found - end + dataStart) bytes"
        )
      }
      end = entry.range.upperBound
    }
    guard end == fileLength else {
      throw TensorError(source: source, "\(fileLength - end) bytes follow the last tensor")
    }
  }
}
