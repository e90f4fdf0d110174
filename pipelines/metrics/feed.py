"""Feeds nlft-step's metrics to TensorBoard or Weights & Biases (offline).

    feed.py --to tensorboard --output FOLDER [--name NAME] [--follow] steps.jsonl …
    nlft-step … | tee steps.jsonl | feed.py --to wandb --output FOLDER

Each line's numbers become scalars of its step; ids are left out. Files are read in their order, `-` or nothing is stdin, so
that it can stand behind a pipe; --follow goes on reading the last file as it grows, until Ctrl-C.
"""

import argparse
import glob
import json
import math
import os
import signal
import sys
import time

# Every field of a line that is a number; README.md says what each is.
FIELDS = ["loss", "gradient_norm", "learning_rate", "epoch", "tokens", "rows", "seconds"]


def lines(path, follow):
    """Whole lines of a file, each with its number; with follow, also those that are still to come."""
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
        number, pending = 0, ""
        while True:
            part = file.readline()
            pending += part
            if not pending.endswith("\n"):
                if not follow:
                    if pending.strip():
                        number += 1
                        yield number, pending
                    return
                if not part:
                    time.sleep(0.5)
                continue
            number += 1
            if pending.strip():
                yield number, pending
            pending = ""


def scalars(path, number, line):
    """The step and its numbers."""
    try:
        record = json.loads(line)
        step = record["step"]
        if type(step) is not int:
            raise ValueError('"step" is no whole number')
        values = {}
        for field in FIELDS:
            value = record.get(field)
            if value is None:
                continue
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ValueError(f'"{field}" is {value!r}, expected a number')
            values[field] = value
        if "loss" not in values:
            raise ValueError('no field "loss"')
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else error
        raise SystemExit(f"feed: {path}: line {number}: not a line of nlft-step's metrics: {reason}")
    return step, values


class TensorBoard:
    """Event files, one folder a run."""

    def __init__(self, folder, name):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.make_event, self.make_summary = Event, Summary
        self.folder = os.path.join(folder, name)
        # Events of an earlier feed would be drawn over these.
        for old in glob.glob(os.path.join(glob.escape(self.folder), "events.out.tfevents.*")):
            os.remove(old)
        self.writer = EventFileWriter(self.folder, flush_secs=2)

    def add(self, step, values):
        summary = self.make_summary(
            value=[self.make_summary.Value(tag=f"train/{name}", simple_value=value) for name, value in values.items()]
        )
        self.writer.add_event(self.make_event(wall_time=time.time(), step=step, summary=summary))

    def close(self):
        self.writer.close()
        return f"tensorboard --logdir {os.path.dirname(self.folder)}"


class WeightsAndBiases:
    """A run that is kept on this machine until `wandb sync` uploads it."""

    def __init__(self, folder, name):
        import wandb

        os.makedirs(folder, exist_ok=True)
        settings = wandb.Settings(silent=True, x_disable_stats=True, x_disable_meta=True, console="off")
        self.run = wandb.init(project="nlft", name=name, dir=folder, mode="offline", settings=settings)

    def add(self, step, values):
        self.run.log({f"train/{name}": value for name, value in values.items()}, step=step)

    def close(self):
        folder = os.path.dirname(self.run.dir)
        self.run.finish()
        return f"wandb sync {folder}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, choices=["tensorboard", "wandb"])
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where the run is written")
    parser.add_argument("--name", default="nlft", help="the run's name")
    parser.add_argument("--follow", action="store_true", help="go on reading the last file as it grows")
    parser.add_argument("files", nargs="*", default=["-"])
    options = parser.parse_args()
    for path in options.files:
        if path != "-" and not os.path.exists(path):
            raise SystemExit(f"feed: {path}: is not there")
    sink = (TensorBoard if options.to == "tensorboard" else WeightsAndBiases)(options.output, options.name)
    # Ended by either, a run is closed and complete so far.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    count, latest, hint = 0, 0, ""
    try:
        for place, path in enumerate(options.files):
            for number, line in lines(path, options.follow and place == len(options.files) - 1):
                step, values = scalars(path, number, line)
                if step <= latest:
                    raise SystemExit(
                        f"feed: {path}: line {number}: step {step} after step {latest}: files of different runs, or in "
                        "another order than they were trained in"
                    )
                sink.add(step, values)
                count, latest = count + 1, step
    except KeyboardInterrupt:
        pass
    finally:
        hint = sink.close()
    print(f"feed: {count} steps; to look at them: {hint}", file=sys.stderr)


if __name__ == "__main__":
    main()
