import Kernels
import Records
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The two files that PEFT keeps an adapter in, read and written as PEFT does.
extension Adapter {
  private static let configurationName = "adapter_config.json"
  private static let weightsName = "adapter_model.safetensors"
  /// The weights as old versions of PEFT pickled them.
  private static let pickleName = "adapter_model.bin"

  /// The tensors of one projection.
  private struct FoundPair {
    let module: String
    var tensors: [AdapterTensorName.Letter: String]
  }

  /// Reads an adapter directory for a model of the given shape.
  ///
  /// What is adapted, in which layers and with which rank, is what there are matrices for; the rank must be that of the
  /// configuration and its patterns, from which the scale comes.
  /// - Throws: `CheckpointError` or `TensorError` naming what is missing, does not fit the model, or cannot be honoured.
  public static func read(directory: String, for model: ModelConfiguration) throws -> Adapter {
    let file = try JSONFile(directory: directory, name: configurationName)
    var configuration = try AdapterConfiguration(file)
    let path = directory + "/" + weightsName
    if access(path, F_OK) != 0, access(directory + "/" + pickleName, F_OK) == 0 {
      throw CheckpointError(
        directory,
        "there is \(pickleName) and no \(weightsName); pickled files can run code and are not read: load the adapter "
          + "with peft and save it with save_pretrained")
    }
    let tensors = try MappedTensors(path: path)
    let found = try pairs(tensors, layers: model.layers)
    var layers = [[Projection: LowRankPair]](repeating: [:], count: model.layers)
    for layer in layers.indices {
      for projection in Projection.allCases {
        guard let pair = found[layer][projection] else { continue }
        func name(_ letter: AdapterTensorName.Letter) -> String {
          pair.tensors[letter] ?? Self.name(layer: layer, projection: projection, letter: letter)
        }
        let (rank, scale) = configuration.shape(of: pair.module)
        // Written back, the module has its whole name.
        guard configuration.shape(of: Self.module(layer: layer, projection: projection)) == (rank, scale) else {
          throw CheckpointError(
            file.path, "its patterns mean something else for \(pair.module) than for the same module of the whole model"
          )
        }
        let shape = model.shape(of: projection)
        layers[layer][projection] = LowRankPair(
          a: try matrix(name(.a), [rank, shape.columns], tensors),
          b: try matrix(name(.b), [shape.rows, rank], tensors),
          scale: scale)
      }
    }
    configuration.targets = Projection.allCases.filter { target in layers.contains { $0[target] != nil } }
    guard !configuration.targets.isEmpty else { throw CheckpointError(path, "the adapter holds no tensors") }
    return Adapter(configuration: configuration, layers: layers)
  }

  /// The names of the tensors of each layer's projections.
  private static func pairs(
    _ tensors: MappedTensors, layers: Int
  ) throws(CheckpointError) -> [[Projection: FoundPair]] {
    var pairs = [[Projection: FoundPair]](repeating: [:], count: layers)
    for tensor in tensors.names {
      let name: AdapterTensorName
      do {
        name = try AdapterTensorName(tensor)
      } catch {
        throw CheckpointError(tensors.file.path, error.reason)
      }
      guard name.layer < layers else {
        throw CheckpointError(tensors.file.path, AdapterTensorName.Problem.stray(tensor))
      }
      var pair = pairs[name.layer][name.projection] ?? FoundPair(module: name.module, tensors: [:])
      let other = pair.tensors[name.letter] ?? (pair.module == name.module ? nil : pair.tensors.values.first)
      if let other {
        throw CheckpointError(tensors.file.path, "the tensor \(tensor) belongs to the same projection as \(other)")
      }
      pair.tensors[name.letter] = tensor
      pairs[name.layer][name.projection] = pair
    }
    return pairs
  }

  private static func matrix(_ name: String, _ shape: [Int], _ tensors: MappedTensors) throws -> Matrix {
    let tensor = try tensors.tensor(name)
    guard tensor.shape == shape else {
      throw CheckpointError(tensors.file.path, "the tensor \(name) has shape \(tensor.shape), expected \(shape)")
    }
    let values: [Float]
    do {
      values = try tensor.floats()
    } catch {
      throw CheckpointError(tensors.file.path, "the tensor \(name): \(error.reason)")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw CheckpointError(tensors.file.path, "the tensor \(name) holds a number that is not finite")
    }
    return Matrix(rows: shape[0], columns: shape[1], values)
  }

  /// Writes the two files into an existing directory.
  /// - Throws: `FileError`.
  public func write(directory: String) throws(FileError) {
    var file = TensorFile(metadata: ["format": "pt"])
    for (name, matrix) in parameters {
      file[name] = Tensor(matrix.values, shape: [matrix.rows, matrix.columns])
    }
    try AtomicFile.write(file.encoded(), to: directory + "/" + Self.weightsName)
    try AtomicFile.write(
      Array(configuration.json(modules: modules).indentedText.utf8), to: directory + "/" + Self.configurationName)
  }

  /// What is adapted, as `target_modules` names it: projections by their names where all layers have them.
  private var modules: [String] {
    let isWhole = configuration.targets.allSatisfy { target in layers.allSatisfy { $0[target] != nil } }
    if isWhole { return configuration.targets.map(\.rawValue) }
    return layers.enumerated().flatMap { layer, pairs in
      pairs.keys.sorted().map { Self.module(layer: layer, projection: $0) }
    }
  }

  /// Tells adapters apart: over the scales and every entry of every matrix.
  public var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(configuration.scale)")
    for (layer, pairs) in layers.enumerated() {
      for (projection, pair) in pairs.sorted(by: { $0.key < $1.key }) where pair.scale != configuration.scale {
        fingerprint.add("\(Self.module(layer: layer, projection: projection)) \(pair.scale)")
      }
    }
    for (name, matrix) in parameters {
      fingerprint.add(name)
      for value in matrix.values { fingerprint.add(Int32(bitPattern: value.bitPattern)) }
    }
    return fingerprint.hexadecimal
  }
}
