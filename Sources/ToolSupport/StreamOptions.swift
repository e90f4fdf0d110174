import ArgumentParser

/// The options of tools that read a stream of records.
public struct StreamOptions: ParsableArguments {
  /// The files to read, in their order; none is stdin.
  @Argument(
    help: ArgumentHelp(
      "Records: JSON Lines or JSON arrays of objects, plain or compressed by gzip or zstd. '-' or no file is stdin.",
      valueName: "file"),
    completion: .file())
  public var files: [String] = []

  /// Whether failed records leave the exit status 0.
  @Flag(help: "Exit with status 0 although records failed, unless all did.")
  public var keepGoing = false

  /// Where failed records go.
  @Option(
    help: ArgumentHelp(
      "Keep failed records here as they came; line n of FILE.reasons says why line n of FILE failed.",
      valueName: "file"),
    completion: .file())
  public var rejects: String?

  /// How many records at the beginning are left out.
  @Option(help: ArgumentHelp("Leave out the first n records of the input.", valueName: "n"))
  public var skip = 0

  /// The ids of the records to take; none takes all.
  @Option(
    help: ArgumentHelp("Of the others, take only the record of this id; may be given several times.", valueName: "id"))
  public var only: [String] = []

  /// How many records are taken, at most.
  @Option(help: ArgumentHelp("Of these, take at most n, and read no further.", valueName: "n"))
  public var limit: Int?

  /// Options with their default values.
  public init() {}

  /// Which records are taken.
  /// - Parameter idsAreUnique: whether no id comes twice.
  public func selection(idsAreUnique: Bool = true) -> RecordSelection {
    RecordSelection(skip: skip, only: only, limit: limit, idsAreUnique: idsAreUnique)
  }

  /// Refuses names and numbers that cannot be meant.
  /// - Throws: `ValidationError`.
  public func validate() throws {
    if rejects == "-" || rejects == "" { throw ValidationError("--rejects needs a file name; stdout carries records.") }
    if skip < 0 { throw ValidationError("--skip must not be below 0, not \(skip).") }
    if let limit { try requireCount(limit, "--limit", atMost: .max) }
  }
}
