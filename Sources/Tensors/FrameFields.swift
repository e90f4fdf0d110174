extension TensorFile {
  /// The tensor `name` as one dimension of floats, or nil if there is none.
  func floatList(_ name: String, count: Int? = nil, source: String) throws(TensorError) -> [Float]? {
    try list(name, count: count, source: source) { (tensor) throws(TensorError) in try tensor.floats() }
  }

  /// The tensor `name` as one dimension of I32, or nil if there is none.
  func int32List(_ name: String, count: Int? = nil, source: String) throws(TensorError) -> [Int32]? {
    try list(name, count: count, source: source) { (tensor) throws(TensorError) in try tensor.int32s() }
  }

  /// The tensor `name` as one dimension of U8, or nil if there is none.
  func uint8List(_ name: String, count: Int? = nil, source: String) throws(TensorError) -> [UInt8]? {
    try list(name, count: count, source: source) { (tensor) throws(TensorError) in try tensor.uint8s() }
  }

  private func list<Element>(
    _ name: String, count: Int?, source: String, _ elements: (Tensor) throws(TensorError) -> [Element]
  ) throws(TensorError) -> [Element]? {
    guard let tensor = self[name] else { return nil }
    guard tensor.shape.count == 1 else {
      throw TensorError(source: source, "\"\(name)\" has shape \(tensor.shape), expected one dimension")
    }
    if let count, tensor.count != count {
      throw TensorError(source: source, "\"\(name)\" has \(tensor.count) elements, expected \(count)")
    }
    do { return try elements(tensor) } catch { throw TensorError(source: source, "\"\(name)\": \(error.reason)") }
  }
}
