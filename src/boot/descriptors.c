/*
 * The first processor's descriptor tables: GDT, IDT, TSS with interrupt stacks. Source: SDM,
 * "Segment Descriptors", "IDT Descriptors", "Task Management in 64-bit Mode".
 *
 * #DF and #MC have a stack of their own (IST), since the stack may be what is broken. They share
 * one: nobody comes back from either. Which others have one is the mode's (trap_stack_of).
 */
#include "boot_steps.h"
#include "descriptors.h"
#include "insn.h"
#include "pcpu.h"
#include "x86.h"

#include <string.h>

enum descriptor_bits {
    GATE_INTERRUPT = 0x8e00, /* present, DPL 0, 64-bit interrupt gate: IF is cleared */
    GATE_DPL = 0x6000,       /* least privilege that may use it by `int n` */
    GATE_DPL_SHIFT = 13,
    DESC_TSS = 0x89, /* present, available 64-bit TSS */
};
#define DESC_CODE64      0x00af9b000000ffffULL
#define DESC_DATA        0x00cf93000000ffffULL
#define DESC_USER_CODE32 0x00cffb000000ffffULL
#define DESC_USER_DATA   0x00cff3000000ffffULL
#define DESC_USER_CODE64 0x00affb000000ffffULL

struct gate {
    u16 offset_low;  /* bits 0..15 of the entry's address */
    u16 selector;    /* code segment */
    u16 flags;       /* IST in bits 0..2, type and DPL above */
    u16 offset_mid;  /* bits 16..31 */
    u32 offset_high; /* bits 32..63 */
    u32 reserved;    /* 0 */
} __attribute__((packed));
_Static_assert(sizeof(struct gate) == 16, "64-bit gate");

/* "System-Segment and Gate Descriptors", in 64-bit mode: two places of the table */
struct system_descriptor {
    u16 limit;     /* bits 0..15 */
    u16 base_low;  /* bits 0..15 */
    u8 base_mid;   /* bits 16..23 */
    u8 type;       /* type, DPL, P */
    u8 limit_high; /* bits 16..19; flags above */
    u8 base_high;  /* bits 24..31 */
    u32 base_top;  /* bits 32..63 */
    u32 reserved;  /* 0 */
} __attribute__((packed));
_Static_assert(sizeof(struct system_descriptor) == 16, "two places");

/* boot/traps.asm: the 256 entries, each of so many bytes. */
enum { TRAP_STUB_SIZE = 12 };
extern const u8 trap_stubs[256][TRAP_STUB_SIZE];

extern u8 boot_stack[PCPU_STACK_SIZE]; /* boot/stacks.asm */
static struct gate idt[256] __attribute__((aligned(16)));
static u8 fatal_stack[TRAP_STACK_SIZE] __attribute__((aligned(16)));

static unsigned ist_of(unsigned vector)
{
    return vector == VEC_DF || vector == VEC_MC ? TRAP_STACK_FATAL : trap_stack_of(vector);
}

void idt_set_dpl(u8 vector, unsigned dpl)
{
    idt[vector].flags = (idt[vector].flags & ~GATE_DPL) | (u16)(dpl << GATE_DPL_SHIFT);
}

static void idt_init(void)
{
    for (unsigned v = 0; v < 256; v++) {
        u64 entry = (u64)(uintptr_t)trap_stubs[v];
        idt[v] = (struct gate){
            .offset_low = (u16)entry,
            .selector = SEL_CS64,
            .flags = (u16)(GATE_INTERRUPT | ist_of(v)),
            .offset_mid = (u16)(entry >> 16),
            .offset_high = (u32)(entry >> 32),
        };
    }
    lidt(&(struct table_register){sizeof(idt) - 1, (u64)(uintptr_t)idt});
}

void gdt_set_system(u64 *gdt, u16 selector, u64 base, u32 limit, u8 type)
{
    unsigned i = (selector - GDT_RESERVED_BYTES) / 8;

    struct system_descriptor descriptor = {
        .limit = (u16)limit,
        .base_low = (u16)base,
        .base_mid = (u8)(base >> 16),
        .type = type,
        .limit_high = (u8)(limit >> 16),
        .base_high = (u8)(base >> 24),
        .base_top = (u32)(base >> 32),
    };
    memcpy(&gdt[i], &descriptor, sizeof(descriptor));
}

static void gdt_init(struct pcpu *cpu)
{
    u64 *gdt = gdt_page;

    cpu->gdt = gdt;
    gdt[(SEL_CS64 - GDT_RESERVED_BYTES) / 8] = DESC_CODE64;
    gdt[(SEL_DS - GDT_RESERVED_BYTES) / 8] = DESC_DATA;
    gdt[(SEL_GUEST_CS32 - GDT_RESERVED_BYTES) / 8] = DESC_USER_CODE32;
    gdt[(SEL_GUEST_DS - GDT_RESERVED_BYTES) / 8] = DESC_USER_DATA;
    gdt[(SEL_GUEST_CS64 - GDT_RESERVED_BYTES) / 8] = DESC_USER_CODE64;
    gdt_set_system(gdt, SEL_TSS, (u64)(uintptr_t)&cpu->tss, sizeof(struct tss) - 1, DESC_TSS);
    gdt_load((u64)(uintptr_t)gdt - GDT_RESERVED_BYTES);
    ltr(SEL_TSS);
}

/*
 * Tour 4: a net before the first step. GDT, TSS, and an IDT of 256 gates. Look at `ist_of`: two
 * vectors get a stack of their own in every mode, and two more under paravirtualization
 * (pv/trap_stacks.c). Ask of each of them: can it come while the stack pointer is broken, or still
 * belongs to a guest? Selectors begin at 0xe000, because the Xen ABI leaves the lower ones to a
 * paravirtualized guest; so one GDT serves every mode.
 */
void descriptors_init(void)
{
    struct pcpu *cpu = (struct pcpu *)boot_stack;

    cpu->tss.iomap_base = sizeof(struct tss);
    cpu->tss.ist[TRAP_STACK_FATAL - 1] = (u64)(uintptr_t)fatal_stack + sizeof(fatal_stack);
    trap_stacks_init(&cpu->tss);
    gdt_init(cpu);
    idt_init();
}
