/// A safetensors file mapped into memory: the header is read and checked, the tensors are read where they lie.
public struct MappedTensors: Sendable {
  /// The file; its mapping lives as long as this.
  public let file: MappedFile
  /// The strings under `__metadata__`.
  public let metadata: [String: String]
  /// The names of the tensors in the order of their bytes.
  public let names: [String]
  private let entries: [String: TensorHeader.Entry]

  /// Maps the file at `path` and checks its header against its length.
  /// - Throws: `TensorError` with the file and what was wrong.
  public init(path: String) throws(TensorError) {
    let file = try MappedFile(path: path)
    if file.bytes.prefix(64).starts(with: "version https://git-lfs".utf8) {
      throw TensorError(source: path, "is a Git LFS pointer, expected the file itself (git lfs pull)")
    }
    let prefix = Array(file.bytes.prefix(TensorHeader.prefixLength))
    let range = try TensorHeader.range(prefix: prefix, fileLength: file.count, source: path)
    let header = try TensorHeader(parsing: Array(file.bytes[range]), fileLength: file.count, source: path)
    self.file = file
    metadata = header.metadata
    names = header.entries.map(\.name)
    entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
  }

  /// Type, shape and bytes of the tensor called `name`, or nil if there is none.
  ///
  /// The bytes lie in the mapping: they are valid while `file` lives, and need not be aligned to their type.
  public func entry(_ name: String) -> (elementType: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer)? {
    guard let entry = entries[name] else { return nil }
    return (entry.elementType, entry.shape, UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]))
  }

  /// A copy of the tensor called `name`.
  /// - Throws: `TensorError` if there is none.
  public func tensor(_ name: String) throws(TensorError) -> Tensor {
    guard let entry = entry(name) else { throw TensorError(source: file.path, "has no tensor \"\(name)\"") }
    return try Tensor(elementType: entry.elementType, shape: entry.shape, bytes: Array(entry.bytes))
  }
}
