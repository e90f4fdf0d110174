import Records
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that a tool is to write, and the option that names it.
public struct OutputFile: Sendable {
  /// What to call it in messages: "--archive scores.zst", "stdout".
  fileprivate let title: String
  fileprivate let path: String
  fileprivate let identity: FileIdentity?

  /// The file that an option names.
  public init(option: String, path: String) {
    title = "\(option) \(path)"
    self.path = path
    identity = FileIdentity(path: path)
  }

  fileprivate static let stdout = FileIdentity.regularFile(STDOUT_FILENO).map { OutputFile($0) }

  private init(_ identity: FileIdentity) {
    title = "stdout"
    path = "/dev/stdout"
    self.identity = identity
  }

  /// Devices may be named twice: /dev/null keeps nothing.
  fileprivate func isSame(_ other: OutputFile) -> Bool {
    path == other.path && !path.hasPrefix("/dev/") || identity != nil && identity == other.identity && isRegular
  }

  private var isRegular: Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}

extension StreamOptions {
  /// Refuses to write what the tool reads, or one file for two purposes: called before anything is opened.
  /// - Parameters:
  ///   - outputs: What is written beside stdout and the rejects.
  ///   - others: What is read beside the records: files, and directories such as a model's.
  /// - Throws: `ToolError` of status `usage` that names both.
  public func checkOutputs(_ outputs: [OutputFile] = [], besides others: [String?] = []) throws {
    let rejected = rejects.map {
      [
        OutputFile(option: "--rejects", path: $0),
        OutputFile(option: "the reasons of --rejects,", path: $0 + ".reasons"),
      ]
    }
    var inputs = InputFiles(others.compactMap { $0 })
    for path in files.isEmpty ? ["-"] : files { inputs.add(records: path) }
    try inputs.check([OutputFile.stdout].compactMap { $0 } + (rejected ?? []) + outputs)
  }
}

/// The files that a tool reads, and what to call them in messages.
public struct InputFiles {
  private var titles: [FileIdentity: String] = [:]

  /// Files, models and directories of files. What cannot be found is left out: whoever opens it says so.
  public init(_ paths: [String]) {
    for path in paths {
      if let names = Self.names(inDirectory: path) {
        for name in names { add("\(path)/\(name)", as: "the file \(name) of \(path)") }
      } else {
        add(path, as: "the file \(path), which is read")
        for part in Self.otherParts(of: path) { add(part, as: "the file \(part), which is read") }
      }
    }
  }

  private mutating func add(_ path: String, as title: String) {
    if let identity = FileIdentity(path: path) { titles[identity] = title }
  }

  /// Adds a file of records; `-` is stdin.
  fileprivate mutating func add(records path: String) {
    if path != "-" {
      add(path, as: "the input file \(path)")
    } else if let identity = FileIdentity.regularFile(STDIN_FILENO) {
      titles[identity] = "the input, stdin"
    }
  }

  /// Refuses outputs that are one of these files, and two outputs that are the same.
  /// - Throws: `ToolError` of status `usage` that names both.
  public func check(_ outputs: [OutputFile]) throws {
    for (index, output) in outputs.enumerated() {
      if let other = outputs[..<index].first(where: { $0.isSame(output) }) {
        throw ToolError(.usage, "\(output.title) and \(other.title) are the same file")
      }
      if let title = output.identity.flatMap({ titles[$0] }) {
        throw ToolError(.usage, "\(output.title) is \(title): write to another file")
      }
    }
  }

  /// The other parts of a split GGUF file, NAME-00001-of-00003.gguf.
  private static func otherParts(of path: String) -> [String] {
    guard let mark = path.firstRange(of: "-00001-of-"), path.hasSuffix(".gguf") else { return [] }
    let stem = path[..<mark.lowerBound]
    let start = stem.lastIndex(of: "/").map { stem.index(after: $0) } ?? stem.startIndex
    let (folder, beginning) = (String(stem[..<start]), String(stem[start...]))
    let names = names(inDirectory: folder.isEmpty ? "." : folder) ?? []
    return names.filter { $0.hasPrefix(beginning) && $0.hasSuffix(".gguf") }.map { folder + $0 }
  }

  /// The names in a directory; nil if it is none.
  private static func names(inDirectory path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

/// Refuses to write over the archive that a record's scores are in, by whatever path it is named.
/// - Parameters:
///   - path: What is to be written.
///   - option: The option that names it.
/// - Throws: `ToolError` of status `usage`; `TensorError` if `scores` is no reference to a frame.
public func checkArchive(_ path: String, option: String = "--archive", besides record: Record) throws {
  guard let scores = record["scores"], !scores.isNull else { return }
  let other = try FrameReference(json: scores, field: "scores").archive
  if other == path || FileIdentity(path: other).map({ $0 == FileIdentity(path: path) }) ?? false {
    throw ToolError(.usage, "\(option) \(path) is the archive that the scores are in")
  }
}
