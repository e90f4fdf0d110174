# The rules of rounds of learning, for recipes such as the demo.
#
#   $(WORK)/train.jsonl test.jsonl          the records of this run, with tokens
#   $(WORK)/round-K/sampled.jsonl … weighted.jsonl, scores.safetensors.zst, loss.safetensors.zst, steps.jsonl, adapter/
#   $(WORK)/round-K/test/                   the test problems answered after round K; round 0 is the untouched model
#   $(WORK)/RESULTS.txt                     the table
#   $(WORK)/report.html, round-K/map.html   the run as a page, and each round's saliency map (goal: report)
#
# Round K samples, judges and steps from the adapter of round K−1; round 1 from the model alone.

include pipelines/lock.mk
ifneq ($(holds-lock),)
include pipelines/common.mk

.PHONY: pipe

ifneq ($(shell [[ $(call quoted,$(ROUNDS)) =~ ^[0-9]{1,3}$$ ]] && echo yes),yes)
  $(error ROUNDS is "$(ROUNDS)", expected a whole number up to 999)
endif
ifneq ($(shell [[ $(call quoted,$(SEED)) =~ ^[0-9]{1,15}$$ ]] && echo yes),yes)
  $(error SEED is "$(SEED)", expected a whole number)
endif

settings.train = $(EXAMPLES) of $(TRAIN_FILE)
settings.test = $(TEST) of $(TEST_FILE)
settings.sample = $(sampling) seed=$(SEED)
settings.saliency = $(weighing)
settings.step = $(stepping) seed=$(SEED)
settings.rounds = $(ROUNDS)

weighing = --method $(METHOD) $(SALIENCY_OPTIONS)
# Rounds and seeds draw from different sequences. $(1) round
seed = --seed $(shell echo $$(($(SEED) * 1000 + $(1))))

# ---- Records

define records-rule
$(WORK)/.taken/$(1).jsonl: $(3) $(stamps)/$(1)
	@mkdir -p $$(@D)
	@$$(call take,$(2),$(3)) > $$@.tmp
	@mv $$@.tmp $$@

$(WORK)/$(1).jsonl: $(WORK)/.taken/$(1).jsonl $(PROMPTS) $(stamps)/prompts $(stamps)/model | $(call tool,tokenize)
	$$(call stage,$$<,$$@) $(call tool,tokenize) $$(common) $$(use-model) $$(use-prompts)
endef

# ---- Rounds. A command that writes an archive removes the records that name the old one first.
# $(1) round, $(2) its folder, $(3) the adapter of the round before, empty in round 1

define round-rules
$(2)/sampled.jsonl: $(WORK)/train.jsonl $(stamps)/sample $(adapter-file) | $(call tool,sample)
	$$(call resumed-stage,$$<,$$@) $(call tool,sample) $$(common) $$(use-model) $(use-adapter) $$(sampling) $$(call seed,$(1)) \
	  $$(call tolerant,$(2)/sampled.rejects)

$(2)/graded.jsonl $(2)/summary.json &: $(2)/sampled.jsonl $(stamps)/grade | $(call tool,grade)
	$$(call stage,$$<,$(2)/graded.jsonl) $(call tool,grade) $$(common) $$(grading) --summary $(2)/summary.json \
	  $$(call tolerant,$(2)/graded.rejects)

.PRECIOUS: $(2)/scores.safetensors.zst
$(2)/judged.jsonl $(2)/scores.safetensors.zst &: $(2)/graded.jsonl $(PROMPTS) $(stamps)/prompts $(stamps)/judge $(adapter-file) \
    | $(call tool,judge)
	@rm -f $(2)/judged.jsonl
	$$(call resumed-stage,$$<,$(2)/judged.jsonl) $(call tool,judge) $$(common) $$(use-model) $(use-adapter) $$(use-prompts) \
	  $$(judging) --archive $(2)/scores.safetensors.zst $$(call tolerant,$(2)/judged.rejects)

$(2)/weighted.jsonl $(2)/loss.safetensors.zst &: $(2)/judged.jsonl $(2)/scores.safetensors.zst $(stamps)/saliency \
    | $(call tool,saliency)
	@rm -f $(2)/weighted.jsonl $(2)/loss.safetensors.zst
	$$(call stage,$$<,$(2)/weighted.jsonl) $(call tool,saliency) $$(common) $$(weighing) \
	  --archive $(2)/loss.safetensors.zst $$(call tolerant,$(2)/weighted.rejects)

# For the eye: the tokens as they were weighed.
$(2)/map.html: $(2)/judged.jsonl $(2)/scores.safetensors.zst $(stamps)/saliency | $(call tool,saliency)
	$(call tool,saliency) $$(common) $$(use-model) $$(weighing) --keep-going --map $$@ $$< > /dev/null

$(2)/steps.jsonl $(2)/adapter/adapter_model.safetensors &: $(2)/weighted.jsonl $(2)/loss.safetensors.zst $(stamps)/step \
    $(adapter-file) | $(call tool,step)
	@rm -rf $(2)/steps.jsonl $(2)/adapter
	$$(call stage,$$<,$(2)/steps.jsonl) $(call tool,step) $$(common) $$(use-model) $(use-adapter) --output $(2)/adapter \
	  $$(stepping) $$(call seed,$(1)) $$(call tolerant,$(2)/steps.rejects)
endef
# The steps are put in their place last: without them the adapter may be one that was saved on the way.
adapter-file = $(if $(3),$(3:adapter=steps.jsonl) $(3)/adapter_model.safetensors)
use-adapter = $(if $(3),--adapter $(3))

# Strict: a test problem left out would change the accuracy. $(2) the round's folder, $(3) the round's own adapter
define test-rules
$(2)/test/sampled.jsonl: $(WORK)/test.jsonl $(stamps)/answer $(adapter-file) | $(call tool,sample)
	$$(call resumed-stage,$$<,$$@) $(call tool,sample) $$(common) $$(use-model) $(use-adapter) $$(answering)

$(2)/test/graded.jsonl $(2)/test/summary.json &: $(2)/test/sampled.jsonl $(stamps)/grade $(untouched) | $(call tool,grade)
	$$(call stage,$$<,$(2)/test/graded.jsonl) $(call tool,grade) $$(common) $$(grading) --summary $(2)/test/summary.json \
	  $(untouched:%=--compare %)
endef
# Every round is compared, problem by problem, with the model as it came.
untouched = $(if $(3),$(WORK)/round-0/test/graded.jsonl)

# ---- Results

rounds := $(if $(filter-out 0,$(ROUNDS)),$(shell seq 1 $(ROUNDS)))
results := $(WORK)/RESULTS.txt

# The records come first, so that too few of them are noticed before anything is sampled. A summary may be there although
# its records are not, if nlft-grade was killed between the two.
$(results): $(WORK)/train.jsonl $(foreach folder,round-0/test $(foreach round,$(rounds),round-$(round) round-$(round)/test),\
    $(WORK)/$(folder)/graded.jsonl $(WORK)/$(folder)/summary.json) $(stamps)/rounds
	@pipelines/results.sh $(WORK) $(ROUNDS) > $@.tmp
	@mv $@.tmp $@
	$(eval results-are-new := yes)

table: $(results)
	@echo
	$(if $(results-are-new),,@echo 'Nothing to do: everything in $(WORK) is up to date.' && echo)
	@cat $(results)

$(WORK)/report.html: $(results) $(rounds:%=$(WORK)/round-%/map.html) | $(call tool,report)
	@$(write-report)

# ---- The same stages as round 1, in one pipe

pipe: $(PROMPTS) $(TRAIN_FILE)
	@rm -rf $(WORK)/pipe && mkdir -p $(WORK)/pipe
	$(if $(filter all,$(EXAMPLES)),cat,head -n $(EXAMPLES)) $(TRAIN_FILE) \
	  | $(call tool,tokenize) $(common) $(use-model) $(use-prompts) \
	  | $(call tool,sample) $(common) $(use-model) $(sampling) $(call seed,1) --keep-going \
	  | $(call tool,grade) $(common) $(grading) --keep-going \
	  | $(call tool,judge) $(common) $(use-model) $(use-prompts) $(judging) --archive $(WORK)/pipe/scores.safetensors.zst --keep-going \
	  | $(call tool,saliency) $(common) $(weighing) --archive $(WORK)/pipe/loss.safetensors.zst --keep-going \
	  | $(call tool,step) $(common) $(use-model) --output $(WORK)/pipe/adapter $(stepping) $(call seed,1) --keep-going

# ---- All of the above for every group of settings, both sets of records and every round. Rounds beyond ROUNDS can be
# asked for by name.

$(foreach group,train test sample saliency step rounds,$(eval $(call stamp-rule,$(group))))
$(eval $(call records-rule,train,$$(EXAMPLES),$(TRAIN_FILE)))
$(eval $(call records-rule,test,$$(TEST),$(TEST_FILE)))
$(eval $(call test-rules,0,$(WORK)/round-0,))

asked := $(shell printf '%s\n' $(ROUNDS) $(patsubst round-%,%,$(filter round-%,$(subst /, ,$(MAKECMDGOALS)))) \
  | awk '/^[0-9]+$$/ && $$1 < 1000 && $$1 > most { most = $$1 } END { print most + 0 }')
$(foreach round,$(if $(filter-out 0,$(asked)),$(shell seq 1 $(asked))),\
  $(eval $(call round-rules,$(round),$(WORK)/round-$(round),$(if $(filter-out 1,$(round)),$(WORK)/round-$(shell echo $$(($(round) - 1)))/adapter)))\
  $(eval $(call test-rules,$(round),$(WORK)/round-$(round),$(WORK)/round-$(round)/adapter)))

endif
