import Records

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The output of a run of the same tool that was broken off: what it holds is not done again.
///
/// The file stays where it is and only the places of its records are held. Lines of one record (its samples) follow each
/// other; a last line without its line feed, and lines of a last record that are not all there, count as not written.
public final class EarlierOutput {
  /// The file as it was named.
  public let path: String
  /// Whether stdout is this file, so that what it holds need not be written again.
  public let isContinued: Bool
  /// Records that it holds whole.
  public var count: Int { places.count }
  /// Records that no record of the input has asked for.
  public private(set) var left = 0

  private struct Place {
    var offset: Int
    var bytes: Int
    /// From 1.
    var line: Int
    var isTaken = false
  }

  private var places: [String: Place] = [:]
  /// Where the last whole record ends.
  private var end = 0
  private let descriptor: Int32

  /// Reads the places of all records.
  /// - Parameters:
  ///   - path: The file.
  ///   - samples: Lines of each record; with more than one, `source` holds the record's id.
  ///   - check: Gets each line's record; throws if the run cannot go on behind it.
  /// - Throws: `FileError` if the file cannot be opened or read, `ToolError` with path and line if a line is no record
  ///   with an id, stands twice, or `check` throws, or if stdout is this file but writes over it.
  public init(path: String, samples: Int = 1, check: (Record) throws -> Void = { _ in }) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path: path, kind: .open, action: "open") }
    self.descriptor = descriptor
    isContinued = FileIdentity.regularFile(STDOUT_FILENO).map { $0 == FileIdentity(descriptor: descriptor) } ?? false
    if isContinued, fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND == 0 {
      throw ToolError(.usage, "--resume \(path): stdout is the same file and writes over it: append with >> \(path)")
    }
    do { try readPlaces(samples: samples, check: check) } catch let error as RecordError {
      throw ToolError(.data, "--resume \(path): \(error)")
    }
    left = places.count
  }

  deinit { close(descriptor) }

  private func readPlaces(samples: Int, check: (Record) throws -> Void) throws {
    var (offset, number) = (0, 0)
    var current: (id: String, place: Place, lines: Int)?
    while let line = try line(at: offset) {
      number += 1
      func failure(_ reason: String) -> ToolError { ToolError(.data, "--resume \(path): line \(number): \(reason)") }
      let record: Record
      do {
        record = try Record(parsing: line)
        try check(record)
      } catch { throw failure("\(error)") }
      guard let id = samples == 1 ? record.idText : record.text("source") else {
        throw failure("has no \(samples == 1 ? "id" : "source"), expected the output of the same command")
      }
      if current?.id == id, samples > 1 {
        current?.place.bytes += line.count + 1
        current?.lines += 1
      } else if let current, current.lines != samples {
        throw failure("follows \(current.lines) responses to id \"\(current.id)\", expected \(samples)")
      } else {
        guard places[id] == nil else { throw failure("id \"\(id)\" stands twice") }
        current = (id, Place(offset: offset, bytes: line.count + 1, line: number), 1)
      }
      offset += line.count + 1
      if let done = current, done.lines == samples {
        places[id] = done.place
        end = offset
        if samples > 1 { current = (id, done.place, samples) }
      }
    }
  }

  private var buffer: (bytes: [UInt8], offset: Int) = ([], 0)

  /// The line that begins at an offset, without its line feed; nil if it has none.
  private func line(at offset: Int) throws -> [UInt8]? {
    while true {
      let start = offset - buffer.offset
      if let length = buffer.bytes[start...].firstIndex(of: 0x0A) { return Array(buffer.bytes[start..<length]) }
      buffer = (Array(buffer.bytes[start...]), offset)
      guard buffer.bytes.count <= RecordReader.longestLine else {
        throw RecordError("a line has more than \(RecordReader.longestLine) bytes")
      }
      let more = try read(1 << 20, at: offset + buffer.bytes.count)
      if more.isEmpty { return nil }
      buffer.bytes += more
    }
  }

  /// Up to `count` bytes from an offset; fewer only at the end of the file.
  private func read(_ count: Int, at offset: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let read = bytes.withUnsafeMutableBytes { bytes in
        pread(descriptor, bytes.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
      }
      if read < 0, errno == EINTR { continue }
      guard read >= 0 else { throw FileError(path: path, kind: .transfer, action: "read") }
      if read == 0 { break }
      done += read
    }
    return Array(bytes.prefix(done))
  }

  /// Cuts off what is behind the last whole record, if stdout goes on there.
  /// - Throws: `FileError` if that fails.
  public func cut() throws {
    guard isContinued else { return }
    while ftruncate(STDOUT_FILENO, off_t(end)) != 0 {
      guard errno == EINTR else { throw FileError(path: path, kind: .transfer, action: "cut") }
    }
  }

  /// What was written for a record: its lines with their line feeds, and the number of the first. Nil if there is nothing.
  func lines(of record: Record) throws -> (bytes: [UInt8], number: Int)? {
    guard let id = record.idText, let place = places[id] else { return nil }
    if !place.isTaken { left -= 1 }
    places[id]?.isTaken = true
    let bytes = try read(place.bytes, at: place.offset)
    guard bytes.count == place.bytes else {
      throw FileError(path: path, kind: .transfer, reason: "became shorter while it was read")
    }
    return (bytes, place.line)
  }
}

extension Record {
  /// A string, or an integer as text.
  fileprivate func text(_ key: String) -> String? {
    switch self[key] {
    case .string(let text): text
    case .number(let digits) where Int(digits) != nil: digits
    default: nil
    }
  }

  /// Throws if this record, which a tool wrote, cannot have come from `original`.
  /// - Parameter written: Fields that the tool sets or takes off.
  func checkOrigin(_ original: Record, written: Set<String>) throws(RecordError) {
    for key in original.keys where !written.contains(key) && !hasSameValue(of: key, as: original) {
      throw RecordError("has another \(key) than the record")
    }
    guard let base = try original.tokens("base") else { return }
    if try tokens("base") != base { throw RecordError("has other tokens.base than the record") }
  }
}
