# One Make at a time in a work folder: two would write the same files. Rules that write there stand behind
# `ifneq ($(holds-lock),)`. A Make that does not hold the lock starts another that does (locked.sh), with the same goals
# and settings, and knows no other rules; make -n, -q and -t only look, and need none.

locked-goals := $(filter-out model %/model.safetensors,$(or $(MAKECMDGOALS),table))
only-looks := $(strip $(foreach flag,n q t,$(findstring $(flag),$(firstword -$(MAKEFLAGS)))))

ifneq ($(or $(filter $(abspath $(WORK)),$(NLFT_LOCKED)),$(only-looks),$(if $(locked-goals),,none)),)
holds-lock := yes
else
holds-lock :=
.PHONY: $(locked-goals) run-under-lock
$(locked-goals): run-under-lock
	@:
run-under-lock:
	+@NLFT_LOCKED='$(strip $(NLFT_LOCKED) $(abspath $(WORK)))' pipelines/locked.sh $(WORK) \
	  $(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $(locked-goals)
endif
