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
  /// Its place among all records and broken lines that are not left out, from 0.
  public let slot: Int
  let source: [UInt8]
}

/// What an earlier run of the same tool has done already.
public struct Resumption {
  let output: EarlierOutput
  /// Fields that the tool sets or takes off; the others of a record must be those of its lines in the output.
  let written: Set<String>

  /// A resumption behind an earlier output.
  public init(_ output: EarlierOutput, written: [String]) {
    self.output = output
    self.written = Set(["id", "source", "tokens"] + written)
  }
}

/// The way of records through a tool: from its input files to stdout, failures to stderr.
///
/// Every record that `next` gives must be resolved once, by `complete` or `fail`, in any order: the output keeps the
/// order of the input, and each line is written as soon as all earlier records are resolved. Lines that are no records
/// are reported, counted and passed over.
public final class ToolStream {
  private enum Outcome {
    case records([Record])
    /// Lines as they are to be written; nil if they are in stdout already.
    case lines([UInt8]?)
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
  private let resumption: Resumption?
  private var selection: RecordSelection
  private var ids = Set<[UInt8]>()
  private var order = SlotOrder<Outcome>()
  /// Why reading ended before the input did; thrown when the records before it are resolved.
  private var inputFailure: FileError?
  /// Of `done`, what an earlier run has done.
  private var earlier = 0
  /// When the first record was taken that no earlier run has done.
  private var start: ContinuousClock.Instant?
  /// The share of the input that stands before the first record taken.
  private var skippedShare: Double?

  /// Looks for the input files and opens the file for rejects.
  /// - Parameters:
  ///   - tool: The tool's name in messages.
  ///   - stream: Files, `--keep-going`, `--rejects`, and which records are taken.
  ///   - quiet: Whether only errors and warnings are printed.
  ///   - uniqueIds: Whether a record whose `id` came before fails. Records without `id` always pass.
  ///   - numbersRecords: Whether a record without `id` gets its place in the stream, from 1, as its `id`.
  ///   - resumption: What an earlier run has done already.
  /// - Throws: `FileError` if an input file cannot be opened or the file for rejects not be made.
  public init(
    tool: String, stream: StreamOptions, quiet: Bool, uniqueIds: Bool = true, numbersRecords: Bool = false,
    resumption: Resumption? = nil
  ) throws {
    self.tool = tool
    options = stream
    diagnostics = Diagnostics(tool: tool, quiet: quiet)
    self.uniqueIds = uniqueIds
    self.numbersRecords = numbersRecords
    self.resumption = resumption
    selection = stream.selection(idsAreUnique: uniqueIds)
    reader = try RecordReader(paths: stream.files)
    reader.opened = { [diagnostics] layout in
      if let words = layout.words { diagnostics.note("\(layout.file ?? "stdin"): \(words)") }
    }
    rejects = try stream.rejects.map { try RejectFile(path: $0) }
  }

  /// The next record; nil at the end of the input, or when no further one is to be taken.
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
    if selection.isComplete { return nil }
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

  /// Opens a slot for a line; nil if the line is left out, or if it is no record or its id is not good, which is then
  /// reported.
  private func numbered(_ line: RecordLine) throws -> NumberedRecord? {
    var record = line.record
    if numbersRecords, case .success(var changed) = record, changed["id"]?.isNull ?? true {
      changed.set("id", to: .integer(selection.read + 1))
      record = .success(changed)
    }
    guard selection.takes(id: options.only.isEmpty ? nil : try? record.get().idText) else { return nil }
    let slot = order.open()
    do {
      let numbered = NumberedRecord(
        record: try record.get(), file: line.file, line: line.number, slot: slot, source: line.bytes)
      do {
        try check(id: numbered.record)
        if try takeEarlier(numbered) { return nil }
        if start == nil {
          start = .now
          skippedShare = diagnostics.showsProgress && selection.isPartial ? reader.share : 0
        }
        return numbered
      } catch let error as FileError { throw error } catch { try fail(numbered, error) }
    } catch let error as RecordError {
      let place = Self.place(file: line.file, line: line.number)
      try fail(slot: slot, source: line.bytes, reason: "\(place): \(error)")
    }
    return nil
  }

  /// Resolves a record that an earlier run has done; false if it has not.
  private func takeEarlier(_ numbered: NumberedRecord) throws -> Bool {
    guard let resumption, let (lines, number) = try resumption.output.lines(of: numbered.record) else { return false }
    do {
      for line in lines.split(separator: 0x0A) {
        try Record(parsing: Array(line)).checkOrigin(numbered.record, written: resumption.written)
      }
    } catch { throw RecordError("\(resumption.output.path), line \(number): \(error)") }
    done += 1
    earlier += 1
    try resolve(numbered.slot, .lines(resumption.output.isContinued ? nil : lines))
    return true
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

  /// Resolves a record with text for the reader of stdout: one or several lines, each with its line feed.
  /// - Throws: as `complete` with records.
  public func complete(_ numbered: NumberedRecord, withLines lines: String) throws {
    done += 1
    try resolve(numbered.slot, .lines(Array(lines.utf8)))
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
      case .records(let records): for record in records { try emit(record) }
      case .lines(let lines): if let lines { try write(lines) }
      case .reject(let line, let reason): try rejects?.append(line, reason: reason)
      }
    }
    diagnostics.progress {
      ProgressText.records(
        done: done, failed: failed, earlier: earlier, remaining: remaining,
        seconds: start.map { (ContinuousClock.now - $0).inSeconds } ?? 0)
    }
  }

  /// About how many records are still to be resolved, from the share of the input that those read so far take; nil if
  /// the input has no known size.
  private var remaining: Double? {
    var total = selection.mostTaken.map { Double($0) }
    if let share = reader.share, let skippedShare, share > skippedShare {
      let estimate = Double(selection.taken) * (1 - skippedShare) / (share - skippedShare)
      total = min(total ?? estimate, estimate)
    }
    // What an earlier run has done comes for nothing.
    let free = selection.isPartial ? 0 : resumption?.output.left ?? 0
    return total.map { max(0, $0 - Double(done + failed + free)) }
  }

  /// Writes a line of its own to stdout at once, outside the order of records: a step's metrics.
  /// - Throws: `FileError` if stdout is closed or full.
  public func emit(_ record: Record) throws {
    diagnostics.makeRoom()
    try writer.write(record)
  }

  private func write(_ lines: [UInt8]) throws {
    diagnostics.makeRoom()
    try writer.write(lines: lines)
  }

  /// Redraws the progress line of a tool that works on when its input has ended.
  /// - Parameter message: called only if the line is drawn.
  public func progress(_ message: () -> String) { diagnostics.progress(message) }

  /// Makes room for going on behind an earlier output, and says so.
  /// - Throws: `FileError` if what is not whole cannot be cut off.
  public func goOn(behind output: EarlierOutput) throws {
    try output.cut()
    note("going on behind \(output.count) records of \(output.path)")
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
    selection.warnings.forEach(warn)
    if let note = selection.note { self.note(note) }
    // Records that were left out, and those behind them, may be in the input or not.
    if let left = resumption?.output.left, left > 0, !selection.isPartial {
      warn("--resume \(resumption?.output.path ?? ""): \(left) of its records are not in the input")
    }
    let isEmpty = order.count == 0
    if isEmpty {
      let names = options.files.isEmpty ? ["stdin"] : options.files.map { $0 == "-" ? "stdin" : $0 }
      let reason = selection.read == 0 ? "no records" : "none of \(selection.read) records was asked for"
      diagnostics.error("\(names.joined(separator: ", ")): \(reason)")
    }
    diagnostics.note("done \(done), failed \(failed)")
    let isGood = failed == 0 || options.keepGoing && done > 0
    return isGood && !isEmpty ? .success : ExitCode(ToolError.Status.data.rawValue)
  }
}

extension Duration {
  /// As a number.
  public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension InputLayout {
  /// What is said of a file that is not plain JSON Lines; nil of one that is.
  fileprivate var words: String? {
    let words = (compression.map { ["compressed by \($0.rawValue)"] } ?? []) + (isArray ? ["a JSON array"] : [])
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}
