"""Whether adapters and models pass between the tools and transformers, peft and llama.cpp without a change.

    interchange.py [MODEL.gguf [OTHER.gguf…]]

Real processes on tiny models of every family and, where it is given, on SmolLM2-135M-Instruct; other models are scored.
A line for each check with its numbers, status 1 if any is wrong. BIN is the folder of the tools (default .build/release), THREADS their
threads. Run from the top of the repository, through make test-interchange.
"""

import json
import os
import sys
import tempfile
import time
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
sys.dont_write_bytecode = True

import llama_cpp_scores as llama_cpp  # noqa: E402
import models  # noqa: E402
import numpy  # noqa: E402
import tools  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
warnings.simplefilter("ignore", FutureWarning)

# Float32 rounding in models of three layers and in one of thirty; the latter with products of 16 bits a number, which
# some processors compute where --reference does not say otherwise.
TINY, REAL, REAL_FAST = 2e-5, 1e-3, 2e-3
# llama.cpp with an adapter in each type.
TINY_GGUF = {"f32": 1e-4, "f16": 1e-2, "bf16": 1e-1}

# What peft makes elsewhere: options of LoraConfig.
ADAPTERS = {
    "two projections": {"target_modules": ["q_proj", "down_proj"]},
    "all-linear": {"target_modules": "all-linear", "r": 8, "lora_alpha": 4},
    "rank and alpha patterns": {
        "target_modules": ["k_proj", "v_proj", "up_proj"],
        "rank_pattern": {"layers.0.self_attn.k_proj": 2, r"^model\.layers\.(1|2)\..*up_proj": 9},
        "alpha_pattern": {"up_proj": 3, r"layers\.[01]\.self_attn\.\w+": 1.5},
    },
    "rsLoRA": {"target_modules": ["gate_proj", "o_proj"], "use_rslora": True},
    "rsLoRA with patterns": {
        "target_modules": ["q_proj", "k_proj", "up_proj"], "use_rslora": True, "rank_pattern": {"q_proj": 7},
        "alpha_pattern": {"mlp.up_proj": 2},
    },
    "regular expression": {"target_modules": r".*layers\.[02]\.(self_attn\.[qk]_proj|mlp\.up_proj)"},
    "some layers": {
        "target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1, 2],
        "exclude_modules": ["layers.2.self_attn.v_proj"],
    },
}
REFUSED = {
    "DoRA": ({"target_modules": ["q_proj"], "use_dora": True}, '"use_dora" is true'),
    "modules_to_save": ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, '"modules_to_save" is not empty'),
    "biases": ({"target_modules": ["q_proj"], "bias": "lora_only"}, '"bias" is "lora_only"'),
    "LoRA's own biases": ({"target_modules": ["q_proj"], "lora_bias": True}, '"lora_bias" is true'),
    "the head": ({"target_modules": ["q_proj", "lm_head"]}, "adapts or replaces the head"),
    "the embeddings": ({"target_modules": ["q_proj", "embed_tokens"]}, "the embeddings"),
    "PiSSA": ({"target_modules": ["q_proj"], "init_lora_weights": "pissa"}, '"init_lora_weights" is "pissa"'),
    "single tokens": ({"target_modules": ["q_proj"], "trainable_token_indices": [3]}, '"trainable_token_indices"'),
}
ALL_PROJECTIONS = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"


class Report:
    """Prints a line for each check and remembers whether any failed."""

    def __init__(self):
        self.failed = 0
        self.count = 0
        self.start = time.monotonic()

    def line(self, is_right, name, numbers):
        self.count += 1
        self.failed += not is_right
        print(f"{'ok    ' if is_right else 'WRONG '} {name}: {numbers}", flush=True)

    def equal(self, name, found, expected, tolerance, unadapted=None):
        """The same log-probabilities; and other ones than without the adapter, or nothing would be shown."""
        difference = numpy.abs(found - expected).max()
        numbers = f"{len(found)} tokens, largest difference {difference:.1e} (at most {tolerance:.0e})"
        is_right = difference <= tolerance
        if unadapted is not None:
            moved = numpy.abs(expected - unadapted).max()
            numbers += f", the adapter moves them by up to {moved:.2g}"
            is_right = is_right and moved > 10 * tolerance
        self.line(bool(is_right), name, numbers)

    def refused(self, name, reason, body):
        """A tool that fails for this reason."""
        try:
            body()
        except tools.ToolFailure as failure:
            self.line(reason in str(failure), name, str(failure).partition(": ")[2])
        else:
            self.line(False, name, "was taken")


def peft_to_tools(report, base, texts, folder):
    """Adapters that peft made are scored by nlft-judge as by peft, or refused."""
    plain = models.log_probabilities(models.loaded(base), texts)
    report.equal("transformers and nlft-judge, llama", tools.scores(base, None, texts, folder), plain, TINY)
    for name, options in ADAPTERS.items():
        path = models.adapter(base, folder, name, **options)
        expected = models.log_probabilities(models.adapted(models.loaded(base), path), texts)
        report.equal(
            f"peft to nlft-judge, {name}", tools.scores(base, path, texts, folder), expected, TINY, unadapted=plain
        )
    for name, (options, reason) in REFUSED.items():
        path = models.adapter(base, folder, "refused " + name, **options)
        report.refused(f"refused, {name}", reason, lambda path=path: tools.scores(base, path, texts, folder))


def training(report, base, problems, texts, folder):
    """What nlft-step writes, from nothing and from peft's adapters, is for peft what it is for nlft-judge."""
    plain = models.log_probabilities(models.loaded(base), texts)
    options = ["--epochs", 4, "--batch", 2, "--learning-rate", 1e-2, "--rank", 8]
    for name in ["from nothing", "rank and alpha patterns", "rsLoRA with patterns", "some layers"]:
        start = os.path.join(folder, name) if name in ADAPTERS else None
        path = os.path.join(folder, "trained " + name)
        if start:
            tools.train(base, problems, folder, path, *options[:-2], "--adapter", start)
        else:
            tools.train(base, problems, folder, path, *options, "--targets", ALL_PROJECTIONS)
        expected = models.log_probabilities(models.adapted(models.loaded(base), path), texts)
        report.equal(
            f"nlft-step to peft, {name}", tools.scores(base, path, texts, folder), expected, TINY, unadapted=plain
        )
        if start:
            before = models.log_probabilities(models.adapted(models.loaded(base), start), texts)
            report.line(
                bool(expected.mean() > before.mean()), f"nlft-step learns on, {name}",
                f"mean log-probability from {before.mean():.2f} to {expected.mean():.2f}",
            )


def merging(report, family, base, texts, folder):
    """A merged model is for transformers what the model and the adapter are for peft."""
    path = models.adapter(base, folder, f"{family} adapter", **ADAPTERS["rsLoRA with patterns"])
    plain = models.log_probabilities(models.loaded(base), texts)
    expected = models.log_probabilities(models.adapted(models.loaded(base), path), texts)
    report.equal(
        f"peft to nlft-judge, {family}", tools.scores(base, path, texts, folder), expected, TINY, unadapted=plain
    )
    merged = os.path.join(folder, f"{family} merged")
    tools.run("nlft-export", "--model", base, "--adapter", path, "--merge", merged)
    found = models.log_probabilities(models.loaded(merged), texts)
    report.equal(f"nlft-export --merge to transformers, {family}", found, expected, TINY, unadapted=plain)
    report.line(
        transformers.AutoTokenizer.from_pretrained(merged).decode(texts[0][1])
        == transformers.AutoTokenizer.from_pretrained(base).decode(texts[0][1]),
        f"the merged model's tokenizer, {family}", f"{len(texts[0][1])} tokens",
    )


def tiny_llama_cpp(report, family, base, texts, folder):
    """llama.cpp adds the GGUF LoRA to a model in float32 with the same result as peft, to rounding."""
    model = models.loaded(base)
    gguf = os.path.join(folder, f"{family}.gguf")
    llama_cpp.write_gguf(model, gguf)
    plain = models.log_probabilities(model, texts)
    report.equal(f"transformers and llama.cpp, {family}", llama_cpp.log_probabilities(gguf, texts), plain, TINY_GGUF["f32"])
    names = ["all-linear", "rank and alpha patterns", "rsLoRA with patterns", "some layers"]
    for name, number_type in [*((name, "f32") for name in names), (names[2], "f16"), (names[2], "bf16")]:
        path = os.path.join(folder, f"{family} {name}")
        if not os.path.exists(path):
            models.adapter(base, folder, f"{family} {name}", **ADAPTERS[name])
        expected = models.log_probabilities(models.adapted(models.loaded(base), path), texts)
        lora = os.path.join(folder, "lora.gguf")
        # Both forms of the model say the same of an adapter's shape.
        source = gguf if name == names[0] else base
        tools.run("nlft-export", "--model", source, "--adapter", path, "--gguf", lora, "--type", number_type)
        report.equal(
            f"nlft-export --gguf --type {number_type} to llama.cpp, {family}, {name}",
            llama_cpp.log_probabilities(gguf, texts, lora), expected, TINY_GGUF[number_type], unadapted=plain,
        )


def real_model(report, gguf, problems, held_out, folder):
    """The whole way with a trained adapter of a real, quantised model."""
    torch.set_num_threads(os.cpu_count())
    path = os.path.join(folder, "smollm2 adapter")
    steps = tools.train(
        gguf, problems, folder, path, "--epochs", 3, "--batch", 2, "--learning-rate", 1e-3, "--rank", 8, "--targets",
        ALL_PROJECTIONS,
    )
    texts = tools.tokenized(gguf, held_out)
    base = models.loaded(os.path.dirname(gguf), os.path.basename(gguf))
    plain = models.log_probabilities(base, texts)
    ours_plain = tools.scores(gguf, None, texts, folder, "--reference")
    report.equal("transformers and nlft-judge --reference, SmolLM2", ours_plain, plain, REAL)
    expected = models.log_probabilities(models.adapted(base, path), texts)
    ours = tools.scores(gguf, path, texts, folder, "--reference")
    name = f"nlft-step to peft, SmolLM2, {len(steps)} steps"
    report.equal(name + ", nlft-judge --reference", ours, expected, REAL, unadapted=plain)
    report.equal(name + ", nlft-judge", tools.scores(gguf, path, texts, folder), expected, REAL_FAST, unadapted=plain)
    merged = os.path.join(folder, "smollm2 merged")
    lora = os.path.join(folder, "smollm2.gguf")
    tools.run("nlft-export", "--model", gguf, "--adapter", path, "--merge", merged, "--gguf", lora)
    found = models.log_probabilities(models.loaded(merged), texts)
    report.equal("nlft-export --merge to transformers, SmolLM2", found, expected, REAL, unadapted=plain)
    # llama.cpp rounds the inputs of products to 8 bits: the differences are compared, not the values.
    theirs = llama_cpp.log_probabilities(gguf, texts, lora) - llama_cpp.log_probabilities(gguf, texts)
    change = ours - ours_plain
    correlation = numpy.corrcoef(theirs, change)[0, 1]
    report.line(
        bool(correlation > 0.99), "nlft-export --gguf to llama.cpp, SmolLM2",
        f"{len(change)} tokens, the changes of the log-probabilities correlate by {correlation:.4f} (above 0.99), "
        f"differ by up to {numpy.abs(theirs - change).max():.2f} and {numpy.abs(theirs - change).mean():.3f} in the mean; "
        f"the adapter moves them by up to {numpy.abs(change).max():.1f}",
    )


def other_model(report, gguf, problems, folder):
    """Tokens and log-probabilities of a model as transformers has them from the same stored weights."""
    torch.set_num_threads(os.cpu_count())
    name = os.path.basename(gguf)
    texts = tools.tokenized(gguf, problems)
    tokenizer = transformers.AutoTokenizer.from_pretrained(os.path.dirname(gguf), gguf_file=name)
    expected = [tokenizer(problem["answer"], add_special_tokens=False)["input_ids"] for problem in problems]
    same = sum(response[:-1] == ids for (_, response), ids in zip(texts, expected, strict=True))
    report.line(same == len(texts), f"tokens, {name}", f"{same} of {len(texts)} answers have transformers' tokens")
    base = models.loaded(os.path.dirname(gguf), name)
    expected = models.log_probabilities(base, texts)
    found = tools.scores(gguf, None, texts, folder, "--reference")
    report.equal(f"transformers and nlft-judge --reference, {name}", found, expected, REAL)
    report.equal(f"transformers and nlft-judge, {name}", tools.scores(gguf, None, texts, folder), expected, REAL_FAST)


def main():
    # Small products gain nothing from threads.
    torch.set_num_threads(1)
    with open("pipelines/demo/train.jsonl", encoding="utf-8") as file:
        problems = [json.loads(next(file)) for _ in range(16)]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="nlft-interchange-") as folder:
        bases = {family: models.tiny(family, folder, [p["answer"] for p in problems]) for family in models.FAMILIES}
        texts = tools.tokenized(bases["llama"], problems[8:12])
        peft_to_tools(report, bases["llama"], texts, folder)
        training(report, bases["llama"], problems[:8], texts, folder)
        for family, base in bases.items():
            merging(report, family, base, texts, folder)
        for family in ["llama", "qwen3"]:
            tiny_llama_cpp(report, family, bases[family], texts, folder)
        if len(sys.argv) > 1:
            real_model(report, sys.argv[1], problems[:8], problems[8:14], folder)
        else:
            print("skip   SmolLM2: no model was given")
        for gguf in sys.argv[2:]:
            other_model(report, gguf, problems[8:14], folder)
    print(f"{report.count} checks, {report.failed} wrong, {time.monotonic() - report.start:.0f} s")
    sys.exit(1 if report.failed else 0)


main()
