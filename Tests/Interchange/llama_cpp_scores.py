"""llama.cpp's log-probabilities, with and without a LoRA, and tiny GGUF models for it."""

import ctypes
import os

import gguf
import llama_cpp as llama
import numpy


class LlamaCppError(Exception):
    """What llama.cpp could not do."""


@llama.llama_log_callback
def _quiet(_level, _text, _data):
    pass


llama.llama_log_set(_quiet, ctypes.c_void_p(0))
llama.llama_backend_init()


def log_probabilities(path, texts, lora=None):
    """The model's log-probability of each token of the responses; texts are pairs of prompt and response tokens."""
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        raise LlamaCppError(f"llama.cpp could not load {path}")
    length = max(len(prompt) + len(response) for prompt, response in texts)
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = length
    parameters.n_threads = parameters.n_threads_batch = os.cpu_count()
    # Keys and values in single precision (ggml's type 0), which its fused attention does not take.
    parameters.type_k = parameters.type_v = 0
    parameters.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama.llama_init_from_model(model, parameters)
    if not context:
        raise LlamaCppError("llama.cpp made no context")
    adapter = None
    if lora:
        adapter = llama.llama_adapter_lora_init(model, lora.encode())
        if not adapter:
            raise LlamaCppError(f"llama.cpp could not load {lora}")
        adapters = (llama.llama_adapter_lora_p_ctypes * 1)(adapter)
        if llama.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
            raise LlamaCppError(f"llama.cpp could not add {lora}")
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    batch = llama.llama_batch_init(length, 0, 1)
    result = []
    for prompt, response in texts:
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        tokens = prompt + response[:-1]
        for place, token in enumerate(tokens):
            batch.token[place] = token
            batch.pos[place] = place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = place >= len(prompt) - 1
        batch.n_tokens = len(tokens)
        if llama.llama_decode(context, batch) != 0:
            raise LlamaCppError("llama_decode failed")
        for index, target in enumerate(response):
            logits = llama.llama_get_logits_ith(context, len(prompt) - 1 + index)
            row = numpy.ctypeslib.as_array(logits, (vocabulary,)).astype(numpy.float64)
            peak = row.max()
            result.append(row[target] - peak - numpy.log(numpy.exp(row - peak).sum()))
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    llama.llama_model_free(model)
    return numpy.array(result)


NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def write_gguf(model, path):
    """Writes a llama or qwen3 model of transformers as a GGUF file in float32, without a vocabulary."""
    c = model.config
    writer = gguf.GGUFWriter(path, c.model_type)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_key_length(c.head_dim)
    writer.add_value_length(c.head_dim)
    writer.add_rope_dimension_count(c.head_dim)
    writer.add_rope_freq_base(c.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_vocab_size(c.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    for name, tensor in model.state_dict().items():
        values = tensor.detach().float().numpy()
        name, _, part = name.rpartition(".")
        if name == "lm_head":
            if c.tie_word_embeddings:
                continue
            target = "output"
        elif name.startswith("model.layers."):
            layer, _, rest = name.removeprefix("model.layers.").partition(".")
            target = f"blk.{layer}.{NAMES[rest]}"
            if c.model_type == "llama" and rest in ("self_attn.q_proj", "self_attn.k_proj"):
                # The rotary embedding of this architecture turns neighbours, not halves.
                values = values.reshape(-1, 2, c.head_dim // 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        else:
            target = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}[name]
        writer.add_tensor(f"{target}.{part}", numpy.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
