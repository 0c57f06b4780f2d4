# The guests: build/guests/NAME.elf from guests/NAME/ and guests/kit/, the same bytes for every
# platform. A folder with a main.c is a guest. Files named user*.c run in user mode: they may use
# SSE, and they are linked into a part of the image of their own (guests/guest.ld). Those of GUEST_APART
# are run only by name.

GUEST_ORDER := hello compute privileged syscall fault pagetable forkexit switch walk tick print hostile
GUEST_APART := stumble real events torture devices disk chaos xenabi stage2 msrs mmio control startup
GUESTS      := $(foreach g,$(GUEST_ORDER) $(GUEST_APART),$(if $(wildcard guests/$(g)/main.c),$(g)))

GUEST_CC    ?= gcc
GUEST_FLAGS = -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes \
    -ffreestanding -fno-stack-protector -mno-red-zone -fno-asynchronous-unwind-tables \
    -fno-strict-aliasing -fcf-protection=none -fno-tree-loop-distribute-patterns \
    -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ -iquote guests -iquote guests/$(word 2,$(subst /, ,$<)) -iquote src/include
GUEST_KERNEL_FLAGS = $(GUEST_FLAGS) -fno-pie -mcmodel=small -mgeneral-regs-only
GUEST_USER_FLAGS   = $(GUEST_FLAGS) -fpie -fvisibility=hidden -fno-jump-tables -fno-builtin -msse2
GUEST_LDFLAGS      := -nostdlib -static -T guests/guest.ld -z max-page-size=4096 -z noexecstack \
    --build-id=none --fatal-warnings
# Where an image lies that does not begin at 1 MiB.
GUEST_AT_startup   := 0x8000
GUEST_AT_chaos     := 0x200000

GUEST_OUT     := build/guests
GUEST_KIT_SRC := $(filter-out guests/kit/abi_offsets.c,$(wildcard guests/kit/*.c guests/kit/*.asm))
GUEST_KIT_OBJ := $(GUEST_KIT_SRC:guests/%=$(GUEST_OUT)/obj/%.o)

$(GUEST_OUT)/obj/abi.inc: guests/kit/abi_offsets.c guests/guests.mk
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_KERNEL_FLAGS) -MD -MP -MF $(@D)/abi.d -MT $@ -S -o $(@D)/abi.s $<
	@sed -n 's/^->\([A-Za-z0-9_]*\) \(.*\)/%define \1 \2/p' $(@D)/abi.s > $@

# nasm's -MD names no included files: all of them count.
$(GUEST_OUT)/obj/%.asm.o: guests/%.asm $(GUEST_OUT)/obj/abi.inc $(wildcard guests/*/*.inc) guests/guests.mk
	@mkdir -p $(@D)
	@nasm -f elf64 -g -F dwarf -I$(GUEST_OUT)/obj/ -Iguests/kit/ -Iguests/ -o $@ $<

# A file of user mode is one whose name begins with user_.
guest_flags = $(if $(filter user_%,$(notdir $(1))),$(GUEST_USER_FLAGS),$(GUEST_KERNEL_FLAGS))

$(GUEST_OUT)/obj/%.c.o: guests/%.c guests/guests.mk
	@mkdir -p $(@D)
	@$(GUEST_CC) $(call guest_flags,$<) -MMD -MP -c -o $@ $<

# guest_build NAME
define guest_build
GUEST_OBJ_$(1) := $$(patsubst guests/%,$(GUEST_OUT)/obj/%.o,$$(wildcard guests/$(1)/*.c guests/$(1)/*.asm))

$(GUEST_OUT)/$(1).elf: $$(GUEST_OBJ_$(1)) $(GUEST_KIT_OBJ) guests/guest.ld
	@ld $(GUEST_LDFLAGS) $$(GUEST_AT_$(1):%=--defsym=LOAD_ADDRESS=%) -o $$@ $(GUEST_KIT_OBJ) $$(GUEST_OBJ_$(1))
	@echo "built $$@"

-include $$(GUEST_OBJ_$(1):.o=.d)
endef

# Kernels that are none of the set and know nothing of the kit: 32-bit, for `KERNEL=path` (docs/kernels.md).
KERNELS       := $(addprefix $(GUEST_OUT)/,multiboot1.elf multiboot1.bin bzimage torture32.elf torturepae.elf)
KERNEL_FLAGS  := -m32 -std=gnu11 -Os -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -ffreestanding \
    -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -mgeneral-regs-only \
    -iquote guests/kernels -iquote src/include
KERNEL_LINK   := ld -m elf_i386 -nostdlib -static -z noexecstack --no-warn-rwx-segments --build-id=none -T guests/kernels/kernel.ld
KERNEL_OBJ    := $(GUEST_OUT)/obj/kernels
MULTIBOOT1_AT := 0x100000
BZIMAGE_AT    := 0x400000

$(KERNEL_OBJ)/%.c.o: guests/kernels/%.c guests/guests.mk
	@mkdir -p $(@D)
	@$(GUEST_CC) $(KERNEL_FLAGS) -MMD -MP -c -o $@ $<
$(KERNEL_OBJ)/%.asm.o: guests/kernels/%.asm guests/guests.mk
	@mkdir -p $(@D)
	@nasm -f elf32 -o $@ $<
$(KERNEL_OBJ)/multiboot1_flat.asm.o: guests/kernels/multiboot1_start.asm guests/guests.mk
	@mkdir -p $(@D)
	@nasm -f elf32 -DFLAT -o $@ $<

$(GUEST_OUT)/multiboot1.elf: $(addprefix $(KERNEL_OBJ)/,multiboot1_start.asm.o multiboot1.c.o plain.c.o) guests/kernels/kernel.ld
	@$(KERNEL_LINK) --defsym=ADDRESS=$(MULTIBOOT1_AT) -e multiboot_entry -o $@ $(filter %.o,$^)
	@echo "built $@"
$(GUEST_OUT)/multiboot1.bin: $(addprefix $(KERNEL_OBJ)/,multiboot1_flat.asm.o multiboot1.c.o plain.c.o) guests/kernels/kernel.ld
	@$(KERNEL_LINK) --defsym=ADDRESS=$(MULTIBOOT1_AT) -e multiboot_entry -o $(KERNEL_OBJ)/flat.elf $(filter %.o,$^)
	@objcopy -O binary $(KERNEL_OBJ)/flat.elf $@
	@echo "built $@"
$(GUEST_OUT)/bzimage: $(addprefix $(KERNEL_OBJ)/,bzimage_start.asm.o bzimage.c.o plain.c.o) guests/kernels/bzimage_setup.asm guests/kernels/kernel.ld
	@$(KERNEL_LINK) --defsym=ADDRESS=$(BZIMAGE_AT) -e bzimage_entry -o $(KERNEL_OBJ)/bzimage.elf $(filter %.o,$^)
	@objcopy -O binary $(KERNEL_OBJ)/bzimage.elf $(KERNEL_OBJ)/bzimage.bin
	@nasm -f bin -DADDRESS=$(BZIMAGE_AT) -DPAYLOAD='"$(KERNEL_OBJ)/bzimage.bin"' \
	    -DINIT_SIZE=0x$$(nm $(KERNEL_OBJ)/bzimage.elf | sed -n 's/ . kernel_end//p')-$(BZIMAGE_AT) -o $@ guests/kernels/bzimage_setup.asm
	@echo "built $@"

# torture for the formats of page tables outside long mode: the same cases and rules in a Multiboot kernel.
TORTURE_OBJ  := $(KERNEL_OBJ)/torture
TORTURE_BOTH := $(addprefix $(TORTURE_OBJ)/,cases.c.o rules.c.o torture.c.o plain/main.c.o plain/access.asm.o) \
    $(addprefix $(KERNEL_OBJ)/,multiboot1_start.asm.o plain.c.o)
$(TORTURE_OBJ)/%.c.o: guests/torture/%.c guests/guests.mk
	@mkdir -p $(@D)
	@$(GUEST_CC) $(KERNEL_FLAGS) -O2 -iquote guests -iquote guests/torture -MMD -MP -c -o $@ $<
$(TORTURE_OBJ)/%.asm.o: guests/torture/%.asm guests/guests.mk
	@mkdir -p $(@D)
	@nasm -f elf32 -o $@ $<
$(GUEST_OUT)/torture32.elf: $(TORTURE_BOTH) $(TORTURE_OBJ)/plain/format_32bit.c.o guests/kernels/kernel.ld
	@$(KERNEL_LINK) --defsym=ADDRESS=$(MULTIBOOT1_AT) -e multiboot_entry -o $@ $(filter %.o,$^)
	@echo "built $@"
$(GUEST_OUT)/torturepae.elf: $(TORTURE_BOTH) $(TORTURE_OBJ)/plain/format_pae.c.o guests/kernels/kernel.ld
	@$(KERNEL_LINK) --defsym=ADDRESS=$(MULTIBOOT1_AT) -e multiboot_entry -o $@ $(filter %.o,$^)
	@echo "built $@"
-include $(wildcard $(KERNEL_OBJ)/*.d $(TORTURE_OBJ)/*.d $(TORTURE_OBJ)/plain/*.d)

.PHONY: guests
guests: $(GUESTS:%=$(GUEST_OUT)/%.elf) $(KERNELS)
$(foreach g,$(GUESTS),$(eval $(call guest_build,$(g))))
-include $(GUEST_KIT_OBJ:.o=.d) $(GUEST_OUT)/obj/abi.d
