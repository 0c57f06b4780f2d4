# The labs: their verbs and their own guests: build/labs/NAME/GUEST.elf from labs/NAME/GUEST/ (a folder whose name begins
# with `guest` and that has a main.c), the guests' kit, and labs/kit/grade_guest.c with this run's
# key, build/labs/secret/grade_secret.h, which the grader writes. Needs guests/guests.mk.

# A student's tree has no tests of ours, and hands nothing out.
TEACHERS := test test-long fuzz fuzz-emulate fuzz-pv fuzz-image exits hypercalls check tour test-mutants fresh-check fresh-check-labs labs-pdf grade-all handout handout-all check-labs check-labs-all
ifneq ($(wildcard labs/handout),)
ifneq ($(filter $(TEACHERS),$(MAKECMDGOALS)),)
$(error A student's tree has no `make $(firstword $(filter $(TEACHERS),$(MAKECMDGOALS)))`: `make grade LAB=$(shell cat labs/handout)` tests your work)
endif
without_teachers = | grep -vE '^  ($(subst $(eval) ,|,$(TEACHERS))) '
endif

LAB_OUT    := build/labs
LAB_GUESTS := $(patsubst labs/%/main.c,%,$(wildcard labs/*/guest*/main.c))
LAB_KEY    := $(LAB_OUT)/secret/grade_secret.h
# A student's guest sees no key, and none is there while it is compiled.
LAB_FLAGS  = $(call guest_flags,$<) -iquote $(<D) -iquote labs/kit $(if $(findstring /guest_attack/,$<),,-iquote $(LAB_OUT)/secret)

# Without a grader any key does.
$(LAB_KEY):
	@mkdir -p $(@D)
	@printf '#define GRADE_SECRET_0 0\n#define GRADE_SECRET_1 0\n#define GRADE_NONCE 0\n' > $@

$(LAB_OUT)/obj/%.c.o: labs/%.c guests/guests.mk labs/labs.mk | $(LAB_KEY)
	@mkdir -p $(@D)
	@$(GUEST_CC) $(LAB_FLAGS) -MMD -MP -c -o $@ $<

$(LAB_OUT)/obj/%.asm.o: labs/%.asm $(GUEST_OUT)/obj/abi.inc $(wildcard guests/kit/*.inc labs/*/*/*.inc) guests/guests.mk labs/labs.mk
	@mkdir -p $(@D)
	@nasm -f elf64 -g -F dwarf -I$(GUEST_OUT)/obj/ -Iguests/kit/ -I$(<D)/ -o $@ $<

# lab_guest LAB/GUEST
define lab_guest
LAB_OBJ_$(1) := $$(patsubst labs/%,$(LAB_OUT)/obj/%.o,$$(wildcard labs/$(1)/*.c labs/$(1)/*.asm) \
    $(if $(findstring /guest_attack,$(1)),,labs/kit/grade_guest.c))

$(LAB_OUT)/$(1).elf: $$(LAB_OBJ_$(1)) $(GUEST_KIT_OBJ) guests/guest.ld
	@mkdir -p $$(@D)
	@ld $(GUEST_LDFLAGS) -o $$@ $(GUEST_KIT_OBJ) $$(LAB_OBJ_$(1))
	@echo "built $$@"

-include $$(LAB_OBJ_$(1):.o=.d)
endef

.PHONY: lab-guests
lab-guests: $(LAB_GUESTS:%=$(LAB_OUT)/%.elf)
$(foreach g,$(LAB_GUESTS),$(eval $(call lab_guest,$(g))))

# A header that is checked alone needs the key's, too.
$(LAB_OUT)/obj/kit/grade_guest.c.o: $(LAB_KEY)

# A lab's vectors: what the model of tests/model/NAME_vectors.c says. A student's tree has them ready.
.PRECIOUS: build/labs/%/make_vectors
build/labs/%/make_vectors: tests/model/%_vectors.c $(wildcard tests/model/*.[ch])
	@mkdir -p $(@D)
	@$(TEST_CC) $(TEST_CFLAGS) -o $@ $< $(call test_head,$<,sources)

build/labs/%/vectors: build/labs/%/make_vectors
	@$< 1 > $@

# The verbs. A student's tree has them, too.
LAB     ?=
DIR     ?=
EARLIER ?=
SUBMISSION ?=
JSON    ?=
JUNIT   ?=
SEED    ?=
LABS    ?=
LABS_TOOL = $(PYTHON) tools/labs.py

STUDENT ?= $(shell id -un)
TEST    ?=

.PHONY: handout handout-all grade handin check-labs check-labs-all
handout: setup-run ## a student's tree of a lab: LAB= DIR= [EARLIER=holes: earlier labs are not solved in it]
	@$(LABS_TOOL) handout --lab "$(LAB)" --dir "$(DIR)" --earlier "$(EARLIER)"

handout-all: setup-run ## a student's tree of every lab, DIR/NAME: DIR= [EARLIER=holes]
	@$(LABS_TOOL) handout-all --dir "$(DIR)" --earlier "$(EARLIER)"

grade: setup-test ## what a lab's solution scores: LAB= [SUBMISSION=folder|archive] [JSON=file] [JUNIT=file] [SEED=]
	@$(LABS_TOOL) grade --lab "$(LAB)" --submission "$(SUBMISSION)" --json "$(JSON)" --junit "$(JUNIT)" --seed "$(SEED)"

handin: setup-test ## an archive to hand in, of what is committed, if it builds: LAB= [STUDENT=name]
	@$(LABS_TOOL) handin --lab "$(LAB)" --student "$(STUDENT)"

check-labs: setup-test ## grades the graders: solutions, holes and wrong solutions score what they should [LABS="walk ept"]
	@$(LABS_TOOL) check --labs "$(LABS)"

check-labs-all: setup-test ## the same with every boot of every lab; takes long [LABS=...]
	@$(LABS_TOOL) check-all --labs "$(LABS)"

# For tools/labs.py: how a file of the hypervisor is compiled.
.PHONY: lab-flags-debug lab-flags-release lab-flags-host
lab-flags-host:
	@echo '$(TEST_CFLAGS)'
lab-flags-debug lab-flags-release: lab-flags-%:
	@echo '$(HV_CFLAGS) $(HV_CFLAGS_$*)'
