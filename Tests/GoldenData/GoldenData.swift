#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where the reference results lie that tests compare with: what PyTorch and the published code compute. They are no
/// part of the project; tests that need them are skipped, with a word, where they are not there.
public enum GoldenData {
  /// The folder: `NLFT_GOLDEN`, or `shared/golden` beside the checkout.
  public static let folder: String = {
    if let path = getenv("NLFT_GOLDEN") { return String(cString: path) }
    // …/checkout/Tests/GoldenData/GoldenData.swift
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(4).joined(separator: "/") + "/shared/golden"
  }()

  /// Whether the folder is there.
  public static let isThere = access(folder, R_OK) == 0

  /// What a skipped test says.
  public static let comment = "needs the golden data: set NLFT_GOLDEN to its folder"

  /// The models under `models`, by architecture.
  public static let architectures = ["llama", "llama3", "mistral", "qwen2", "qwen3", "gemma3"]

  /// The model that `make model` fetches, if it was fetched.
  public static let modelPath: String? = {
    let environment: (String) -> String? = { name in
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    let cache = environment("XDG_CACHE_HOME") ?? environment("HOME").map { $0 + "/.cache" } ?? ""
    let path = environment("NLFT_MODEL") ?? cache + "/nlft/SmolLM2-135M-Instruct.Q4_1.gguf"
    return access(path, R_OK) == 0 ? path : nil
  }()

  /// What a test says that is skipped for want of the model.
  public static let modelComment = "needs the default model: make model"

  /// The bytes of a file, by path from the folder.
  public static func bytes(_ name: String) throws -> [UInt8] {
    let path = folder + "/" + name
    guard let file = fopen(path, "rb") else { throw GoldenDataError(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  /// The lines of a file.
  public static func lines(_ name: String) throws -> [[UInt8]] {
    try bytes(name).split(separator: 0x0A).map(Array.init)
  }
}

/// A golden file that cannot be read.
public struct GoldenDataError: Error, CustomStringConvertible {
  let path: String
  /// The path.
  public var description: String { "\(path) cannot be read" }
}
