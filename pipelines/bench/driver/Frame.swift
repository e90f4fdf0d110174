import CZstd
import Foundation

/// A frame of a tensor archive: one safetensors file.
struct Frame {
  struct Tensor {
    var type: String
    var shape: [Int]
    var bytes: Data
  }

  var metadata: [String: String] = [:]
  var tensors: [String: Tensor] = [:]

  init(_ reference: FrameReference) throws {
    guard let file = FileHandle(forReadingAtPath: reference.archive) else {
      throw Failure("cannot read \(reference.archive)")
    }
    try file.seek(toOffset: UInt64(reference.offset))
    let frame = try file.read(upToCount: reference.bytes) ?? Data()
    let size = frame.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
    guard size < 1 << 32 else { throw Failure("\(reference.archive): no frame at \(reference.offset)") }
    var content = Data(count: Int(size))
    let length = content.withUnsafeMutableBytes { target in
      frame.withUnsafeBytes { ZSTD_decompress(target.baseAddress, target.count, $0.baseAddress, $0.count) }
    }
    guard length == content.count, length > 8 else { throw Failure("\(reference.archive): a frame is damaged") }
    try parse(content, source: reference.archive)
  }

  private mutating func parse(_ content: Data, source: String) throws {
    let headerLength = content.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONSerialization.jsonObject(with: content[8..<8 + headerLength]) as? [String: [String: Any]]
    for (name, entry) in header ?? [:] {
      if name == "__metadata__" {
        metadata = entry.compactMapValues { $0 as? String }
      } else if let type = entry["dtype"] as? String, let shape = entry["shape"] as? [Int],
        let offsets = entry["data_offsets"] as? [Int]
      {
        let start = 8 + headerLength
        tensors[name] = Tensor(type: type, shape: shape, bytes: content[start + offsets[0]..<start + offsets[1]])
      }
    }
    guard !tensors.isEmpty else { throw Failure("\(source): a frame holds no tensors") }
  }

  /// A list of whole numbers.
  func integers(_ name: String) -> [Int32]? {
    guard let tensor = tensors[name], tensor.type == "I32" else { return nil }
    return bits(name).map(Int32.init(bitPattern:))
  }

  /// The elements of a tensor of 32-bit numbers, as they stand in the file; none if there is no such tensor.
  func bits(_ name: String) -> [UInt32] {
    guard let bytes = tensors[name]?.bytes else { return [] }
    return stride(from: bytes.startIndex, to: bytes.endIndex - 3, by: 4).map { start in
      bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// The frame as an archive holds it.
  func encoded() throws -> Data {
    var header: [String: Any] = ["__metadata__": metadata]
    var data = Data()
    // Wide elements first, so that every tensor is aligned.
    let widths = ["F32": 4, "I32": 4, "F16": 2, "BF16": 2]
    for (name, tensor) in tensors.sorted(by: { (widths[$0.value.type] ?? 1) > (widths[$1.value.type] ?? 1) }) {
      header[name] = [
        "dtype": tensor.type, "shape": tensor.shape, "data_offsets": [data.count, data.count + tensor.bytes.count],
      ]
      data += tensor.bytes
    }
    var text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    let length = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
    return try Self.compress(length + text + data)
  }

  private static func compress(_ content: Data) throws -> Data {
    guard let context = ZSTD_createCCtx() else { throw Failure("out of memory") }
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3)
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    var frame = Data(count: ZSTD_compressBound(content.count))
    let length = frame.withUnsafeMutableBytes { target in
      content.withUnsafeBytes { ZSTD_compress2(context, target.baseAddress, target.count, $0.baseAddress, $0.count) }
    }
    guard ZSTD_isError(length) == 0 else { throw Failure("a frame cannot be compressed") }
    return frame.prefix(length)
  }
}
