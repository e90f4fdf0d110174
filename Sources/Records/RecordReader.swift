/// A record of a stream with the place where it stands.
public struct RecordLine: Sendable {
  /// The file as it was named, or nil for stdin.
  public let file: String?
  /// The line on which the record begins, from 1.
  public let number: Int
  /// The bytes as they came, without the line feed; none if the line is longer than is read.
  public let bytes: [UInt8]
  /// The record, or why the line is none.
  public let record: Result<Record, RecordError>

  /// A line from its parts.
  public init(file: String?, number: Int, bytes: [UInt8], record: Result<Record, RecordError>) {
    self.file = file
    self.number = number
    self.bytes = bytes
    self.record = record
  }
}

/// How a file of records is laid out, as its first bytes tell.
public struct InputLayout: Sendable, Equatable {
  /// The file as it was named, or nil for stdin.
  public let file: String?
  /// How it is compressed, if it is.
  public let compression: Compression?
  /// Whether it is one JSON array and not JSON Lines.
  public let isArray: Bool
}

/// Reads the records of several files one after the other; memory is bounded by the longest record.
///
/// Each file is JSON Lines or one JSON array of objects, plain or compressed by gzip or zstd. CRLF, a byte order mark,
/// blank lines and a missing last line feed are accepted. A line that is no record is handed over as such and reading
/// goes on behind it.
public final class RecordReader {
  /// The longest line or array element that is read, in bytes: 256 MiB.
  public static let longestLine = 256 << 20
  /// The same for a compressed file, whose size says nothing of its lines: 16 MiB.
  public static let longestCompressedLine = 16 << 20

  /// Called with each file's layout before its first record.
  public var opened: (InputLayout) -> Void = { _ in }
  private let longestLine: Int
  private var waiting: ArraySlice<String>
  private var current: (input: InputFile, file: String?, elements: ElementReader?)?
  /// What the current file's compression leaves of `longestLine`.
  private var limit: Int
  /// Bytes of all files; nil if one is no regular file.
  private let total: Int?
  /// Bytes of the files that are behind.
  private var finished = 0.0

  /// A reader of `paths` in their order; `-` is stdin, and so is an empty list.
  /// - Parameter longestLine: Longer lines and array elements fail by themselves, without being held.
  /// - Throws: `FileError` of kind `open` if any of the files cannot be opened.
  public init(paths: [String], longestLine: Int = RecordReader.longestLine) throws(FileError) {
    self.longestLine = longestLine
    limit = longestLine
    waiting = paths.isEmpty ? ["-"] : paths[...]
    for path in waiting { try InputFile.check(path: path) }
    total = waiting.reduce(0 as Int?) { sum, path in
      sum.flatMap { sum in InputFile.regularLength(path: path).map { sum + $0 } }
    }
  }

  /// The share of all files' bytes, as they are stored, that the records so far and their layout take; nil if one of
  /// the files has no length, as a pipe.
  public var share: Double? {
    guard let total, total > 0 else { return nil }
    return min(1, (finished + (current?.input.usedLength ?? 0)) / Double(total))
  }

  /// Whether `next` will not wait for whoever writes the input. False may also mean that it is not known.
  public var isReady: Bool { current?.input.hasLine ?? false }

  /// The next record or broken line; nil behind the last one.
  /// - Throws: `FileError` if a file has gone, reading fails, or compressed data is damaged or ends too early.
  public func next() throws(FileError) -> RecordLine? {
    while true {
      if let (input, file, elements) = current {
        let line =
          if let elements { try elements.next(file: file) } else { try nextLine(of: input, file: file) }
        if let line { return line }
        finished += input.usedLength
        current = nil
      }
      guard let path = waiting.popFirst() else { return nil }
      let input = try InputFile(path: path)
      try Self.skipMark(of: input)
      limit = input.compression == nil ? longestLine : min(longestLine, Self.longestCompressedLine)
      let elements = try ElementReader(ifArray: input, longestLine: limit)
      let file = path == "-" ? nil : path
      opened(InputLayout(file: file, compression: input.compression, isArray: elements != nil))
      current = (input, file, elements)
    }
  }

  /// Passes over a UTF-8 byte order mark.
  private static func skipMark(of input: InputFile) throws(FileError) {
    for byte in [0xEF, 0xBB, 0xBF] as [UInt8] {
      guard try input.peek() == byte else { return }
      input.advance()
    }
  }

  private func nextLine(of input: InputFile, file: String?) throws(FileError) -> RecordLine? {
    while true {
      let number = input.line
      guard let line = try input.readLine(limit: limit) else { return nil }
      if line.isTooLong {
        return RecordLine(file: file, number: number, bytes: [], record: .failure(.tooLong(limit)))
      }
      if line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      var record = Self.record(line.bytes)
      if case .failure(let error) = record, !line.isTerminated {
        record = .failure(RecordError("the last line is torn: \(error)"))
      }
      return RecordLine(file: file, number: number, bytes: line.bytes, record: record)
    }
  }

  static func record(_ bytes: [UInt8]) -> Result<Record, RecordError> {
    do { return .success(try Record(parsing: bytes)) } catch { return .failure(RecordError("\(error)")) }
  }
}
