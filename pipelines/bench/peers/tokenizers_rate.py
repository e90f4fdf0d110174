"""How many tokens a second Hugging Face's tokenizers library makes of texts, in one thread.

The texts are base, standard and answer of each record as nlft-tokenize rendered them; their tokens stand beside them,
and texts for which the library finds others are counted. Reading the file is in the time, loading the tokenizer is not.

Prints {"tokens_per_second": …, "tokens": …, "seconds": …, "different": …}.
"""

import argparse
import json
import os
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer  # noqa: E402

FIELDS = ("base", "standard", "answer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--way", choices=["one", "batch"], required=True)
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(options.tokenizer)

    start = time.perf_counter()
    records = [json.loads(line) for line in open(options.texts)]
    texts = [record[field] for record in records for field in FIELDS]
    if options.way == "one":
        encodings = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    else:
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    tokens = [encoding.ids for encoding in encodings]
    seconds = time.perf_counter() - start

    expected = [record["tokens"][field] for record in records for field in FIELDS]
    count = sum(map(len, expected))
    # The end of the turn, which ends an answer's tokens, is no part of its text.
    different = sum(found not in (wanted, wanted[:-1]) for found, wanted in zip(tokens, expected))
    print(json.dumps({"tokens_per_second": count / seconds, "tokens": count, "seconds": seconds, "different": different}))


main()
