# Trivisor: every verb. `make help` explains them; the packages that they need are in packages/.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL := /bin/sh

include src/src.mk
include guests/guests.mk
include tests/tests.mk
include labs/labs.mk

# Verbs share what they build: one after another, whatever -j says, and each uses all processors.
ifneq ($(filter run test test-long fuzz fuzz-pv fuzz-emulate fuzz-image check boot linux debug trace trace-diff iso bench-core test-mutants fresh-check fresh-check-labs,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
JOBS   := $(shell nproc)
BUILD_JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
PYTHON := python3 -B

# What `make boot`, `make debug` and `make iso` act on. `make run` takes GUESTS, MODES and XEN.
MODE  ?= ept
GUEST ?= hello
EMU   ?= bochs
BUILD ?= release
ARGS  ?=
OPTIONS ?=
CONFIG ?=
KERNEL ?=
INITRD ?=
CMDLINE ?=
MODES ?=
XEN   ?=

# GUESTS as the user gave it, or nothing: guests.mk has a variable of that name, too.
WANTED := $(if $(filter command line environment,$(origin GUESTS)),$(GUESTS))
# What can be built: a mode whose folders are all there.
built_modes  := $(foreach m,$(HV_MODES),$(if $(filter-out $(wildcard $(HV_DIRS_$(m))),$(HV_DIRS_$(m))),,$(m)))
hypervisors_of = $(built_modes:%=build/%/$(1)/trivisor.elf)
all_guests   := $(patsubst guests/%/main.c,%,$(wildcard $(patsubst %,guests/%/main.c,$(GUEST_ORDER) $(GUEST_APART))))

.PHONY: help run test test-long fuzz fuzz-pv fuzz-emulate fuzz-image check boot linux debug trace trace-diff iso bench-core doctor fresh-check fresh-check-labs test-mutants setup setup-run setup-test setup-linux \
    setup-docs tour hypercalls grade-all labs-pdf clean build-run build-debug

help: ## what can be made
	@echo "make VERB, and what it does:"
	@sed -n 's/^\([a-z][a-z._-]*\):.*## /\1: /p' Makefile labs/labs.mk | awk '{ verb = $$1; sub(/:$$/, "", verb); sub(/^[^ ]* */, ""); printf "  %-22s %s\n", verb, $$0 }' $(without_teachers)
	@echo "MODE: native, shadow, ept, pv (xen-pv, xen-pvh). GUEST: $(all_guests)."
	@echo "EMU: bochs, qemu (native and pv), kvm (untested). BUILD: release, debug. ARGS: for the guest. OPTIONS: for the hypervisor. CONFIG: for the domain (docs/formats.md)."

setup: setup-run setup-test ## install what is missing of what running and testing need
setup-run:
	@tools/install run
setup-test:
	@tools/install run test
setup-docs:
	@tools/install docs

build-run:
	@$(MAKE) -s $(BUILD_JOBS) GUESTS="$(all_guests)" $(call hypervisors_of,release) guests
build-debug:
	@$(MAKE) -s $(BUILD_JOBS) GUESTS="$(all_guests)" $(call hypervisors_of,debug) guests
ifneq ($(filter build-run,$(MAKECMDGOALS)),)
build-debug: | build-run # both make the guests: one after the other
endif

# GUEST=labs/LAB/GUEST is a guest of a lab's own.
build-lab-guests = $(if $(filter labs/%,$(GUEST)),$(MAKE) -s $(BUILD_JOBS) lab-guests,:)

run: setup-run $(if $(LINUX),setup-linux) ## boot every guest in every column and compare [GUESTS="a b"] [MODES="native ept"] [XEN=1] [LINUX=1]
	@$(PYTHON) tools/run.py $(run_arguments) --check
	@$(MAKE) build-run
	@$(PYTHON) tools/run.py $(run_arguments)
run_arguments = --guests "$(WANTED)" --modes "$(MODES)" $(if $(XEN),--xen) $(if $(LINUX),--linux)

test-long: setup-test setup-linux ## longer tests: the emulator against Unicorn; fuzzers; page tables in all states; a leaf of 1 GiB; Linux as a PV domain under Bochs, as its bzImage, its clock over a minute; random code as guests [CASES=20000000] [SEED=1] [SECONDS=300]
	@$(MAKE) -s $(BUILD_JOBS) host-tests
	@$(MAKE) build-run
	@$(MAKE) build-debug
	@$(PYTHON) tests/long.py $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) \
	    $(if $(SECONDS),--seconds $(SECONDS))

fuzz-emulate: setup-test ## the emulator under libFuzzer [SECONDS=60]
	@$(MAKE) -s $(BUILD_JOBS) build/fuzz/fuzz_emulate
	@mkdir -p build/fuzz/corpus
	@cd build/fuzz && ./fuzz_emulate -max_total_time=$(if $(SECONDS),$(SECONDS),60) -max_len=39 -print_final_stats=1 corpus

fuzz-image: setup-test ## kernels' files under libFuzzer, from our own as seeds [SECONDS=60]
	@$(MAKE) -s $(BUILD_JOBS) build/fuzz/fuzz_image $(KERNELS) build/guests/hello.elf
	@mkdir -p build/fuzz/corpus-image
	@cp $(KERNELS) build/fuzz/corpus-image/
	@head -c 16384 build/guests/hello.elf > build/fuzz/corpus-image/hello
	@cd build/fuzz && ./fuzz_image -max_total_time=$(if $(SECONDS),$(SECONDS),60) -max_len=49152 -print_final_stats=1 corpus-image

fuzz-pv: setup-test ## the hypercalls under libFuzzer [SECONDS=60]
	@$(MAKE) -s $(BUILD_JOBS) build/fuzz/fuzz_pv
	@mkdir -p build/fuzz/corpus-pv
	@cd build/fuzz && setarch -R ./fuzz_pv -max_total_time=$(or $(SECONDS),60) -max_len=1400 -len_control=0 -print_final_stats=1 corpus-pv

fuzz: ## the hypercalls for an hour, the emulator and kernels' files for 20 minutes each [SECONDS=, of each]
	@$(MAKE) fuzz-pv SECONDS=$(or $(SECONDS),3600)
	@$(MAKE) fuzz-emulate SECONDS=$(or $(SECONDS),1200)
	@$(MAKE) fuzz-image SECONDS=$(or $(SECONDS),1200)

test: setup-test setup-linux ## everything that can be tested; ends with `N passed, N failed`
	@$(MAKE) -s $(BUILD_JOBS) host-tests build/fuzz/fuzz_pv
	@$(MAKE) build-debug
	@$(MAKE) check
	@$(PYTHON) tests/run.py

boot: setup-run ## one guest, its console live: MODE= GUEST= EMU= [BUILD=debug] [ARGS=...] [CONFIG=...]; or KERNEL=path [INITRD=path] [CMDLINE="..."] [MEM=128M]
	@$(PYTHON) tools/boot.py $(boot_arguments) --check
	@$(MAKE) build-$(if $(filter debug,$(BUILD)),debug,run) built_modes="$(filter $(MODE),$(built_modes))"
	@$(build-lab-guests)
	@$(PYTHON) tools/boot.py $(boot_arguments) --args "$(ARGS)" --config "$(CONFIG)" --options "$(OPTIONS)"
boot_arguments = --mode "$(MODE)" --guest "$(GUEST)" --emu "$(EMU)" --build "$(BUILD)" \
    $(if $(KERNEL),--kernel "$(KERNEL)" --initrd "$(INITRD)" --cmdline '$(CMDLINE)' --mem "$(or $(MEM),128M)",$(if $(INITRD)$(CMDLINE),--initrd "$(INITRD)" --cmdline '$(CMDLINE)'))

ifeq ($(LAB),)
debug: setup-test ## one guest in a debugger, with names: MODE= GUEST= EMU=bochs (the desk), qemu (gdb, native and pv) or dump (gdb: AT=function [TIMES=])
	@$(PYTHON) tools/debug.py $(debug_arguments) --check
	@$(MAKE) build-debug
	@$(build-lab-guests)
	@$(PYTHON) tools/debug.py $(debug_arguments) --args "$(ARGS)" --options "$(OPTIONS)"
else
debug: setup-test ## a lab's guest in the debugger: LAB= [MODE=], or a test of its host part in gdb: LAB= TEST=
	@$(LABS_TOOL) debug $(debug_lab_arguments)
endif
debug_lab_arguments = --lab "$(LAB)" --mode "$(if $(filter command,$(firstword $(origin MODE))),$(MODE))" --test "$(TEST)" --emu "$(EMU)"
debug_arguments = --mode "$(MODE)" --guest "$(GUEST)" --emu "$(EMU)" --at "$(AT)" --times "$(or $(TIMES),1)"

trace: setup-run ## what happens in a run, for Perfetto's viewer and as text: MODE= GUEST= [KINDS=exits,shadow] [IN=regions] [KIB=] [EMU=]
	@$(PYTHON) tools/trace.py $(trace_arguments) --check
	@$(MAKE) build-$(if $(filter debug,$(BUILD)),debug,run)
	@$(build-lab-guests)
	@$(PYTHON) tools/trace.py $(trace_arguments) --args "$(ARGS)"
trace_arguments = --mode "$(MODE)" --guest "$(GUEST)" --emu "$(EMU)" --build "$(BUILD)" --kinds "$(or $(KINDS),all)" \
    --scope "$(or $(IN),life)" --kib "$(or $(KIB),16384)"

trace-diff: setup-run ## the same operations of a guest's in two modes, exit by exit: A=shadow B=ept GUEST=fault [FIGURE=name]
	@$(PYTHON) tools/trace_diff.py $(trace_diff_arguments) --check
	@$(MAKE) build-$(if $(filter debug,$(BUILD)),debug,run)
	@$(PYTHON) tools/trace_diff.py $(trace_diff_arguments) --args "$(ARGS)"
trace_diff_arguments = --a "$(or $(A),shadow)" --b "$(or $(B),ept)" --guest "$(GUEST)" --figure "$(FIGURE)" --build "$(BUILD)"

setup-linux:
	@tools/install linux
linux: setup-run setup-linux ## Debian's own kernel to a shell here: MODE= EMU= [PLAIN=1] [TEST=1] [WORDS=...] [MEM=128M]
	@$(PYTHON) tools/linux.py $(linux_arguments) --check
	@$(MAKE) build-$(if $(filter debug,$(BUILD)),debug,run)
	@$(PYTHON) tools/linux.py $(linux_arguments)
linux_arguments = --mode "$(MODE)" --emu "$(if $(filter command line environment,$(origin EMU)),$(EMU))" --build "$(BUILD)" --words "$(WORDS)" --mem "$(or $(MEM),128M)" \
    $(if $(PLAIN),--plain) $(if $(TEST),--test)

why: ## why the last run that failed did so, in words [BOOT=folder of build/boots]
	@$(PYTHON) tools/why.py --boot "$(BOOT)"
.PHONY: why

iso: setup-run ## a bootable image for real hardware: MODE= [GUESTS="a b"] [BUILD=debug]
	@$(PYTHON) tools/iso.py --mode "$(MODE)" --guests "$(WANTED)" --check
	@$(MAKE) build-$(if $(filter debug,$(BUILD)),debug,run)
	@$(PYTHON) tools/iso.py --mode "$(MODE)" --guests "$(WANTED)" --build "$(BUILD)"

doctor: ## look whether this machine has all the tools; changes nothing
	@$(PYTHON) tools/doctor.py

compile_commands.json: FORCE ## for editors: how each file is compiled
	@$(PYTHON) tools/compile_commands.py --hypervisor '$(HV_CFLAGS) $(HV_CFLAGS_debug)' \
	    --kernel '$(GUEST_KERNEL_FLAGS)' --user '$(GUEST_USER_FLAGS)' --plain '$(KERNEL_FLAGS)' --test '$(TEST_CFLAGS)'
.PHONY: FORCE
FORCE:

check: setup-test compile_commands.json ## formatting, headers alone, clang-tidy, cppcheck, sizes, package lists, the tour
	@$(PYTHON) tests/check/check.py

tour: ## docs/tour.md, the reading order through the code, from the comments that begin with "Tour N:"
	@$(PYTHON) tools/tour.py

exits: ## docs/exits.md, the answer to every VM-exit reason, from src/cpu/vmx/exit_answers.inc
	@$(PYTHON) tools/exits_page.py
.PHONY: exits

cpuid: ## docs/cpuid.md, what a guest sees of each feature bit of CPUID, from src/cpu/cpuid_features.inc
	@$(PYTHON) tools/cpuid_page.py
.PHONY: cpuid

hypercalls: ## docs/hypercalls.md, the answer to every hypercall of the ABI, from the dispatch table and Xen's headers
	@$(PYTHON) tools/hypercalls.py

grade-all: setup-test ## a class: LAB= DIR=folder of archives, one line a student [CSV=file] [AT_ONCE=2]
	@$(PYTHON) tools/grade_all.py --lab "$(LAB)" --dir "$(DIR)" --csv "$(CSV)" --jobs "$(AT_ONCE)"

labs-pdf: setup-docs ## the handouts as HTML and PDF, in build/labs-pdf/ [LAB="walk ept"]
	@$(PYTHON) tools/labs_pdf.py --lab "$(LAB)"

bench-core: setup-run ## each measured operation beside its ceiling; fails if one is missed
	@$(MAKE) build-run
	@$(PYTHON) tools/bench.py

test-mutants: setup-test ## planted bugs: each must be caught by the test named for it
	@$(MAKE) -s $(BUILD_JOBS) host-tests
	@$(PYTHON) tests/mutants/run.py

fresh-check: ## (root) the README's first command in a new Debian 12, made by debootstrap
	@command -v debootstrap >/dev/null || tools/install test
	@tools/fresh-check

fresh-check-labs: ## (root) the same for the labs' handouts: each builds there, and shows the failures that it states
	@command -v debootstrap >/dev/null || tools/install test
	@tools/fresh-check tests/labs/fresh-handouts

clean: ## remove everything that was built
	@rm -rf build compile_commands.json
