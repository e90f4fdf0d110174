# The demo's problems: every arm at three sizes.

ARMS = sft distill distill-correct distill-cleaned cut dft nlft-reference nlft nlft-own nlft-shuffled
SIZES = 25 50 100
# problems from which the sizes are taken; seed 1 takes those from the first on, seed 2 from behind the 50th, and so on
POOL = 100
STRIDE = 50
TRAIN_FILE = pipelines/demo/train.jsonl
TEST_FILE = pipelines/demo/test.jsonl
TEST = 200
MAX_TOKENS = 80
PROMPTS = pipelines/prompts.json
