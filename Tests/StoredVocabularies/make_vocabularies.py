#!/usr/bin/env python3
"""Makes small vocabularies and what other programs make of hard texts with them.

sentencepiece.json  stages as the families have them, ids and texts from Hugging Face's tokenizers
added-tokens.json   a byte-level vocabulary with added tokens of all flags, ids from tokenizers
scores.json         a vocabulary with scores, ids from llama.cpp (llama-cpp-python)

usage: make_vocabularies.py FOLDER
needs: tokenizers, gguf, llama-cpp-python
"""

import json
import os
import sys
import tempfile

import gguf
from llama_cpp import Llama
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

MARK = "\u2581"

# Written for this purpose; phrases recur so that tokens span words.
CORPUS = """A gardener plants three rows of tulips and two rows of roses in front of the house.
There are twelve flowers in each of the rows. How many flowers are there in front of the house?
In each of the five rows there are twelve flowers, so there are 5 * 12 = 60 flowers in front of the house.
The baker sells 24 loaves of bread in the morning and 36 loaves of bread in the afternoon.
How many loaves of bread does the baker sell in the morning and in the afternoon?
A train leaves the station at 10:30 and reaches the town at 12:45. How long does the journey take?
The train does not stop in front of the house, and it's late: the journey takes 2 hours and 15 minutes.
    def total(rows, flowers):
        return rows * flowers
Über den Dächern der Stadt weht ein kühler Wind; naïve Gärtner gießen trotzdem die Blumen.
"""

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "a", " a", "  a", "a ", "a  ", " a b ", "a  b", "a   b    c",
    "How many flowers are there?", " in front of the house", "in front of the house and in the afternoon",
    "the\nthe\n\nthe \n the", "tab\there\t\tthere", "5 * 12 = 60", "10:30 12:45 1,000.50 3.14159",
    "Dächern kühler naïve Übergießen", "e\u0301 o\u0308 \u00e9", "日本語 テキスト 中文。", "😀 x 👩‍👩‍👧 🇫🇷", "é", " é", "éé é",
    "ééa éb", "q日 日q 日", "\u00a0a\u3000b\u2003", "\u200b\ufeff", MARK, MARK + "a", " " + MARK + " a", "a" + MARK + "b",
    "aaaaaaaa", "aaaaaaaaa aaaaa", "        eight", "=" * 17, "in in in", "housethehouse", "TRAIN Train train",
    "<0x0A>", "<0x41>", "<s", "s>", "<s>", "<s>a", "<s> a", "<s>  a", "a<s>b", "a <s> b", "<s></s>", "<s> </s>", "<s>\n</s>",
    "<unk>", "<|user|>\nHow many?", "<|user|>  How many?<|end|>\n", "x<|user|>\n\n<|end|> y", "the<|user|>the", "<|user|>", "\n<|user|>",
    "<code>a</code>", "the <code> the", "<|user|><|user|>", "<|user|> <|user|>", "a <|end|>",
    "[INST] How many flowers? [/INST] There are 60", "it's the baker's", "\u0000\u0001\u007f", "\U0010ffff\ue000", "(the) \"house\"",
]

FLAG_TEXTS = TEXTS + [
    "[one]", "a[one]b", "a [one] b", "[one][one]", "é[one]", "[one]é", "1[one]", "_[one]", "-[one]-", "[one]\u0301", "x[one] [one]",
    "[left]", "a [left]b", "a   [left]  b", "\n\t[left]", "[left] [left]", "  [left]", "\u3000[left]",
    "[right]", "a[right]  b", "[right]\n\n", "[right] [left]", "[right]  [right]", "[right]\u2003x", "[right]\n[line]", "[right]\nx",
    "[both]", " a  [both]  b ", "[left] [both] [right]", "[norm]", "a[norm]b", "caf\u00e9", "cafe\u0301", "a cafe\u0301 b", "cafe\u0301s",
    "[norm] [left]", "[all]", " [all] ", "x [all] y", "x[all] y", "[alle]", "[on[one]", "[onetwo]", "[one]two]",
]


def bpe(corpus, size):
    """Tokens by id and merges, trained on marked text that is not cut into words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", MARK)
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=[], max_token_length=12)
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [tuple(pair) for pair in model["merges"]]


def added(identifier, content, special=True, **flags):
    rules = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": identifier, "content": content, **rules, **flags, "special": special}


def replace(old, new):
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split}


def sequence(key, *stages):
    return {"type": "Sequence", key: list(stages)}


def answers(tokenizer, texts):
    cases = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
    return cases


def complete(stages, vocab, merges):
    file = {"version": "1.0", "truncation": None, "padding": None, **stages}
    file["model"] = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                     "end_of_word_suffix": None, **stages["model"], "vocab": vocab, "merges": merges}
    return Tokenizer.from_str(json.dumps(file))


def sentencepiece(folder):
    pieces, merges = bpe(CORPUS.splitlines(), 420)
    specials = ["<unk>", "<s>", "</s>"]
    tokens = specials + ["<0x%02X>" % byte for byte in range(256)] + pieces
    vocab = {token: index for index, token in enumerate(tokens)}
    beyond = len(tokens)
    names = ["<|user|>", "<|end|>", "<code>", "</code>"]

    def tokens_added(normalized=False, rstrip=False):
        entries = [added(index, name, normalized=normalized) for index, name in enumerate(specials)]
        entries += [added(beyond, names[0], rstrip=rstrip), added(beyond + 1, names[1], rstrip=rstrip)]
        return entries + [added(beyond + 2, names[2], False), added(beyond + 3, names[3], False, normalized=True)]

    both = sequence("normalizers", {"type": "Prepend", "prepend": MARK}, replace(" ", MARK))
    gemma_split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    decoders = [replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    decoder, stripping = sequence("decoders", *decoders), sequence("decoders", *decoders, strip)
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    bytes_too = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>", "ignore_merges": False}

    def variant(normalizer, pre_tokenizer, decoder, tokens=None, **model):
        return {"added_tokens": tokens or tokens_added(), "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
                "post_processor": template, "decoder": decoder, "model": {**bytes_too, **model}}

    lines = tokens_added() + [added(beyond + 4, "\n", False), added(beyond + 5, "\n\n", False), added(beyond + 6, "  ", False)]
    variants = {
        "prepend": variant(both, None, stripping),
        "prepend, tokens normalised": variant(both, None, stripping, tokens_added(normalized=True)),
        "prepend, tokens strip": variant(both, None, stripping, tokens_added(rstrip=True)),
        "replace": variant(replace(" ", MARK), gemma_split, decoder, lines),
        "metaspace first": variant(None, metaspace("first", False), stripping),
        "metaspace always": variant(None, metaspace("always", True), stripping),
        "metaspace always, whole": variant(None, metaspace("always", False), stripping),
        "metaspace never": variant(None, metaspace("never", True), decoder),
        "unknown fused": variant(both, None, stripping, byte_fallback=False),
        "unknown single": variant(both, None, stripping, byte_fallback=False, fuse_unk=False),
        "unknown dropped": variant(both, None, stripping, byte_fallback=False, unk_token=None),
        "whole pieces": variant(None, metaspace("always", True), stripping, ignore_merges=True),
    }
    result = {"vocab": vocab, "merges": merges, "variants": []}
    for name, stages in variants.items():
        tokenizer = complete(stages, vocab, merges)
        result["variants"].append({"name": name, "stages": stages, "cases": answers(tokenizer, TEXTS)})
    write(folder, "sentencepiece.json", result)


def added_tokens(folder):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "th"), ("Ġth", "e"), ("h", "o"), ("Ã", "©"), ("Ġ", "Ġ"), ("c", "a"), ("ca", "f")]
    vocab = {token: index for index, token in enumerate(alphabet + ["".join(pair) for pair in merges if "".join(pair) != "Ġthe"] + ["Ġthe"])}
    start = len(vocab)
    entries = [
        added(start, "[one]", single_word=True), added(start + 1, "[left]", lstrip=True), added(start + 2, "[right]", rstrip=True),
        added(start + 3, "[both]", lstrip=True, rstrip=True), added(start + 4, "[norm]", normalized=True),
        added(start + 5, "cafe\u0301", False, normalized=True), added(start + 6, "[all]", single_word=True, lstrip=True, rstrip=True, normalized=True),
        added(start + 7, "[line]"), added(start + 8, "<s>"), added(start + 9, "\n", False), added(vocab["the"], "the", False, single_word=True),
        added(start + 10, "[onetwo]", False), added(start + 11, "[INST]", False, rstrip=True),
    ]
    stages = {"added_tokens": entries, "normalizer": {"type": "NFC"},
              "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
              "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
              "model": {"fuse_unk": False, "byte_fallback": False, "ignore_merges": False}}
    tokenizer = complete(stages, vocab, merges)
    result = {"vocab": vocab, "merges": merges, "variants": [{"name": "flags", "stages": stages, "cases": answers(tokenizer, FLAG_TEXTS)}]}
    write(folder, "added-tokens.json", result)


def scores(folder):
    pieces, _ = bpe(CORPUS.splitlines(), 400)
    # Without "q" and "日" as tokens, longer ones are still made of them; runs of spaces have one score, as Llama's.
    pieces = [piece for piece in pieces if piece not in ("q", "日")] + ["q日", "aa", "aaa", "aaaa"]
    pieces += [MARK * count for count in range(2, 9) if MARK * count not in pieces]
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)] + pieces
    kinds = [2, 3, 3] + [6] * 256 + [1] * len(pieces)
    values = [0.0] * 259 + [-1e9 if set(piece) == {MARK} else -float(index // 3) for index, piece in enumerate(pieces)]
    for name, kind in [("<|user|>", 3), ("<|end|>", 3), ("<|endoftext|>", 3), ("<code>", 4), ("\n\n", 4), ("     ", 4)]:
        tokens.append(name)
        kinds.append(kind)
        values.append(-1000.0)
    result = {"tokens": tokens, "scores": values, "types": kinds, "variants": []}
    for prefix, model in [(True, "small"), (False, "small"), (True, "Phi-3 small")]:
        with tempfile.TemporaryDirectory() as temporary:
            path = os.path.join(temporary, "vocabulary.gguf")
            writer = gguf.GGUFWriter(path, "llama")
            writer.add_name(model)
            writer.add_tokenizer_model("llama")
            writer.add_tokenizer_pre("default")
            writer.add_token_list(tokens)
            writer.add_token_scores(values)
            writer.add_token_types(kinds)
            writer.add_bos_token_id(1)
            writer.add_eos_token_id(2)
            writer.add_unk_token_id(0)
            writer.add_add_space_prefix(prefix)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.close()
            llama = Llama(path, vocab_only=True, verbose=False)
            cases = []
            for text in TEXTS:
                # llama.cpp is given C strings; and it looks for tokens one by one where all others look for all at once.
                if "\0" in text or "<|user|>\n\n" in text:
                    continue
                for special in (True, False):
                    ids = llama.tokenize(text.encode(), add_bos=False, special=special)
                    cases.append({"text": text, "special": special, "ids": ids})
            result["variants"].append({"add_space_prefix": prefix, "name": model, "cases": cases})
    write(folder, "scores.json", result)


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace('},{"text"', '},\n{"text"') + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_vocabularies.py FOLDER")
    sentencepiece(sys.argv[1])
    added_tokens(sys.argv[1])
    scores(sys.argv[1])
