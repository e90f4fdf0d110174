# What every recipe shares: settings whose change re-runs what follows from them, and the commands of the stages. A
# recipe's Makefile sets its variables (pipelines/demo/Makefile says what each means), includes this file or one that
# does (rounds.mk, grid.mk), and is run from the top of the repository: archives are named relative to where the tools
# run.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := table

.PHONY: table report model FORCE
FORCE:

quoted = '$(subst ','\'',$(1))'


# ---- Settings. Each group has a stamp file that is rewritten only when its text changes; what depends on the group
# depends on the stamp. make -n and -q write nothing.

stamps := $(WORK)/.settings

# The names, sizes and times of the model's files stand for what is in them.
model-state := $(shell find -L $(call quoted,$(MODEL)) -maxdepth 1 -type f ! -name '.*' 2> /dev/null | LC_ALL=C sort \
  | while IFS= read -r file; do stat -L -c '%n %s %Y' "$$file" 2> /dev/null || stat -L -f '%N %z %m' "$$file"; done)

settings.model = $(model-state)
settings.prompts = $(PROMPTS)
settings.answer = $(answering)
settings.grade = $(grading)
settings.judge = $(judging)

same = $(and $(findstring x$(strip $(1))x,x$(strip $(2))x),$(findstring x$(strip $(2))x,x$(strip $(1))x))

define stamp-rule
$(stamps)/$(1): $(if $(call same,$(settings.$(1)),$(file <$(stamps)/$(1))),,FORCE)
	$$(if $$(settings.$(1)),,@echo 'No model at '$$(call quoted,$$(MODEL))': fetch it with make model, or give MODEL=' >&2; exit 66)
	@mkdir -p $$(@D)
	@printf '%s\n' $$(call quoted,$$(settings.$(1))) > $$@.tmp
	@mv $$@.tmp $$@
endef

# ---- Where stages run: pipelines/slurm/README.md. Results are the same bytes but for the names of archives, so that none
# of this makes anything run again. Folder, model and tools must lie under the same paths on all machines.

# local; parallel, by GNU parallel on HOSTS; slurm, as an array of jobs
RUNNER ?= local
# what runs in shards: sample, judge, saliency. The others' results are of the whole stream, and take no time.
SPREAD ?= sample judge
# as many of them, or fewer if there are fewer records
SHARDS ?= 8
# parallel: hosts as ssh knows them; empty: this machine
HOSTS ?=
# parallel: shards at the same time on each host
JOBS ?= 1
# parallel: the ssh
SSH ?= ssh
# slurm: more options of sbatch, as --partition long --time 2:00:00; THREADS makes --cpus-per-task
SLURM_OPTIONS ?=
# what starts nlft-step, where it is one that knows MPI: mpirun -n 4, srun --mpi=pmix -n 4
STEP_LAUNCHER ?=

export NLFT_RUNNER = $(RUNNER)
export NLFT_SPREAD = $(SPREAD)
export NLFT_SHARDS = $(SHARDS)
export NLFT_HOSTS = $(HOSTS)
export NLFT_JOBS = $(JOBS)
export NLFT_SSH = $(SSH)
export NLFT_SLURM_OPTIONS = $(SLURM_OPTIONS)
export NLFT_STEP_LAUNCHER = $(STEP_LAUNCHER)

# ---- Commands

tool = $(BIN)/nlft-$(1)
common = $(if $(THREADS),--threads $(THREADS))
use-model = --model $(call quoted,$(MODEL))
use-prompts = --prompts $(call quoted,$(PROMPTS))
# A record that fails costs that record; the log counts it and the rejects keep it.
tolerant = --keep-going --rejects $(1)

sampling = --prompt $(ASK) --samples $(SAMPLES) --max-tokens $(MAX_TOKENS) --temperature $(TEMPERATURE) --top-p $(TOP_P) --top-k $(TOP_K) \
  --batch $(SAMPLE_BATCH) $(SAMPLE_OPTIONS)
answering = --samples 1 --max-tokens $(MAX_TOKENS) --temperature 0 --batch $(SAMPLE_BATCH)
grading = --extract $(EXTRACT) --match $(MATCH)
judging = --critic $(call quoted,$(CRITIC)) --hidden $(HIDDEN) $(JUDGE_OPTIONS)
stepping = --batch $(BATCH) --epochs $(EPOCHS) --learning-rate $(LEARNING_RATE) --schedule $(SCHEDULE) --warmup $(WARMUP) \
  --rank $(RANK) --alpha $(ALPHA) --dropout $(DROPOUT) $(STEP_OPTIONS)
# $(1) input, $(2) output, then the command. The second kind goes on where it was broken off, if nothing that its target
# depends on is newer; the archive of scores too, which Make must therefore keep (.PRECIOUS).
stage = @pipelines/stage.sh $(1) $(2)
resumed-stage = @pipelines/stage.sh --resume '$^' $(1) $(2)
# $(1) records or "all", $(2) file: its first lines, and an error if there are fewer
take = awk -v count=$(call quoted,$(1)) '\
  BEGIN { if (count != "all" && count !~ /^[1-9][0-9]*$$/) { bad = 1; exit } } \
  count == "all" || NR <= count + 0; \
  END { \
    if (bad) { print "expected a number of records or \"all\", found \"" count "\"" > "/dev/stderr"; exit 64 } \
    if (count != "all" && NR < count + 0) { \
      print "$(2) has only " NR " records, asked for " count > "/dev/stderr"; exit 66 } }' $(2)

# The run as a page: accuracy, training, weights, answers, costs, settings. What it needs stands with each recipe.
report: $(WORK)/report.html
	@echo 'The report of $(WORK) is $<'

write-report = $(call tool,report) --output $@ $(WORK)

$(foreach group,model prompts answer grade judge,$(eval $(call stamp-rule,$(group))))

$(BIN)/nlft-%:
	@echo '$@ is missing: run make build' >&2
	@exit 66
