# The host tests: every tests/unit/test_*.c and tests/model/test_*.c is a program of its own,
# build/tests/NAME. What it is linked with stands at its head: `// sources: FILES` (on several
# lines if need be) and `// libs: -lNAME`. Logic under test is compiled with the sanitizers on.

HOST_TEST_SRC := $(sort $(wildcard tests/unit/test_*.c tests/model/test_*.c))
HOST_TESTS    := $(HOST_TEST_SRC:tests/%.c=build/tests/%)

TEST_CC     ?= gcc
TEST_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -DHOST_TEST -DDEBUG_BUILD -fsanitize=address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer -iquote src/include -iquote tests -iquote tests/unit \
    -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__

# test_head FILE KEY: the words after `// KEY:` at the head of a test.
test_head = $(shell sed -n 's,^// $(2): *,,p' $(1))

build/tests/obj/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	@$(TEST_CC) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

# The small machine of tests/pvworld: nearly all of src/pv/, with instructions that act on variables.
PVWORLD_SRC := $(filter-out $(addprefix src/pv/,build_layout.c build_start.c builder.c cpuid_pv.c guest_memory.c m2p.c pit_pv.c \
        report_pv.c trace_pv.c virt_pv.c),$(wildcard src/pv/*.c)) \
    $(wildcard src/cpu/emulate/*.c) src/core/frame.c src/core/tlb.c src/core/timer.c src/core/format.c \
    $(wildcard tests/pvworld/*.c) tests/unit/stub_panic.c \
    tests/unit/stub_heap.c tests/unit/stub_pages.c
PVWORLD_FLAGS := -include tests/pvworld/insn.h

build/tests/world/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	@$(TEST_CC) $(TEST_CFLAGS) $(PVWORLD_FLAGS) -MMD -MP -c -o $@ $<
PVWORLD_OBJ := $(PVWORLD_SRC:%.c=build/tests/world/%.o)
-include $(PVWORLD_OBJ:.o=.d)

# test_build NAME, as unit/test_walk. `// world: pv` at its head: linked with the small machine.
define test_build
TEST_OBJ_$(1) := $$(patsubst %.c,build/tests/obj/%.o,tests/$(1).c $$(wildcard $$(call test_head,tests/$(1).c,sources))) $$(if $$(call test_head,tests/$(1).c,world),$$(PVWORLD_OBJ))

build/tests/$(1): $$(TEST_OBJ_$(1))
	@mkdir -p $$(@D)
	@$$(TEST_CC) $$(TEST_CFLAGS) -o $$@ $$^ -lcmocka $$(call test_head,tests/$(1).c,libs)

-include $$(TEST_OBJ_$(1):.o=.d)
endef

.PHONY: host-tests
host-tests: $(HOST_TESTS)
$(foreach t,$(HOST_TEST_SRC:tests/%.c=%),$(eval $(call test_build,$(t))))

# What is fuzzed: build/fuzz/NAME from tests/fuzz/NAME.c, by clang.
FUZZ_CC     ?= clang
FUZZ_CFLAGS := $(TEST_CFLAGS) -fsanitize=fuzzer -O2 \
    -Wno-initializer-overrides

build/fuzz/fuzz_emulate: tests/fuzz/fuzz_emulate.c tests/unit/stub_emulate_world.c $(wildcard src/cpu/emulate/*.[ch] src/include/*.h)
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka

build/fuzz/fuzz_image: tests/fuzz/fuzz_image.c src/core/elf_image.c src/core/format.c $(wildcard src/cpu/image/*.[ch] src/include/*.h)
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^)

build/fuzz/fuzz_pv: tests/fuzz/fuzz_pv.c $(PVWORLD_SRC) $(wildcard tests/pvworld/*.h src/pv/*.h src/include/*.h) tests/tests.mk
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(PVWORLD_FLAGS) -o $@ $(filter %.c,$^)
