/// How text is cut into pieces before byte pairs are merged; no token ever spans two pieces.
///
/// Raw values are the names that GGUF files use in `tokenizer.ggml.pre`.
public enum SplitRule: String, Sendable, CaseIterable {
  /// GPT-2: contractions, letters, numbers and everything else, each with one leading space.
  case gpt2 = "gpt-2"
  /// SmolLM2: every digit alone, then GPT-2's rule on the stretches between.
  case smolLM = "smollm"
  /// Llama 3: at most three digits a piece, contractions in any case, line breaks behind punctuation.
  case llama3 = "llama-bpe"
  /// Qwen 2: Llama 3's rule with every digit alone.
  case qwen2 = "qwen2"
  /// Falcon: runs of punctuation, then GPT-2's rule, then three digits at a time.
  case falcon = "falcon"
  /// DeepSeek LLM: line breaks, cased letters, punctuation, white space at the end, Chinese and Korean, digits.
  case deepSeekLLM = "deepseek-llm"
  /// DeepSeek Coder: line breaks, letters, punctuation, Chinese and Korean, digits.
  case deepSeekCoder = "deepseek-coder"

  /// The rule that a GGUF's `tokenizer.ggml.pre` names, or nil if it is not supported.
  ///
  /// Names that llama.cpp gives the same regular expression share a rule.
  public init?(ggufName: String) {
    switch ggufName {
    case "mpt", "phi-2", "olmo", "jina-es", "gigachat": self = .gpt2
    case "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b": self = .smolLM
    case "llama3", "llama-v3", "falcon3", "pixtral", "dbrx", "smaug-bpe": self = .llama3
    case "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan": self = .qwen2
    default: self.init(rawValue: ggufName)
    }
  }

  /// Whether llama.cpp takes a piece that is a token as a whole under this name of a rule, and begins texts with the
  /// begin token if the file does not say.
  static func ignoresMerges(ggufName: String) -> Bool {
    ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"].contains(ggufName)
  }
}

extension SplitRule {
  /// Calls `body` with each piece of `bytes[range]`, from left to right; together they are the whole range.
  ///
  /// `bytes` is UTF-8 and the range ends between scalars.
  package func forEachPiece(of bytes: [UInt8], in range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var classes: [ScalarClass] = []
    bytes.withUnsafeBufferPointer { bytes in
      let stretch = UnsafeBufferPointer(rebasing: bytes[range])
      forEachPiece(of: stretch, classes: &classes) { body(range.lowerBound + $0..<range.lowerBound + $1) }
    }
  }

  /// Calls `body` with start and end of each piece of a stretch of UTF-8.
  /// - Parameter classes: room that is kept between calls.
  @inline(__always)
  func forEachPiece(of bytes: UnsafeBufferPointer<UInt8>, classes: inout [ScalarClass], _ body: (Int, Int) -> Void) {
    ClassifiedText.classify(bytes, into: &classes)
    classes.withUnsafeBufferPointer { classes in
      let text = ClassifiedText(bytes, classes: classes)
      if let passes = SplitPass.passes(of: self) {
        var start = 0
        for end in text.ends(ofPiecesBy: passes) where end > start {
          body(start, end)
          start = end
        }
        return
      }
      var start = 0
      // For SmolLM2, digits cut the text first: what GPT-2's look-ahead sees ends at the next one.
      var limit = self == .smolLM ? text.firstNumber(from: 0) : text.count
      while start < text.count {
        let end: Int
        switch self {
        case .gpt2: end = text.endOfGPT2Piece(from: start, limit: limit)
        case .smolLM where start == limit:
          end = text.position(after: start)
          limit = text.firstNumber(from: end)
        case .smolLM: end = text.endOfGPT2Piece(from: start, limit: limit)
        case .llama3: end = text.endOfLlamaPiece(from: start, maximumDigits: 3)
        case .qwen2: end = text.endOfLlamaPiece(from: start, maximumDigits: 1)
        case .falcon, .deepSeekLLM, .deepSeekCoder: end = text.count
        }
        body(start, end)
        start = end
      }
    }
  }
}
