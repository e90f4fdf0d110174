"""How many tokens a second llama.cpp computes, through its C interface as llama-cpp-python has it.

prompts: the sequences that nlft-judge scores, as prompts without logits, in several batch sizes; the best counts.
streams: greedy answers to tokens.base of each record, some streams at a time; a stream that ends makes room for the
next question and keeps what the two prompts begin with. A response's last token counts as ours does, the end of the
turn included. With one stream the prompt is not in the time.

Prints {"tokens_per_second": …, "tokens": …, "seconds": …}; loading the model is not in the seconds.
"""

import argparse
import ctypes
import json
import os
import time

import llama_cpp as llama
import numpy


class Context:
    """A context for `sequences` token sequences of up to `length` tokens each, in one cache or a cache for each."""

    def __init__(self, model, threads, sequences, length, batch, unified):
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = sequences * length
        parameters.n_batch = batch
        parameters.n_ubatch = batch
        parameters.n_seq_max = sequences
        parameters.n_threads = threads
        parameters.n_threads_batch = threads
        parameters.no_perf = True
        parameters.kv_unified = unified
        self.handle = llama.llama_init_from_model(model, parameters)
        if not self.handle:
            raise SystemExit("llama.cpp made no context")
        self.memory = llama.llama_get_memory(self.handle)
        self.batch = llama.llama_batch_init(batch, 0, 1)
        self.capacity = batch

    def clear(self):
        llama.llama_memory_clear(self.memory, True)

    def decode(self, entries):
        """Runs (token, position, sequence, wants logits) entries."""
        for start in range(0, len(entries), self.capacity):
            part = entries[start : start + self.capacity]
            for place, (token, position, sequence, wanted) in enumerate(part):
                self.batch.token[place] = token
                self.batch.pos[place] = position
                self.batch.n_seq_id[place] = 1
                self.batch.seq_id[place][0] = sequence
                self.batch.logits[place] = wanted
            self.batch.n_tokens = len(part)
            status = llama.llama_decode(self.handle, self.batch)
            if status != 0:
                raise SystemExit(f"llama_decode failed with {status}")
            yield start

    def forget(self, sequence, start):
        """Drops a sequence's tokens from a position on."""
        llama.llama_memory_seq_rm(self.memory, sequence, start, -1)

    def chosen(self, entries, vocabulary):
        """Runs entries and gives (sequence, most likely next token) for those that want logits."""
        result = []
        for first in self.decode(entries):
            for place, (_, _, sequence, wanted) in enumerate(entries[first : first + self.capacity]):
                if wanted:
                    logits = llama.llama_get_logits_ith(self.handle, place)
                    best = numpy.argmax(numpy.ctypeslib.as_array(logits, shape=(vocabulary,)))
                    result.append((sequence, int(best)))
        return result

    def close(self):
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.handle)


def prompt_rate(model, threads, sequences):
    count = sum(map(len, sequences))
    best = 0
    longest = max(map(len, sequences))
    for batch in (512, 1024, 2048):
        together = max(1, batch // longest)
        # Few and long sequences: one cache is faster.
        context = Context(model, threads, together, (longest // 256 + 1) * 256, batch, unified=True)
        # The first pass wakes the threads and touches the weights.
        for _ in context.decode([(token, i, 0, 0) for i, token in enumerate(sequences[0])]):
            pass
        start = time.perf_counter()
        for first in range(0, len(sequences), together):
            context.clear()
            entries = []
            for place, tokens in enumerate(sequences[first : first + together]):
                entries += [(token, i, place, 0) for i, token in enumerate(tokens)]
            for _ in context.decode(entries):
                pass
        best = max(best, count / (time.perf_counter() - start))
        context.close()
    return {"tokens_per_second": best, "tokens": count, "seconds": count / best}


def generation_rate(model, threads, prompts, streams, limit):
    vocabulary = llama.llama_model_get_vocab(model)
    size = llama.llama_vocab_n_tokens(vocabulary)
    length = -(-(max(map(len, prompts)) + limit) // 256) * 256
    # Many and short ones: in one cache each token would be held against the keys of all streams.
    context = Context(model, threads, streams, length, 512, unified=False)
    context.chosen([(token, i, 0, 0) for i, token in enumerate(prompts[0])], size)
    context.clear()
    waiting = list(reversed(prompts))
    free = list(range(streams))
    # The prompt that a stream's cache begins with, and the answers under way.
    held = {sequence: [] for sequence in free}
    active = {}
    generated = 0
    start = time.perf_counter()

    def advance(chosen):
        """Gives streams their next tokens and lets go of those that have ended."""
        nonlocal generated
        for sequence, token in chosen:
            active[sequence].append(token)
            generated += 1
            # One stream alone goes on to its limit.
            ended = streams > 1 and llama.llama_vocab_is_eog(vocabulary, token)
            if ended or len(active[sequence]) >= limit:
                del active[sequence]
                free.append(sequence)

    def begin(sequence, prompt):
        """The entries of a prompt, but for what the stream has read already."""
        shared = os.path.commonprefix([held[sequence], prompt[:-1]])
        context.forget(sequence, len(shared))
        held[sequence] = prompt
        active[sequence] = []
        places = range(len(shared), len(prompt))
        return [(prompt[i], i, sequence, i == len(prompt) - 1) for i in places]

    while waiting or active:
        # Prompts have a batch of their own: one with streams of unequal length is cut into pieces.
        entries = []
        while waiting and free and (not entries or len(entries) + len(waiting[-1]) <= context.capacity):
            entries += begin(free.pop(), waiting.pop())
        advance(context.chosen(entries, size))
        if streams == 1 and generated == 1:
            start = time.perf_counter()
        entries = []
        for sequence, answer in sorted(active.items()):
            entries.append((answer[-1], len(held[sequence]) + len(answer) - 1, sequence, 1))
        advance(context.chosen(entries, size))
    seconds = time.perf_counter() - start
    count = generated - 1 if streams == 1 else generated
    context.close()
    return {"tokens_per_second": count / seconds, "tokens": count, "seconds": seconds}


def scored_sequences(path):
    sequences = []
    for line in open(path):
        tokens = json.loads(line)["tokens"]
        for name in ("base", "standard", "judge"):
            if name in tokens:
                sequences.append(tokens[name] + tokens["output"][:-1])
    return sequences


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["prompts", "streams"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--limit", type=int, default=160)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    quiet = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(quiet, ctypes.c_void_p(0))
    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    model = llama.llama_model_load_from_file(options.model.encode(), parameters)
    if not model:
        raise SystemExit(f"llama.cpp cannot read {options.model}")
    if options.job == "prompts":
        # The first records are enough for a rate.
        result = prompt_rate(model, options.threads, scored_sequences(options.tokens)[:18])
    else:
        prompts = [json.loads(line)["tokens"]["base"] for line in open(options.tokens)]
        result = generation_rate(model, options.threads, prompts, options.streams, options.limit)
    print(json.dumps(result))


main()
