"""Tiny models with random weights of every family, as transformers writes them, and what transformers and peft make of
models and adapters."""

import os
import warnings

import numpy
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma3"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tokenizer(texts):
    """A byte-level tokenizer with a few merges."""
    result = Tokenizer(models.BPE())
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    result.decoder = decoders.ByteLevel()
    result.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=result, bos_token=SPECIAL[1], eos_token=SPECIAL[2], pad_token=SPECIAL[2],
        chat_template=TEMPLATE,
    )


def tiny(family, folder, texts, seed=0):
    """Writes a tiny model with its tokenizer; returns the directory."""
    tokens = tokenizer(texts)
    common = {
        "vocab_size": len(tokens), "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024, "initializer_range": 0.15,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
    }
    configuration = {
        "llama": lambda: LlamaConfig(**common, tie_word_embeddings=True),
        "mistral": lambda: MistralConfig(**common, head_dim=16, sliding_window=24, tie_word_embeddings=False),
        "qwen2": lambda: Qwen2Config(**common, tie_word_embeddings=True),
        "qwen3": lambda: Qwen3Config(**common, head_dim=16, tie_word_embeddings=False),
        "gemma3": lambda: Gemma3TextConfig(
            **common, head_dim=16, sliding_window=24, sliding_window_pattern=2, query_pre_attn_scalar=16,
            hidden_activation="gelu_pytorch_tanh",
        ),
    }[family]()
    torch.manual_seed(seed)
    made = Gemma3ForCausalLM(configuration) if family == "gemma3" else AutoModelForCausalLM.from_config(configuration)
    for parameter in made.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    path = os.path.join(folder, family)
    made.float().save_pretrained(path)
    tokens.save_pretrained(path)
    return path


def loaded(path, gguf_file=None):
    """A model in float32, ready to compare; with `gguf_file` transformers takes it from that file of the folder."""
    options = {"gguf_file": gguf_file} if gguf_file else {}
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **options).eval()


def adapter(base, folder, name, seed=1, **options):
    """Writes a PEFT adapter with random matrices, B as well as A, for a model that it loads anew; returns its
    directory."""
    torch.manual_seed(seed)
    options = {"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM", **options}
    with warnings.catch_warnings():
        # peft's advice about merging tied weights, which nothing here does.
        warnings.simplefilter("ignore")
        made = get_peft_model(loaded(base), LoraConfig(**options))
        for parameter_name, parameter in made.named_parameters():
            if "lora_B" in parameter_name or "lora_embedding_A" in parameter_name:
                parameter.data = 0.2 * torch.randn_like(parameter)
        path = os.path.join(folder, name)
        made.save_pretrained(path, save_embedding_layers=False)
    return path


def adapted(model, path):
    """The model with an adapter as peft loads it; a matrix that is missing or left over is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(missing|unexpected).*")
        return PeftModel.from_pretrained(model, path).eval()


@torch.no_grad()
def log_probabilities(model, texts):
    """The model's log-probability of each token of the responses."""
    result = []
    for prompt, response in texts:
        logits = model(input_ids=torch.tensor([prompt + response[:-1]])).logits[0, len(prompt) - 1 :].double()
        targets = torch.tensor(response)
        result.append(torch.log_softmax(logits, -1)[torch.arange(len(response)), targets].numpy())
    return numpy.concatenate(result)
