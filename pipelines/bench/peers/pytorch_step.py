"""One NLFT optimiser step in PyTorch and PEFT, on the tokens that nlft-tokenize made.

reference: as the published code runs it. Three passes a record (base, standard, judge; a correct record, which has no
critique, reads its base prompt again), all of them with gradients and logits at every position, the loss over the whole
batch, one backward pass.
lean: what a careful user would write. Standard and judge passes without gradients, one base pass, logits at the
response alone, one record at a time.

Prints {"seconds": …, "loss": …}; loading the model is not in the seconds.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

# Virtual machines that pass on AMX without its description (CPUID leaf 1DH) make PyTorch's products in bfloat16 die of
# an illegal instruction; there it gets the next best instructions.
PROBE = "import torch; a = torch.ones(512, 512, dtype=torch.bfloat16); torch.nn.functional.linear(a, a)"
if subprocess.run([sys.executable, "-c", PROBE], check=False).returncode == -signal.SIGILL:
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_FP16"
    print("AMX is not usable by PyTorch on this machine", file=sys.stderr)

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402


def salient_in_incorrect(base, standard, judge):
    return (judge / base > 1.5) & (judge / standard > 1.5) & (judge > 0.01)


def weights_of_correct(standard, threshold=0.95):
    weights = (standard / threshold) ** 0.6
    salient = standard > threshold
    weights[salient] = 1 + ((standard[salient] - threshold) / (1 - threshold)) ** 5
    return weights, salient


def clusters(salient, states, limit=0.4):
    """Neighbours of each salient token that join it, as the published code has it: cosine distance above the limit."""
    joined = torch.zeros_like(salient)
    for place in salient.nonzero().flatten().tolist():
        centre = states[place].double()
        for direction in (-1, 1):
            neighbour = place + direction
            while 0 <= neighbour < len(states):
                other = states[neighbour].double()
                if 1 - torch.cosine_similarity(centre, other, dim=0) <= limit:
                    break
                joined[neighbour] = True
                centre = (centre + other) / 2
                neighbour += direction
    return joined & ~salient


def loss_of(record, base, standard, judge, states, misaligned):
    """The loss from log-probabilities [T]; weights are constants."""
    with torch.no_grad():
        b, s = base.exp(), standard.exp()
        if record["judge"] is None:
            weights, salient = weights_of_correct(s)
            clustered = clusters(salient, states)
            weights[clustered] = (s[clustered] / 0.95) ** 0.3
        else:
            j = judge.exp()
            salient = salient_in_incorrect(b, s, j)
            clustered = clusters(salient, states)
            weights = s.sqrt()
            weights[salient | clustered] = 0
            if salient.float().mean() > 0.06:
                weights.zero_()
            suppressed = torch.where(salient, 2 * torch.sigmoid(j / b - 1.5), torch.zeros_like(b))
    if record["judge"] is None:
        return 10 * (-base.mean() - (weights * base).mean())
    unlikelihood = suppressed * torch.log1p(-base.exp().clamp(max=1 - 1e-6))
    return 10 * (-misaligned + (-weights * base - unlikelihood).mean())


def response_places(prompt, output):
    """Positions whose logits predict the response."""
    return torch.arange(len(prompt) - 1, len(prompt) + len(output) - 1)


def picked(logits, targets):
    return torch.log_softmax(logits.float(), -1).gather(-1, targets[:, None])[:, 0]


class Step:
    def __init__(self, model, lean):
        self.model = model
        self.lean = lean

    def read(self, prompt, output, others=None):
        """Log-probabilities of the response, its states, and the mean of what `others` names."""
        tokens = torch.tensor([prompt + output])
        places = response_places(prompt, output)
        targets = torch.tensor(output)
        if self.lean:
            states = self.model.base_model.model.model(input_ids=tokens).last_hidden_state[0]
            head = self.model.base_model.model.lm_head
            chosen = picked(head(states[places]), targets)
            extra = picked(head(states[others]), targets).mean() if others is not None else None
            return chosen, states[places].detach(), extra
        result = self.model(input_ids=tokens, output_hidden_states=True)
        logits = result.logits[0].float()
        chosen = picked(logits[places], targets)
        extra = picked(logits[others], targets).mean() if others is not None else None
        return chosen, result.hidden_states[-1][0][places].detach(), extra

    def record_loss(self, record):
        base, states, _ = self.read(record["base"], record["output"])
        incorrect = record["judge"] is not None
        with torch.set_grad_enabled(not self.lean):
            standard, _, _ = self.read(record["standard"], record["output"])
        if not incorrect:
            judge = None if self.lean else self.read(record["base"], record["output"])[0]
            return loss_of(record, base, standard, judge, states, None)
        # The published code reads the judge pass at the base pass's positions, with gradients.
        places = response_places(record["base"], record["output"])
        judge, _, misaligned = self.read(record["judge"], record["output"], places)
        return loss_of(record, base, standard, judge, states, misaligned)

    def __call__(self, records):
        if self.lean:
            total = 0.0
            for record in records:
                loss = self.record_loss(record) / len(records)
                loss.backward()
                total += loss.item()
            return total
        loss = sum(self.record_loss(record) for record in records) / len(records)
        loss.backward()
        return loss.item()


def read_records(path):
    records = []
    for line in open(path):
        tokens = json.loads(line)["tokens"]
        records.append({name: tokens.get(name) for name in ("base", "standard", "judge", "output")})
    return records


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--records", required=True)
    parser.add_argument("--variant", choices=["reference", "lean"], required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype))
    targets = ["gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, lora_dropout=0.05, target_modules=targets))
    model.config.use_cache = False
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5, weight_decay=0)
    records = read_records(options.records)
    step = Step(model, lean=options.variant == "lean")

    start = time.perf_counter()
    loss = step(records)
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss}))


main()
