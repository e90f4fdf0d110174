import ArgumentParser
import Records

/// A record of the input with the place where it stands and the slot that its results will take in the output.
public struct NumberedRecord: Sendable {
  /// The record; a tool may change its copy.
  public var record: Record
  /// The file as it was named, or nil for stdin.
  public let file: String?
  /// The line on which the record begins, from 1.
  public let line: Int
  /// Its place among all records and broken lines, from 0.
  public let slot: Int
  let source: [UInt8]
}

/// The way of records through a tool: from its input files to stdout, failures to stderr.
///
/// Every record that `next` gives must be resolved once, by `complete` or `fail`, in any order: the output keeps the
/// order of the input, and each line is written as soon as all earlier records are resolved. Lines that are no records
/// are reported, counted and passed over.
public final class ToolStream {
  private enum Outcome {
    case records([Record])
    case reject(line: [UInt8], reason: String)
  }

  /// How many records were completed.
  public private(set) var done = 0
  /// How many records and broken lines failed.
  public private(set) var failed = 0

  private let tool: String
  private let options: StreamOptions
  private let diagnostics: Diagnostics
  private let reader: RecordReader
  private let writer = RecordWriter()
  private let rejects: RejectFile?
  private let uniqueIds: Bool
  private let numbersRecords: Bool
  private var ids = Set<[UInt8]>()
  private var order = SlotOrder<Outcome>()
  /// Why reading ended before the input did; thrown when the records before it are resolved.
  private var inputFailure: FileError?
  private let start = ContinuousClock.now

  /// Looks for the input files and opens the file for rejects.
  /// - Parameters:
  ///   - tool: The tool's name in messages.
  ///   - stream: Files, `--keep-going`, `--rejects`.
  ///   - quiet: Whether only errors and warnings are printed.
  ///   - uniqueIds: Whether a record whose `id` came before fails. Records without `id` always pass.
  ///   - numbersRecords: Whether a record without `id` gets its place in the stream, from 1, as its `id`.
  /// - Throws: `FileError` if an input file cannot be opened or the file for rejects not be made.
  public init(
    tool: String, stream: StreamOptions, quiet: Bool, uniqueIds: Bool = true, numbersRecords: Bool = false
  ) throws {
    self.tool = tool
    options = stream
    diagnostics = Diagnostics(tool: tool, quiet: quiet)
    self.uniqueIds = uniqueIds
    self.numbersRecords = numbersRecords
    reader = try RecordReader(paths: stream.files)
    reader.opened = { [diagnostics] layout in
      if let words = layout.words { diagnostics.note("\(layout.file ?? "stdin"): \(words)") }
    }
    rejects = try stream.rejects.map { try RejectFile(path: $0) }
  }

  /// The next record; nil at the end of the input.
  ///
  /// Nil also where reading fails and records are still to be resolved: they are written before the failure ends the
  /// tool, by the next call or by `finish`.
  /// - Throws: `FileError` if reading fails, or writing what a broken line had held back.
  public func next() throws -> NumberedRecord? {
    while let line = try nextLine() {
      if let numbered = try numbered(line) { return numbered }
    }
    return nil
  }

  private func nextLine() throws(FileError) -> RecordLine? {
    if inputFailure == nil {
      do { return try reader.next() } catch { inputFailure = error }
    }
    if let inputFailure, order.unfinished == 0 {
      // What failed before is kept, as what was done is.
      try rejects?.commit()
      throw inputFailure
    }
    return nil
  }

  /// The next record and those behind it that are there already; empty at the end of the input.
  ///
  /// No record of a batch waits for one that has not been written yet.
  /// - Throws: as `next`.
  public func nextBatch(atMost count: Int) throws -> [NumberedRecord] {
    guard let first = try next() else { return [] }
    var batch = [first]
    while batch.count < count, reader.isReady, let line = try nextLine() {
      if let numbered = try numbered(line) { batch.append(numbered) }
    }
    return batch
  }

  /// Opens a slot for a line; nil if the line is no record or its id is not good, which is then reported.
  private func numbered(_ line: RecordLine) throws -> NumberedRecord? {
    let slot = order.open()
    do {
      var record = try line.record.get()
      if numbersRecords, record["id"]?.isNull ?? true { record.set("id", to: .integer(slot + 1)) }
      let numbered = NumberedRecord(
        record: record, file: line.file, line: line.number, slot: slot, source: line.bytes)
      do {
        try check(id: record)
        return numbered
      } catch { try fail(numbered, error) }
    } catch let error as RecordError {
      let place = Self.place(file: line.file, line: line.number)
      try fail(slot: slot, source: line.bytes, reason: "\(place): \(error)")
    }
    return nil
  }

  private func check(id record: Record) throws(RecordError) {
    guard let id = record["id"], !id.isNull else { return }
    guard let text = record.idText else {
      throw RecordError(field: "id", found: id.kind, expected: "a string or an integer")
    }
    if uniqueIds, !ids.insert(Array(text.utf8)).inserted {
      throw RecordError("another record before it has the same id")
    }
  }

  // MARK: Resolving

  /// Resolves a record with what it became: usually one record, several when a tool multiplies them, none when a tool
  /// only counts.
  /// - Throws: `FileError` if stdout is closed or full; `ToolError` if the record was resolved before.
  public func complete(_ numbered: NumberedRecord, with records: [Record]) throws {
    done += 1
    try resolve(numbered.slot, .records(records))
  }

  /// Resolves a record with the reason why it failed: prints it, counts it, and keeps the line for `--rejects`.
  /// - Throws: `FileError` if stdout or the rejects cannot be written; `ToolError` if the record was resolved before.
  public func fail(_ numbered: NumberedRecord, _ error: any Error) throws {
    var place = Self.place(file: numbered.file, line: numbered.line)
    // The id as it came: a string in its quotes, an integer without.
    if numbered.record.idText != nil, let id = numbered.record["id"] { place += ": id \(id.text)" }
    try fail(slot: numbered.slot, source: numbered.source, reason: "\(place): \(error)")
  }

  private func fail(slot: Int, source: [UInt8], reason: String) throws {
    failed += 1
    diagnostics.error(reason)
    try resolve(slot, .reject(line: source, reason: reason))
  }

  private static func place(file: String?, line: Int) -> String {
    (file.map { $0 + ": " } ?? "") + "line \(line)"
  }

  private func resolve(_ slot: Int, _ outcome: Outcome) throws {
    guard let ready = order.resolve(slot, outcome) else {
      throw ToolError(.internal, "record \(slot + 1) was resolved twice")
    }
    for outcome in ready {
      switch outcome {
      case .records(let records): for record in records { try writer.write(record) }
      case .reject(let line, let reason): try rejects?.append(line, reason: reason)
      }
    }
    diagnostics.progress {
      let elapsed = ContinuousClock.now - start
      let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
      let rate = (Double(done + failed) / max(seconds, 1e-3) * 10).rounded() / 10
      return "\(done) done" + (failed > 0 ? ", \(failed) failed" : "") + ", \(rate)/s"
    }
  }

  /// Writes a line of its own to stdout at once, outside the order of records: a step's metrics.
  /// - Throws: `FileError` if stdout is closed or full.
  public func emit(_ record: Record) throws {
    try writer.write(record)
  }

  // MARK: Words

  /// Says something that a person may want to know, unless the tool is to be quiet.
  public func note(_ message: String) { diagnostics.note(message) }

  /// Says that something is probably not as intended.
  public func warn(_ message: String) { diagnostics.warn(message) }

  /// Shows a picture for the eye on stderr, as it is: stdout carries records only.
  public func show(_ picture: String) { diagnostics.show(picture) }

  // MARK: The end

  /// Puts the rejects in their place, prints `done 397, failed 3` and gives the exit status: 0 if no record failed, 65 if
  /// any did or there was none; with `--keep-going` 65 only if all failed or there was none.
  /// - Throws: `FileError` if the rejects cannot be written or reading had failed; `ToolError` if a record was not
  ///   resolved.
  public func finish() throws -> ExitCode {
    guard order.unfinished == 0 else {
      throw ToolError(.internal, "\(order.unfinished) records were never resolved")
    }
    try rejects?.commit()
    if let inputFailure { throw inputFailure }
    let isEmpty = order.count == 0
    if isEmpty {
      let names = options.files.isEmpty ? ["stdin"] : options.files.map { $0 == "-" ? "stdin" : $0 }
      diagnostics.error("\(names.joined(separator: ", ")): no records")
    }
    diagnostics.note("done \(done), failed \(failed)")
    let isGood = failed == 0 || options.keepGoing && done > 0
    return isGood && !isEmpty ? .success : ExitCode(ToolError.Status.data.rawValue)
  }
}

extension InputLayout {
  /// What is said of a file that is not plain JSON Lines; nil of one that is.
  fileprivate var words: String? {
    let words = (compression.map { ["compressed by \($0.rawValue)"] } ?? []) + (isArray ? ["a JSON array"] : [])
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}
