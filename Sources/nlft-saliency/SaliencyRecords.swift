import Maps
import Records
import Saliency
import Tensors
import Tokenizers

/// The loss of one record, made on any thread.
struct WeightedRecord: Sendable {
  let loss: LossFrame
  /// The loss as it goes into the archive; nil without one.
  let frame: CompressedFrame?
  /// The record's response for a terminal; nil if none was asked for or the method learns something else.
  let picture: String?
}

/// What is made of each record besides its loss.
struct Outputs: Sendable {
  /// Whether losses go to an archive.
  var archive: Bool
  /// For which cluster limits a page is made; nil for no page.
  var mapLimits: ClusterLimits?
  /// How responses are shown on a terminal; nil if they are not.
  var palette: TerminalPalette?
  /// Gives the tokens their texts.
  var tokenizer: Tokenizer?
}

/// A record on its way to its loss, as far as records do not depend on each other.
struct RecordInProgress: Sendable {
  /// Where the scores come from, and what to call them; nil where the method reads none or they cannot be read.
  private let scores: (origin: FrameOrigin, source: String)?
  private let result: Result<WeightedRecord, any Error>
  /// The record as the page holds it; nil without one. Records that have no loss are there too: they may have one by
  /// another method.
  let map: MapRecord?

  /// Reads the record's scores and weighs its tokens.
  init(_ record: Record, builder: LossBuilder, archives: ArchiveReader, outputs: Outputs) {
    let isMapped = outputs.mapLimits != nil
    let frame = Result {
      try Self.scores(
        of: record, isNeeded: builder.method.needsScores, isWanted: isMapped,
        readsHidden: builder.needsHidden || isMapped, archives: archives)
    }
    let read = try? frame.get()
    scores = builder.method.needsScores ? read.map { ($0.frame.origin, $0.source) } : nil
    let scored = Result { try ScoredRecord(record, scores: read?.frame) }
    result = Result {
      guard record.idText != nil else { throw RecordError(missing: "id") }
      if builder.method.needsScores { _ = try frame.get() }
      let scored = try scored.get()
      let loss = try builder.loss(for: scored)
      let picture = try outputs.palette.flatMap {
        try Self.picture(scored, builder: builder, palette: $0, tokenizer: outputs.tokenizer)
      }
      return WeightedRecord(
        loss: loss, frame: outputs.archive ? try CompressedFrame(loss.file) : nil, picture: picture)
    }
    map = outputs.mapLimits.map {
      Self.map(record, scored: scored, frame: frame.map { $0?.frame }, builder: builder, limits: $0, outputs.tokenizer)
    }
  }

  /// The loss, once it is this record's turn to agree with those before it.
  /// - Throws: why there is none.
  func weighted(agreement: inout FrameAgreement) throws -> WeightedRecord {
    if let (origin, source) = scores { try agreement.admit(origin, source: source) }
    return try result.get()
  }

  /// - Returns: nil if nobody wants them, or nobody needs them and there are none.
  private static func scores(
    of record: Record, isNeeded: Bool, isWanted: Bool, readsHidden: Bool, archives: ArchiveReader
  ) throws -> (frame: ScoresFrame, source: String)? {
    guard isNeeded || isWanted else { return nil }
    guard record.idText != nil else { throw RecordError(missing: "id") }
    guard let field = record["scores"] else {
      if isNeeded { throw RecordError(missing: "scores") }
      return nil
    }
    let reference = try FrameReference(json: field, field: "scores")
    let source = "\(reference)"
    let frame = try ScoresFrame(parsing: archives.read(reference), source: source, readsHidden: readsHidden)
    return (frame, source)
  }

  private static func map(
    _ record: Record, scored: Result<ScoredRecord, any Error>, frame: Result<ScoresFrame?, any Error>,
    builder: LossBuilder, limits: ClusterLimits, _ tokenizer: Tokenizer?
  ) -> MapRecord {
    var kept: ScoredRecord?
    var trouble: String?
    do {
      kept = try scored.get()
      if try frame.get() != nil, let scores = try kept?.checkedScores() { _ = try TokenProbabilities(scores) }
    } catch {
      // The page has formulas for scores that belong to the record; others it must not see.
      kept?.scores = nil
      trouble = "\(error)"
    }
    return MapRecord(
      record, scored: kept, trouble: trouble, tokenizer: tokenizer, limits: limits, shuffling: builder.shuffling)
  }

  private static func picture(
    _ scored: ScoredRecord, builder: LossBuilder, palette: TerminalPalette, tokenizer: Tokenizer?
  ) throws -> String? {
    guard let response = scored.response, let weights = try builder.responseWeights(of: scored) else { return nil }
    return TerminalMap(
      tokens: response, texts: tokenizer.map { TokenText.texts(of: response, by: $0) },
      effects: TokenEffect.effects(weights, factor: builder.constants.factor), palette: palette
    ).text
  }
}
