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
HV_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror  -Wmissing-prototypes -Wstrict-prototypes \
    -ffreestanding -fno-stack-protector -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only \
    -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-strict-aliasing -fcf-protection=none \
    -fno-tree-loop-distribute-patterns -iquote src/include -Isrc/include/libc
HV_CFLAGS_debug   := -DDEBUG_BUILD
# What runs seldom is small rather than fast: the image has a ceiling.
HV_SMALL := src/boot/%.c $(filter-out %/exec_short.c,$(wildcard src/cpu/emulate/exec_*.c)) src/cpu/vmx/check/%.c src/cpu/image/%.c \
    $(addprefix src/core/,command_line.c console.c domain.c elf_image.c format.c heap.c ledger_print.c lives.c main.c panic.c \
        local_apic.c clock.c host_trap.c table_report.c trace.c trace_drain.c trace_recent.c trace_ring.c \
        fpu.c names.c vga.c walk.c) \
    $(addprefix src/cpu/,breakpoints.c by_hand.c start_up.c control_access.c cpuid_policy.c guest_access_full.c guest_phys.c domain_full.c instruction.c instruction_system.c mtrr.c report.c task_switch.c trace_exit.c emulate/segments.c emulate/task.c) \
    $(addprefix src/cpu/vmx/,capability.c capability_rules.c check_entry.c control_regs.c desk.c enterable.c field_names.c msr_bitmap.c names.c replay.c report.c setup.c slice_nmi.c write_log.c) \
    $(addprefix src/io/,acpi.c acpi_pm.c ata.c devices.c end_port.c irq.c kbc.c lapic_regs.c lapic_send.c lapic_timer.c pci.c pic.c pit.c pit_tick.c rtc.c rtc_time.c) $(addprefix src/cpu/emulate/,alu_wide.c decode_special.c levels.c) \
    src/mmu-shadow/check.c src/mmu-shadow/evict.c src/mmu-shadow/flood.c src/mmu-shadow/pae_root.c src/mmu-shadow/pool.c src/mmu-shadow/reach.c src/mmu-shadow/physmap_shadow.c src/mmu-shadow/report_shadow.c src/mmu-shadow/smap.c src/mmu-shadow/stop_shadowing.c $(addprefix src/mmu-ept/,accessed.c execute_only.c giga.c merge.c physmap_check.c report_ept.c write_log.c) \
    src/pv/builder.c src/pv/build_layout.c src/pv/console_input.c src/pv/cpuid_pv.c src/pv/msr_pv.c src/pv/pit_pv.c src/pv/xenstore_%.c src/pv/build_start.c src/pv/page_check.c src/pv/report_pv.c
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
	@$$(HV_CC) $$(HV_CFLAGS) $$(HV_CFLAGS_$(2)) $$(if $$(filter $$(HV_SMALL),$$<),-Oz) -DMODE_NAME='"$(1)"' -DBUILD_NAME='"$(2)"' -MMD -MP -c -o $$@ $$<

build/$(1)/$(2)/%.S.o: %.S src/src.mk
	@mkdir -p $$(@D)
	@$$(HV_CC) $$(HV_CFLAGS_$(2)) -c -o $$@ $$<

build/$(1)/$(2)/%.asm.o: %.asm build/$(1)/$(2)/asm_offsets.inc src/src.mk
	@mkdir -p $$(@D)
	@nasm -f elf64 -g -F dwarf -Isrc/include/ -Ibuild/$(1)/$(2)/ -MD $$(@:.o=.d) -o $$@ $$<

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
