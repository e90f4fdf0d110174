#!/usr/bin/env bash
# nlft-judge with a real server as critic: that of llama-cpp-python, serving the model that is trained.
#
#     Tests/Interchange/critic-server.sh PYTHON [MODEL.gguf]
#
# PYTHON has llama-cpp-python[server]; the model is the demo's unless named. Run it in the top folder after
# `make build model`.
set -euo pipefail

fail() { printf 'critic-server: %s\n' "$*" >&2; exit 1; }

python=${1:?give a Python that has llama-cpp-python[server]}
model=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/nlft/SmolLM2-135M-Instruct.Q4_1.gguf}
export PATH="$PWD/.build/release:$PATH"
work=$(mktemp -d)
server=
stop() {
  if [[ -n $server ]]; then kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT

head -n 8 pipelines/demo/train.jsonl | nlft-tokenize --quiet --model "$model" \
  | nlft-sample --quiet --model "$model" --max-tokens 64 | nlft-grade --quiet > "$work/graded.jsonl"
wrong=$(grep -c '"correct":false' "$work/graded.jsonl") || fail 'no response is wrong: there is nothing to criticise'

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -m llama_cpp.server --model "$model" --host 127.0.0.1 --port "$port" --n_ctx 2048 > "$work/log" 2>&1 &
server=$!
for ((seconds = 0; ; seconds++)); do
  if grep -q 'Uvicorn running' "$work/log"; then break; fi
  if ! kill -0 "$server" 2> /dev/null || ((seconds > 120)); then cat "$work/log" >&2; fail 'there is no server'; fi
  sleep 1
done
asked() { grep -c '"POST /v1/chat/completions HTTP/1.1" 200' "$work/log" || true; }

judge() { nlft-judge --model "$model" --archive "$work/scores.safetensors.zst" "$@"; }
judge --critic "http://127.0.0.1:$port/v1" "$work/graded.jsonl" > "$work/judged.jsonl"
(($(asked) == wrong)) || fail "the server answered $(asked) requests, expected $wrong"
(($(grep -c '"judgment":"' "$work/judged.jsonl") == wrong)) || fail 'a critique is missing'
# Critiques that are there are not asked for again.
judge --quiet --critic "http://127.0.0.1:$port/v1" "$work/judged.jsonl" > "$work/again.jsonl"
(($(asked) == wrong)) || fail "the server answered $(asked) requests after the second run, expected $wrong"
critiques() { grep -o '"judgment":"\([^"\\]\|\\.\)*"' "$1"; }
cmp <(critiques "$work/judged.jsonl") <(critiques "$work/again.jsonl") || fail 'a critique changed'

# The same model in this process: other arithmetic, so that some critiques may part ways.
judge --quiet --critic self "$work/graded.jsonl" > "$work/self.jsonl"
same=$(comm -12 <(critiques "$work/judged.jsonl" | sort) <(critiques "$work/self.jsonl" | sort) | wc -l)
printf 'critic-server: %s critiques from the server, %s of them word for word those of --critic self\n' "$wrong" "$same"
