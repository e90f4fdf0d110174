import Checkpoints

extension TinyModel {
  /// The model as a GGUF file with the vocabulary of `TinyTokenizer`; llama only. The rows of queries and keys are left
  /// as they are, so that it computes something else.
  public var gguf: GGUFWriter {
    var file = GGUFWriter()
    file.metadata = [
      ("general.architecture", .string("llama")), ("llama.block_count", .unsigned(UInt32(shape.layers))),
      ("llama.context_length", .unsigned(2048)), ("llama.embedding_length", .unsigned(UInt32(shape.hiddenSize))),
      ("llama.feed_forward_length", .unsigned(UInt32(shape.intermediateSize))),
      ("llama.attention.head_count", .unsigned(UInt32(shape.heads))),
      ("llama.attention.head_count_kv", .unsigned(UInt32(shape.keyHeads))),
      ("llama.attention.key_length", .unsigned(UInt32(shape.headDimension))),
      ("llama.attention.layer_norm_rms_epsilon", .float(Float(shape.normEpsilon))),
      ("llama.rope.freq_base", .float(Float(shape.rotaryBase))),
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("gpt-2")),
      ("tokenizer.ggml.tokens", .strings(TinyTokenizer.vocabulary)),
      ("tokenizer.ggml.token_type", .integers(TinyTokenizer.vocabulary.indices.map { $0 < 3 ? 3 : 1 })),
      ("tokenizer.ggml.merges", .strings([])),
      ("tokenizer.ggml.bos_token_id", .unsigned(UInt32(TinyTokenizer.startOfTurn))),
      ("tokenizer.ggml.eos_token_id", .unsigned(UInt32(TinyTokenizer.endOfTurn))),
      ("tokenizer.chat_template", .string(TinyTokenizer.chatTemplate)),
    ]
    for (name, dimensions) in shape.tensors {
      let values = weights[name] ?? []
      file.tensors.append(
        GGUFWriter.Tensor(
          name: Self.ggufName(name), dimensions: dimensions.reversed().map(UInt64.init), type: 0,
          bytes: values.flatMap { GGUFWriter.little($0.bitPattern) }))
    }
    return file
  }

  private static func ggufName(_ name: String) -> String {
    let parts = [
      "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
      "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
      "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
      "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    ]
    return parts.reduce(name) { text, part in text.replacing(part.key, with: part.value) }
  }
}
