/// How a stream is compressed, as its first bytes tell.
public enum Compression: String, Sendable, CaseIterable {
  /// RFC 1952, one member or several.
  case gzip
  /// RFC 8878, one frame or several.
  case zstd

  /// As many bytes tell every form.
  static let magicLength = 4

  /// What the first bytes of a file tell.
  enum Recognition: Equatable {
    case plain
    case compressed(Compression)
    /// A form that is known by name only.
    case foreign(String)
    /// The bytes could become a magic number when more of them come.
    case undecided
  }

  /// What stands in a Git repository in place of a large file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
  private static let gitPointer = Array("version https://git-lfs".utf8)

  /// The magic numbers. A JSON text begins with none of them.
  private static let magics: [(bytes: [UInt8], meaning: Recognition)] =
    [
      ([0x1F, 0x8B], .compressed(.gzip)), ([0x28, 0xB5, 0x2F, 0xFD], .compressed(.zstd)),
      (Array("BZh".utf8), .foreign("compressed by bzip2")), ([0xFD, 0x37, 0x7A, 0x58], .foreign("compressed by xz")),
      ([0x50, 0x4B, 0x03, 0x04], .foreign("a zip archive")), (Array("PAR1".utf8), .foreign("a Parquet file")),
      ([0x04, 0x22, 0x4D, 0x18], .foreign("compressed by lz4")),
      (gitPointer, .foreign("a Git LFS pointer (git lfs pull fetches the file)")),
    ]
    // zstd's skippable frames, with which pzstd begins its files.
    + (0x50...0x5F).map { ([$0, 0x2A, 0x4D, 0x18], .compressed(.zstd)) }

  /// Looks at the first bytes of a file.
  static func recognize(_ bytes: ArraySlice<UInt8>) -> Recognition {
    for (magic, meaning) in magics {
      if bytes.starts(with: magic) { return meaning }
      if bytes.count < magic.count, magic.starts(with: bytes) { return .undecided }
    }
    return .plain
  }

  func makeDecoder() throws(DecodingFailure) -> any StreamDecoder {
    switch self {
    case .gzip: try GzipDecoder()
    case .zstd: try ZstdDecoder()
    }
  }
}

/// Why compressed bytes cannot be decoded; the caller says of which file.
struct DecodingFailure: Error, Equatable {
  let reason: String
}

/// Decodes compressed bytes as they come, with memory that does not depend on what they hold.
protocol StreamDecoder: AnyObject {
  /// Whether output may be left over that did not fit: there is more to take before more is put in.
  var hasOutput: Bool { get }

  /// What is wrong if no more bytes come; nil if they may end here.
  var failureAtEnd: DecodingFailure? { get }

  /// Takes from `input` and puts into `output` what it becomes.
  /// - Returns: how many bytes were taken and put; both are 0 only if `input` is empty.
  /// - Throws: `DecodingFailure` if the bytes are damaged, or others stand behind the end.
  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> (taken: Int, put: Int)
}
