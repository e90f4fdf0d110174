import TemporaryFolders
import Tensors
import Testing

extension TemporaryFolder {
  /// The weights of an adapter in the folder, tensor after tensor.
  func adapterWeights(_ name: String) throws -> [Float] {
    let bytes = try #require(content(name + "/adapter_model.safetensors"), "\(name) is not there")
    let file = try TensorFile(parsing: bytes, source: name)
    return try file.names.sorted().flatMap { try #require(file[$0]).floats() }
  }
}

/// The largest difference of two adapters' weights, as a share of the largest weight.
func relativeDifference(_ weights: [Float], _ others: [Float]) throws -> Float {
  try #require(weights.count == others.count && !weights.isEmpty)
  let largest = try #require(others.map(abs).max())
  return try #require(zip(weights, others).map { abs($0 - $1) }.max()) / largest
}
