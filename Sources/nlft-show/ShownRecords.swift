import ArgumentParser
import Inspection
import Judging
import Prompting
import Records
import Tensors
import Tokenizers
import ToolSupport

/// Records with the frames that they name.
struct ShownRecords {
  /// What the model would have taken.
  struct Alternatives {
    let ranking: ResponseRanking
    /// What the response is read under.
    let prompt: PromptKind
    let count: Int
  }

  /// Makes tokens that records do not carry; nil without a model.
  let prompter: RecordPrompter?
  let names: TokenNames?
  /// The prompts to show.
  let kinds: [PromptKind]
  let alternatives: Alternatives?
  let json: Bool
  private let archives = ArchiveReader()

  init(
    prompter: RecordPrompter?, names: TokenNames?, kinds: [PromptKind], alternatives: Alternatives?, json: Bool
  ) {
    self.prompter = prompter
    self.names = names
    self.kinds = kinds
    self.alternatives = alternatives
    self.json = json
  }

  /// Shows the whole stream.
  func run(_ stream: ToolStream) throws -> ExitCode {
    while let numbered = try stream.next() {
      do {
        let listing = try listing(of: numbered.record)
        try stream.complete(numbered, withLines: json ? listing.jsonLines(names) : listing.text(names))
      } catch let error as FileError {
        throw error
      } catch let error as TensorError where error.kind == .inputOutput {
        throw error
      } catch {
        try stream.fail(numbered, error)
      }
    }
    return try stream.finish()
  }

  private func listing(of record: Record) throws -> RecordListing {
    let showsTokens = kinds.isEmpty || alternatives != nil
    let frames = showsTokens ? try InspectedFrame.frames(of: record, archives: archives) : []
    if let tokenizer = names?.tokenizer {
      for frame in frames {
        let contradiction = frame.origin.contradiction(with: FrameOrigin(tokenizer: tokenizer.fingerprint))
        if let contradiction { throw TensorError(source: "\(frame.reference)", contradiction) }
      }
    }
    let response = showsTokens ? try prompter?.response(of: record) ?? record.tokens("output") : nil
    var listing = try RecordListing(record, frames: frames, response: response)
    if let prompter {
      listing.prompts = try kinds.compactMap { kind in
        let stored = try record.tokens(kind.rawValue)
        return try prompter.prompt(kind, of: record).map {
          ListedPrompt(kind: kind, tokens: $0, isStored: stored != nil)
        }
      }
      if let alternatives, let response {
        let prompt = try prompter.requiredPrompt(alternatives.prompt, of: record)
        listing.setRankings(
          try alternatives.ranking.rankings(of: response, behind: prompt, count: alternatives.count))
      }
    }
    return listing
  }
}
