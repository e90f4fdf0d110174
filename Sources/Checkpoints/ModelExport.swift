import Kernels
import Records

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A model, perhaps with an adapter, on its way into a Hugging Face model directory.
public struct ModelExport: Sendable {
  /// The model.
  public let checkpoint: ModelCheckpoint
  /// The adapter that is merged into it.
  public let adapter: Adapter?
  /// Whether the adapter says of itself that it was trained on other weights than these.
  public let isForeignAdapter: Bool
  private let location: ModelLocation
  private static let weightsName = "model.safetensors"

  /// Opens the model and reads the adapter.
  /// - Throws: `CheckpointError` or `TensorError` naming the file and what is wrong with it.
  public init(model: String, adapter directory: String?) throws {
    location = try ModelLocation(model)
    checkpoint = try ModelCheckpoint.open(model)
    var isForeign = false
    if let directory {
      adapter = try Adapter.read(directory: directory, for: checkpoint.configuration)
      let state = try JSONFile(ifPresentIn: directory, name: "training_state.json")
      let trained = try state?.object("fingerprints")?.string("model")
      isForeign = trained != nil && trained != checkpoint.fingerprint
    } else {
      adapter = nil
    }
    isForeignAdapter = isForeign
  }

  /// The type that loses nothing of the model without being larger: its own where all weights share one of the plain
  /// types, else float32.
  public var defaultType: WeightType {
    let weights =
      [checkpoint.embedding, checkpoint.head]
      + checkpoint.layers.flatMap { layer in Projection.allCases.map { layer[$0] } }
    guard let type = WeightType(checkpoint.embedding.format),
      weights.allSatisfy({ $0.format == checkpoint.embedding.format })
    else { return .f32 }
    return type
  }

  /// The factor on the embeddings that transformers will take, if it is not the model's: it casts the factor to the type
  /// of the weights.
  public func changedEmbeddingFactor(as type: WeightType) -> Float? {
    let c = checkpoint.configuration
    guard c.embeddingFactor != 1 else { return nil }
    let format: WeightFormat =
      switch type {
      case .f32: .f32
      case .f16: .f16
      case .bf16: .bf16
      }
    let factor = format.rounded(Float(c.hiddenSize).squareRoot())
    return factor == c.embeddingFactor ? nil : factor
  }

  /// Makes the directory, which appears only when all its files are complete.
  /// - Parameter progress: called after each tensor with how many are written and how many there are.
  /// - Throws: `CheckpointError` if there is something at the path that is no empty directory, or the model has
  ///   something that such a directory cannot hold; `TokenizerError` for a tokenizer that is not supported; `FileError`.
  public func write(
    to path: String, as type: WeightType, products: Products,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    let claim = try OutputClaim(directory: path)
    defer { withExtendedLifetime(claim) {} }
    try Self.checkFree(path)
    let files =
      switch location {
      case .gguf(let file):
        try CompanionFiles.generated(from: file, checkpoint.configuration, type: type)
      case .directory(let directory): try CompanionFiles.copies(from: directory, type: type)
      }
    let directory = try AtomicDirectory(path: path, names: CompanionFiles.names + [Self.weightsName])
    do {
      for file in files { try AtomicFile.write(file.bytes, to: directory.temporary + "/" + file.name) }
      try MergedModel(checkpoint: checkpoint, adapter: adapter, products: products)
        .write(to: directory.temporary + "/" + Self.weightsName, as: type, progress: progress)
      try directory.commit()
    } catch {
      directory.discard()
      throw error
    }
  }

  /// Writes the adapter as a GGUF file for llama.cpp; a file that is there is replaced.
  /// - Throws: `CheckpointError` if there is no adapter, the path is the model's own, or a value is too large for the
  ///   type; `FileError`.
  public func writeGGUF(to path: String, as type: WeightType) throws {
    guard let adapter else { throw CheckpointError(path, "there is no adapter to write") }
    try checkNotModel(path)
    try adapter.writeGGUF(to: path, for: checkpoint.configuration, as: type)
  }

  /// Refuses the model's own file, which would be replaced by the adapter's, and a directory.
  /// - Throws: `CheckpointError`.
  private func checkNotModel(_ path: String) throws(CheckpointError) {
    var (own, other) = (stat(), stat())
    guard stat(path, &other) == 0 else { return }
    guard other.st_mode & S_IFMT != S_IFDIR else {
      throw CheckpointError(path, "there is a directory; a GGUF adapter is a file")
    }
    guard stat(checkpoint.path, &own) == 0 else { return }
    guard own.st_dev != other.st_dev || own.st_ino != other.st_ino else {
      throw CheckpointError(path, "is the model itself, which the adapter would replace")
    }
  }

  /// Refuses a path at which there is anything but an empty directory.
  /// - Throws: `CheckpointError`.
  public static func checkFree(_ path: String) throws(CheckpointError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw CheckpointError(path, "there is something that is no directory; it is not replaced")
    }
    guard let directory = opendir(path) else {
      throw CheckpointError(path, "cannot look into the directory: \(String(cString: strerror(errno)))")
    }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name == "." || name == ".." else {
        throw CheckpointError(
          path, "the directory is not empty, it holds \(name); a model goes into a new or empty one")
      }
    }
  }
}
