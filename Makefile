# nlft: build, test and run the loop. `make help` lists everything.
# Recipes are in pipelines/*/Makefile; their files can be asked for by name from here.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

# How Swift is called.
SWIFT = swift
SWIFTC = swiftc

# The Python environment of test-interchange: the bench's if it is there.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nlft
VENV = $(firstword $(wildcard $(cache)/interchange-venv $(cache)/peers) $(cache)/interchange-venv)

# Where `make install` puts things; DESTDIR before it, for packages.
PREFIX = /usr/local
DESTDIR =
# The products of the package.
tools := $(shell awk -F '"' '/^ *\.executable.name: "/ { print $$2 }' Package.swift)

.PHONY: help setup build manuals install uninstall test-install model demo report pipe metrics ablation bench smoke faults spread data test test-mpi test-interchange test-tiles fuzz sanitize format lint clean

help: ## This list
	@echo 'make TARGET [VARIABLE=VALUE…]'
	@echo
	@awk -F '(:[a-z ]*)?## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Any file of a recipe can be asked for by name, for example pipelines/demo/work/round-2/judged.jsonl.'
	@echo 'A changed setting, record, prompt or model re-runs what follows from it and nothing else; THREADS and'
	@echo 'rebuilt tools do not (remove pipelines/demo/work, or the files in question, to run them again).'
	@echo
	@echo 'Variables and their values for the demo:'
	@echo
	@awk '/^# / { meaning = substr($$0, 3) } /^[A-Z_]+ =/ { printf "  %-17s %-32s %s\n", $$1, $$3, meaning }' \
	  pipelines/demo/Makefile

setup: ## Install what is missing: libopenblas-dev, libzstd-dev, zlib1g-dev, libcurl4-openssl-dev, pkg-config, python3-pip
	@pipelines/setup.sh

build: setup ## Build the eight tools into .build/release; MPI=1: nlft-step for several processes, by Open MPI
	@$(if $(MPI),pipelines/setup.sh $(mpi-packages))
	$(SWIFT) build -c release $(if $(MPI),--traits MPI)

model: setup ## Fetch SmolLM2-135M-Instruct (98 MB, once, into ~/.cache/nlft)
	@$(MAKE) --no-print-directory -f pipelines/demo/Makefile model

manuals: build ## Man pages and completions for bash, zsh and fish, into .build/manuals
	@SWIFT='$(SWIFT)' pipelines/install/manuals.sh $(tools)

install: ## Install tools, man pages and completions below PREFIX=/usr/local; DESTDIR
	@pipelines/install/install.sh install '$(DESTDIR)$(PREFIX)' '$(PREFIX)' $(tools)
# Root of `sudo make install` takes what was built: it may have no Swift, and should leave no files of its own here.
ifndef SUDO_USER
install: manuals
endif

uninstall: ## Remove what `make install` put below PREFIX, and nothing else
	@pipelines/install/install.sh uninstall '$(DESTDIR)$(PREFIX)'

test-install: manuals ## Install into a temporary folder, and try tools, man pages and completions there
	@Tests/Installation/check.sh $(tools)

demo: ## The whole loop with a real model on two cores; ends with a table
report: ## The demo's run as one HTML page, pipelines/demo/work/report.html, with a saliency map of each round
pipe: ## One round of the demo as a single pipe, no files but the archives
ablation: build model ## NLFT against its rivals, about an hour: pipelines/ablation/README.md; DATA=FOLDER adds SVAMP
	@pipelines/setup.sh gnuplot=gnuplot-nox
	@$(MAKE) --no-print-directory -f pipelines/ablation/Makefile table
	@$(MAKE) --no-print-directory -f pipelines/ablation/Makefile report

metrics: ## Feed a run's training metrics to TensorBoard, or TO=wandb (offline); WORK: pipelines/metrics/README.md
	@pipelines/metrics/feed.sh '$(or $(TO),tensorboard)' '$(or $(WORK),pipelines/demo/work)'

bench: build model ## Speed and memory beside others: pipelines/bench/README.md; PEERS=1 runs those too
	@$(MAKE) --no-print-directory -f pipelines/bench/Makefile bench

smoke: build ## The whole loop on a tiny generated model, and what Make promises about it
	@pipelines/smoke/check.sh

faults: build ## End every tool, and make, at random moments, 400 times or KILLS, and look for what is lost; SEED
	@$(MAKE) --no-print-directory -f pipelines/smoke/Makefile model
	@pipelines/faults/check.sh kills '$(or $(KILLS),400)' $(SEED)

spread: build ## A round in shards over ssh and by Slurm, both set up here for it; parts are killed, results compared
	@REQUIRED=yes pipelines/slurm/check.sh

data: ## Check the demo's problems: every answer, and that their generator writes them
	@mkdir -p .build
	$(SWIFTC) -O pipelines/demo/generate.swift -o .build/generate
	@.build/generate --check pipelines/demo

test: setup data ## All tests: of the libraries, the tools, the demo's problems, the smoke test, faults, installation
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build
	@$(MAKE) --no-print-directory smoke
	@$(MAKE) --no-print-directory faults KILLS=80
	@$(MAKE) --no-print-directory test-install

test-mpi: setup ## nlft-step on several processes: installs Open MPI, builds into .build/mpi, 1, 2 and 3 ranks
	@pipelines/setup.sh $(mpi-packages)
	$(SWIFT) build -c release --traits MPI --scratch-path .build/mpi --product nlft-step
	NLFT_MPI_TOOLS='$(CURDIR)/.build/mpi/release' $(SWIFT) test -c release --filter 'RankTests|LaunchTests'

test-interchange: build model ## Exchange adapters and models with transformers, peft and llama.cpp, installed into VENV
	@pipelines/install-peers.sh '$(VENV)' Tests/Interchange/requirements.txt \
	  gguf llama_cpp numpy peft tokenizers torch transformers zstandard
	@pipelines/fetch-model.sh '$(cache)/gemma-3-270m-q4_k_m.gguf'
	@'$(VENV)/bin/python' Tests/Interchange/interchange.py '$(cache)/SmolLM2-135M-Instruct.Q4_1.gguf' \
	  '$(cache)/gemma-3-270m-q4_k_m.gguf'

fuzz: setup ## Feed the readers of all files with broken ones for SECONDS=600 in all, under the address sanitizer
	@SWIFT='$(SWIFT)' Tests/Fuzzing/fuzz.sh $(or $(SECONDS),600)

# Swift has no sanitizer of undefined behaviour on Linux; its own checks are on in all but the kernels. C has one.
sanitize: setup ## All tests under the address and (for C) undefined-behaviour sanitizers; ten minutes
	$(SWIFT) build -c release --build-tests --scratch-path .build/sanitize --sanitize=address -Xcc -fsanitize=undefined
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 SWIFT_BACKTRACE=enable=no \
	  $(SWIFT) test -c release --skip-build --scratch-path .build/sanitize --sanitize=address -Xcc -fsanitize=undefined

# Where the processor has AMX, the ordinary tests run these kernels.
test-tiles: setup ## All tests with the kernels for AMX on a processor without it, its tile registers emulated; six minutes
	$(SWIFT) build -c release --build-tests --traits EmulatedTiles --scratch-path .build/tiles
	$(SWIFT) test -c release --skip-build --traits EmulatedTiles --scratch-path .build/tiles

format: ## Format the sources in place
	$(SWIFT) format --in-place --recursive $(swift-sources)

lint: ## Check the sources' format and the scripts' syntax
	$(SWIFT) format lint --strict --recursive $(swift-sources)
	@for script in $(scripts); do bash -n "$$script"; done
	@if command -v shellcheck > /dev/null; then shellcheck $(scripts); fi

clean: ## Remove what was built and the recipes' results; the fetched model stays
	rm -rf .build pipelines/*/work

# What is looked for, a command or a library of pkg-config, and Debian's package of it.
mpi-packages := mpirun=openmpi-bin ompi-c=libopenmpi-dev

scripts := pipelines/*.sh pipelines/*/*.sh Tests/*/*.sh .ci/run
swift-sources := Package.swift Sources Tests pipelines

# One Make runs all goals of a recipe: two side by side would write the same files.
# $(1) recipe, $(2) its goals on this command line
define recipe-rule
.PHONY: run-$(1)
$(2): run-$(1)
	@:
run-$(1): build
	$(if $(filter report %/report.html,$(2)),@pipelines/setup.sh gnuplot=gnuplot-nox)
	@$$(MAKE) --no-print-directory -f pipelines/$(1)/Makefile model
	@$$(MAKE) --no-print-directory -f pipelines/$(1)/Makefile $(patsubst demo,table,$(2))
endef
goals = $(filter pipelines/$(1)/work/% $(if $(filter demo,$(1)),demo report pipe),$(MAKECMDGOALS))
$(foreach recipe,$(patsubst pipelines/%/Makefile,%,$(wildcard pipelines/*/Makefile)),\
  $(if $(call goals,$(recipe)),$(eval $(call recipe-rule,$(recipe),$(call goals,$(recipe))))))
