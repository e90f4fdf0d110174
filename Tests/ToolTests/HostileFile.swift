import Records
import TemporaryFolders
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that is broken or means harm, and what the tool that reads it must say.
struct HostileFile: Sendable, CustomTestStringConvertible {
  let name: String
  /// Run in the folder that `make` has filled.
  let command: String
  let status: Int
  /// The one line on stderr, less the tool's name.
  let says: String
  /// Memory that the tool may take beyond what it needs for good files and twice the file.
  var room = 48 << 20
  let make: @Sendable (TemporaryFolder) throws -> Void

  var testDescription: String { name }
  private var tool: String { String(command.prefix { $0 != " " }) }

  /// Commands with good files: what each tool needs by itself.
  private static let good = [
    "nlft-tokenize": #"--model "$MODEL""#, "nlft-sample": #"--model "$MODEL" --max-tokens 1"#, "nlft-grade": "",
    "nlft-saliency": "--method sft --archive loss.safetensors.zst",
  ]
  private static let line =
    #"{"id":1,"question":"q","output":"1","answer":"1\n#### 1","tokens":{"base":[4],"answer":[5]}}"# + "\n"

  /// Runs the tool and compares.
  func check() async throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.line, to: "good.jsonl")
    try make(folder)
    let size = try Self.size(folder.path)
    let result = try await runShell("peak-memory peak \(command)", in: folder.path)
    #expect(result.status == status)
    #expect(result.stderr == "\(tool): \(says)\n")
    #expect(result.stdout == [])
    // The address sanitizer keeps what was freed.
    guard getenv("ASAN_OPTIONS") == nil else { return }
    let peak = try Self.peak(folder)
    let base = try await HostileBases.shared.base(of: tool)
    #expect(peak <= base + 2 * size + room, "\(peak >> 20) MiB for a file of \(size) bytes, \(base >> 20) MiB as it is")
  }

  private static func peak(_ folder: TemporaryFolder) throws -> Int {
    let text = try #require(folder.text("peak"))
    return try #require(Int(text.filter(\.isNumber)))
  }

  /// Bytes of the files in a folder and those in it; links count for nothing.
  private static func size(_ path: String) throws -> Int {
    try TemporaryFolder.names(in: path).reduce(0) { sum, name in
      var status = stat()
      guard lstat(path + "/" + name, &status) == 0 else { return sum }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: return try sum + size(path + "/" + name)
      case S_IFREG: return sum + Int(status.st_size)
      default: return sum
      }
    }
  }

  /// Memory of a tool that reads good files; for tools that train or merge, of one that shows its help.
  fileprivate static func base(of tool: String) async throws -> Int {
    let folder = try TemporaryFolder()
    try folder.write(line, to: "good.jsonl")
    let arguments = good[tool].map { "--quiet \($0) good.jsonl" } ?? "--help"
    let result = try await runShell("peak-memory peak \(tool) \(arguments)", in: folder.path)
    #expect(result.status == 0, "\(result.stderr)")
    return try peak(folder)
  }
}

/// What the tools need by themselves, measured once.
private actor HostileBases {
  static let shared = HostileBases()
  private var bases: [String: Int] = [:]

  func base(of tool: String) async throws -> Int {
    if let base = bases[tool] { return base }
    let base = try await HostileFile.base(of: tool)
    bases[tool] = base
    return base
  }
}

extension TemporaryFolder {
  /// Fills the folder `model` with the tiny model's files, one of them replaced or left away.
  func writeModel(replacing name: String, by bytes: [UInt8]?) throws {
    try folder("model")
    let model = try TinyModelFolder.shared.get()
    for other in try Self.names(in: model) where other != name {
      guard symlink(model + "/" + other, file("model/" + other)) == 0 else {
        throw ToolProcessError(description: "cannot link \(other)")
      }
    }
    if let bytes { try write(bytes, to: "model/" + name) }
  }

  /// Writes `bytes` at the beginning of a file of `size` bytes, which takes no more room on the disk.
  func writeSparse(_ bytes: [UInt8], size: Int, to name: String) throws {
    let path = try write(bytes, to: name)
    guard truncate(path, off_t(size)) == 0 else { throw ToolProcessError(description: "cannot make \(name) longer") }
  }
}

/// Bytes that several kinds of hostile files are made of.
enum HostileBytes {
  /// What Git keeps in place of a large file.
  static let gitPointer = Array(
    """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8
    size 269060552

    """.utf8)

  /// JSON nested in 10⁵ levels, behind what stands in front of them.
  static func deep(_ start: String = "") -> [UInt8] {
    Array((start + String(repeating: #"{"a":["#, count: 50_000)).utf8)
  }

  /// A text many times over.
  static func repeated(_ part: String, _ count: Int) -> [UInt8] { Array(String(repeating: part, count: count).utf8) }
}
