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

  /// Options with their default values.
  public init() {}

  /// Refuses names that cannot be meant.
  /// - Throws: `ValidationError`.
  public func validate() throws {
    if rejects == "-" || rejects == "" { throw ValidationError("--rejects needs a file name; stdout carries records.") }
  }
}
