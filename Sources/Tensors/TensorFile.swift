import Records

/// A complete safetensors file in memory.
public struct TensorFile: Sendable, Equatable {
  /// The strings under `__metadata__`.
  public var metadata: [String: String]
  /// The names of the tensors: in the order of their bytes when parsed, in the order of insertion otherwise.
  public private(set) var names: [String] = []
  private var tensors: [String: Tensor] = [:]

  /// A file without tensors.
  public init(metadata: [String: String] = [:]) {
    self.metadata = metadata
  }

  /// The tensor called `name`, or nil. Assigning adds, replaces or (nil) removes it.
  public subscript(name: String) -> Tensor? {
    get { tensors[name] }
    set {
      if newValue == nil {
        names.removeAll { $0 == name }
      } else if tensors[name] == nil {
        names.append(name)
      }
      tensors[name] = newValue
    }
  }

  /// The tensor called `name`.
  /// - Throws: `TensorError` with an empty source if there is none.
  public func tensor(_ name: String) throws(TensorError) -> Tensor {
    guard let tensor = tensors[name] else { throw TensorError(source: "", "has no tensor \"\(name)\"") }
    return tensor
  }

  /// Parses a whole file; trailing bytes are an error like every other contradiction.
  /// - Parameter source: what to call the file in errors.
  /// - Throws: `TensorError` with what was wrong.
  public init(parsing bytes: [UInt8], source: String) throws(TensorError) {
    let headerRange = try TensorHeader.range(
      prefix: Array(bytes.prefix(TensorHeader.prefixLength)), fileLength: bytes.count, source: source)
    let header = try TensorHeader(parsing: Array(bytes[headerRange]), fileLength: bytes.count, source: source)
    metadata = header.metadata
    for entry in header.entries {
      names.append(entry.name)
      tensors[entry.name] = try Tensor(
        elementType: entry.elementType, shape: entry.shape, storage: bytes, range: entry.range)
    }
  }

  /// The bytes of the file, the same for the same content: metadata first and sorted, tensors by descending
  /// alignment and then by name as the safetensors library lays them out, the header padded to 8 bytes with spaces.
  public func encoded() -> [UInt8] {
    let ordered = tensors.map { (name: $0.key, tensor: $0.value, rank: $0.value.elementType.alignmentRank) }
      .sorted { $0.rank != $1.rank ? $0.rank > $1.rank : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var members: [JSON.Member] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      members.append(
        JSON.Member(TensorHeader.metadataKey, .object(pairs.map { JSON.Member($0.key, .string($0.value)) })))
    }
    var end = 0
    for (name, tensor, _) in ordered {
      let start = end
      end += tensor.slice.count
      let description = JSON.object([
        "dtype": .string(tensor.elementType.rawValue), "shape": .array(tensor.shape.map(JSON.integer)),
        "data_offsets": .array([.integer(start), .integer(end)]),
      ])
      members.append(JSON.Member(name, description))
    }
    var header = JSON.object(members).encoded
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(TensorHeader.prefixLength + header.count + end)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: header.count >> (8 * shift))) }
    bytes += header
    for (_, tensor, _) in ordered { bytes += tensor.slice }
    return bytes
  }
}
