import Records

/// A byte-level BPE tokenizer with one token a byte and the ChatML specials, in the files of Hugging Face.
public enum TinyTokenizer {
  /// Special tokens, from 0.
  public static let specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
  /// `<|im_start|>`.
  public static let startOfTurn: Int32 = 1
  /// `<|im_end|>`.
  public static let endOfTurn: Int32 = 2
  /// All tokens, in order: the specials, then the bytes.
  public static let vocabulary = specialTokens + byteAlphabet

  /// GPT-2's printable stand-ins for the 256 bytes, in its order.
  private static let byteAlphabet: [String] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    let scalars = printable + others.indices.map { 256 + $0 }
    return scalars.compactMap { Unicode.Scalar(UInt32($0)).map { String(Character($0)) } }
  }()

  /// ChatML.
  static let chatTemplate =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    + "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

  /// tokenizer.json.
  public static var tokenizer: JSON {
    let added = specialTokens.enumerated().map { index, token in
      JSON.object([
        "id": .integer(index), "content": .string(token), "single_word": .bool(false), "lstrip": .bool(false),
        "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
      ])
    }
    let entries = vocabulary.enumerated().map { JSON.Member($0.element, .integer($0.offset)) }
    func byteLevel(addsSpace: Bool) -> JSON {
      .object([
        "type": .string("ByteLevel"), "add_prefix_space": .bool(addsSpace), "trim_offsets": .bool(true),
        "use_regex": .bool(true),
      ])
    }
    return .object([
      "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null, "pre_tokenizer": byteLevel(addsSpace: false), "post_processor": .null,
      "decoder": byteLevel(addsSpace: true),
      "model": .object([
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(false), "vocab": .object(entries), "merges": .array([]),
      ]),
    ])
  }

  /// tokenizer_config.json.
  public static var configuration: JSON {
    .object([
      "add_prefix_space": .bool(false), "bos_token": .string("<|im_start|>"), "chat_template": .string(chatTemplate),
      "clean_up_tokenization_spaces": .bool(false), "eos_token": .string("<|im_end|>"),
      "model_max_length": .integer(2048), "pad_token": .string("<|im_end|>"),
      "tokenizer_class": .string("GPT2Tokenizer"), "unk_token": .string("<|endoftext|>"),
    ])
  }
}
