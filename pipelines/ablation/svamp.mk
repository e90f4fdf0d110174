# SVAMP (Patel, Bhattamishra and Goyal 2021, MIT licence): one-step word problems of other people's making, from
# https://github.com/arkilpatel/SVAMP. DATA is a folder with svamp-train.jsonl and svamp-test.jsonl, one object a line:
# id, question (body and question together), answer (the equation and its value, "7 - 2 = 5\n#### 5").

ARMS = sft distill cut nlft nlft-own
SIZES = 50
POOL = 50
STRIDE = 50
TRAIN_FILE = $(DATA)/svamp-train.jsonl
TEST_FILE = $(DATA)/svamp-test.jsonl
TEST = 300
MAX_TOKENS = 60
# The problems come without an instruction: these prompts give the demo's.
PROMPTS = pipelines/ablation/svamp-prompts.json
