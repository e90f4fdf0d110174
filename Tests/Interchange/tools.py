"""The tools under test, run as processes, and the archives that they write."""

import json
import os
import struct
import subprocess

import numpy
import zstandard

BIN = os.path.abspath(os.environ.get("BIN", ".build/release"))
THREADS = os.environ.get("THREADS", "")


class ToolFailure(Exception):
    """A tool that ended with a status other than 0, and what it said."""


def run(tool, *arguments, records=None):
    """Runs a tool on records; returns the records that it writes."""
    threads = ["--threads", THREADS] if THREADS else []
    text = "".join(json.dumps(record) + "\n" for record in records or [])
    result = subprocess.run(
        [os.path.join(BIN, tool), *map(str, arguments), *threads], input=text, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ToolFailure(f"{tool} ended with status {result.returncode}: {result.stderr.strip()}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def frame(reference):
    """The tensors of one frame of an archive: a safetensors file in zstd."""
    with open(reference["archive"], "rb") as archive:
        archive.seek(reference["offset"])
        content = zstandard.ZstdDecompressor().decompressobj().decompress(archive.read(reference["bytes"]))
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    types = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = numpy.frombuffer(content[start:end], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def scores(model, adapter, texts, folder, *options):
    """nlft-judge's log-probability of each token of the responses; texts are pairs of prompt and response tokens."""
    records = [
        {"id": index, "question": "", "output": "", "correct": True, "tokens": {"base": prompt, "output": response}}
        for index, (prompt, response) in enumerate(texts)
    ]
    archive = os.path.join(folder, "scores.safetensors.zst")
    arguments = ["--model", model, "--critic", "none", "--hidden", "none", "--archive", archive, *options]
    if adapter:
        arguments += ["--adapter", adapter]
    judged = run("nlft-judge", *arguments, records=records)
    frames = [frame(record["scores"]) for record in judged]
    for (_, response), tensors in zip(texts, frames, strict=True):
        if tensors["tokens"].tolist() != response:
            raise ToolFailure("nlft-judge scored other tokens than it was given")
    return numpy.concatenate([tensors["logprob.base"] for tensors in frames]).astype(numpy.float64)


def tokenized(model, problems):
    """Pairs of prompt and response tokens of problems whose standard answer is the response."""
    records = [{**problem, "output": problem["answer"], "correct": True} for problem in problems]
    return [
        (record["tokens"]["base"], record["tokens"]["output"])
        for record in run("nlft-tokenize", "--model", model, records=records)
    ]


def train(model, problems, folder, target, *options):
    """Trains an adapter on the problems' standard answers, through every stage."""
    records = [{**problem, "output": problem["answer"], "correct": True} for problem in problems]
    records = run(
        "nlft-judge", "--model", model, "--critic", "none", "--hidden", "none",
        "--archive", os.path.join(folder, "train-scores.safetensors.zst"), records=records,
    )
    records = run(
        "nlft-saliency", "--method", "distill", "--archive", os.path.join(folder, "train-loss.safetensors.zst"),
        records=records,
    )
    return run("nlft-step", "--model", model, "--output", target, "--dropout", 0, *options, records=records)
