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

# test_build NAME, as unit/test_walk
define test_build
TEST_OBJ_$(1) := $$(patsubst %.c,build/tests/obj/%.o,tests/$(1).c $$(wildcard $$(call test_head,tests/$(1).c,sources)))

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
