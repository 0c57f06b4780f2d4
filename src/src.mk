# The hypervisor: build/MODE/BUILD/trivisor.elf for MODE in shadow, ept, pv and BUILD in debug,
# release. Each mode is a list of folders; every .c, .asm and .S in them belongs to it (a student's
# tree has what belongs to a later lab as .S).

HV_MODES  := shadow ept pv
HV_BUILDS := debug release

HV_DIRS_all    := src/boot src/core
HV_DIRS_shadow := $(HV_DIRS_all) src/io src/cpu src/cpu/image src/cpu/vmx src/cpu/vmx/check src/cpu/emulate src/mmu-shadow
HV_DIRS_ept    := $(HV_DIRS_all) src/io src/cpu src/cpu/image src/cpu/vmx src/cpu/vmx/check src/cpu/emulate src/mmu-ept
HV_DIRS_pv     := $(HV_DIRS_all) src/io src/cpu/emulate src/pv
HV_SKIP        := src/core/asm_offsets.c

HV_CC    ?= gcc
HV_COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
HV_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes \
    -ffreestanding -fno-stack-protector -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only \
    -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-strict-aliasing -fcf-protection=none \
    -fno-tree-loop-distribute-patterns -iquote src/include -Isrc/include/libc
HV_CFLAGS_debug   := -DDEBUG_BUILD
# The image has a ceiling: files are made for size, but for these, which are on the ways that guests take often.
hv_in = $(patsubst %,src/$(1)/%.c,$(2))
HV_FAST := \
    $(call hv_in,core,extable frame ledger run_queue sched string timer tlb trivisor_op wall_clock) \
    $(call hv_in,cpu,cpuid dirty_command event_full exits flush mmio_quick msr string_io table_store virt) \
    $(call hv_in,cpu/emulate,access alu alu_decimal decode decode_vector emulate exec_short opcode_groups \
        opcodes opcodes_0f) \
    $(call hv_in,cpu/vmx,exit flush regs run switch vendor) \
    $(call hv_in,io,board io_space ioapic lapic lapic_msr uart) \
    $(call hv_in,mmu-ept,dirty_log ept paging_ept physmap_ept stage2) \
    $(call hv_in,mmu-shadow,entry fill leaf out_of_sync paging_shadow prefetch quick second_stage sync) \
    $(call hv_in,pv,bounce callbacks console_ring control_registers debug_registers descriptor_tables event_bind \
        event_channel foreign grant_access grant_copy grant_map grant_table guest_memory held \
        hypercall m2p memory_exchange memory_op mmu_update mmuext_op multicall nmi_op \
        page_type page_undo physdev_op privileged pv_time roots runstate sched_op segment \
        segments table table_write time_scale trace_pv trap unbuild vcpu_op virt_pv \
        xen_version)
HV_CFLAGS_release := -fomit-frame-pointer -ffunction-sections -fdata-sections \
    -malign-data=abi -fno-align-functions -fno-align-jumps -fno-align-loops -fno-align-labels
HV_LDFLAGS := -nostdlib -static -T src/hypervisor.ld -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments \
    --build-id=none --gc-sections

# hv_build MODE BUILD
define hv_build
HV_OUT_$(1)_$(2)  := build/$(1)/$(2)
HV_SRC_$(1)       := $$(filter-out $$(HV_SKIP),$$(foreach d,$$(HV_DIRS_$(1)),$$(wildcard $$(d)/*.c $$(d)/*.asm $$(d)/*.S)))
HV_OBJ_$(1)_$(2)  := $$(HV_SRC_$(1):%=build/$(1)/$(2)/%.o)

build/$(1)/$(2)/asm_offsets.inc: src/core/asm_offsets.c src/src.mk
	@mkdir -p $$(@D)
	@$$(HV_CC) $$(HV_CFLAGS) $$(HV_CFLAGS_$(2)) -MD -MP -MF $$(@D)/asm_offsets.d -MT $$@ -S -o $$(@D)/asm_offsets.s $$<
	@sed -n 's/^->\([A-Za-z0-9_]*\) \(.*\)/%define \1 \2/p' $$(@D)/asm_offsets.s > $$@

build/$(1)/$(2)/%.c.o: %.c src/src.mk
	@mkdir -p $$(@D)
	@$$(HV_CC) $$(HV_CFLAGS) $$(HV_CFLAGS_$(2)) $$(if $$(filter $$(HV_FAST),$$<),,-Oz) -DMODE_NAME='"$(1)"' -DBUILD_NAME='"$(2)"' -MMD -MP -c -o $$@ $$<

build/$(1)/$(2)/%.S.o: %.S src/src.mk
	@mkdir -p $$(@D)
	@$$(HV_CC) $$(HV_CFLAGS_$(2)) -c -o $$@ $$<

build/$(1)/$(2)/%.asm.o: %.asm build/$(1)/$(2)/asm_offsets.inc $(wildcard src/*/*.inc) src/src.mk
	@mkdir -p $$(@D)
	@nasm -f elf64 -g -F dwarf -Isrc/include/ -Ibuild/$(1)/$(2)/ -o $$@ $$<

build/$(1)/$(2)/version.c.o: FORCE_VERSION
	@mkdir -p $$(@D)
	@printf 'extern const char build_commit[];\nconst char build_commit[] = "%s";\n' '$(HV_COMMIT)' > $$(@D)/version.c.new
	@cmp -s $$(@D)/version.c.new $$(@D)/version.c || cp $$(@D)/version.c.new $$(@D)/version.c
	@[ $$@ -nt $$(@D)/version.c ] || $$(HV_CC) $$(HV_CFLAGS) -c -o $$@ $$(@D)/version.c

build/$(1)/$(2)/trivisor.elf: $$(HV_OBJ_$(1)_$(2)) build/$(1)/$(2)/version.c.o src/hypervisor.ld src/names.py
	@ld $$(HV_LDFLAGS) -o $$@.first $$(HV_OBJ_$(1)_$(2)) build/$(1)/$(2)/version.c.o
	@$$(PYTHON) src/names.py $$@.first > $$(@D)/names.c
	@$$(HV_CC) $$(HV_CFLAGS) -c -o $$(@D)/names.o $$(@D)/names.c
	@ld $$(HV_LDFLAGS) -o $$@ $$(HV_OBJ_$(1)_$(2)) build/$(1)/$(2)/version.c.o $$(@D)/names.o
	@rm -f $$@.first
	@echo "built $$@"

-include $$(HV_OBJ_$(1)_$(2):.o=.d) build/$(1)/$(2)/asm_offsets.d
endef

.PHONY: FORCE_VERSION hypervisors
FORCE_VERSION:
$(foreach m,$(HV_MODES),$(foreach b,$(HV_BUILDS),$(eval $(call hv_build,$(m),$(b)))))

hypervisors: $(foreach m,$(HV_MODES),$(foreach b,$(HV_BUILDS),build/$(m)/$(b)/trivisor.elf))
