/*
 * The first processor's descriptor tables: GDT, IDT, TSS with interrupt stacks. Source: SDM,
 * "Segment Descriptors", "IDT Descriptors", "Task Management in 64-bit Mode".
 *
 * #DB, NMI, #DF and #MC have stacks of their own (IST), because they can come when the stack
 * pointer is a guest's: between `syscall` and the switch of stacks. #DF and #MC share one: nobody
 * comes back from either.
 */
#include "boot_steps.h"
#include "descriptors.h"
#include "insn.h"
#include "pcpu.h"
#include "x86.h"

#include <string.h>

enum ist_index { IST_NONE, IST_FATAL, IST_NMI, IST_DB, IST_STACKS };
enum { IST_STACK_SIZE = 4096 };

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

extern const u64 trap_stubs[256];

extern u8 boot_stack[PCPU_STACK_SIZE]; /* boot/stacks.asm */
u64 gdt_page[PT_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static struct gate idt[256] __attribute__((aligned(PAGE_SIZE)));
static u8 ist_stack[IST_STACKS - 1][IST_STACK_SIZE] __attribute__((aligned(16)));

static unsigned ist_of(unsigned vector)
{
    switch (vector) {
    case VEC_DF:
    case VEC_MC:
        return IST_FATAL;
    case VEC_NMI:
        return IST_NMI;
    case VEC_DB:
        return IST_DB;
    default:
        return IST_NONE;
    }
}

void idt_set_dpl(u8 vector, unsigned dpl)
{
    idt[vector].flags = (idt[vector].flags & ~GATE_DPL) | (u16)(dpl << GATE_DPL_SHIFT);
}

static void idt_init(void)
{
    for (unsigned v = 0; v < 256; v++) {
        u64 entry = trap_stubs[v];
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
 * Tour 4: a net before the first step. GDT, TSS, and an IDT of 256 gates. Look at `ist_of`: four
 * vectors get stacks of their own. Ask of each of them: can it come while the stack pointer still
 * belongs to a guest? Selectors begin at 0xe000, because the Xen ABI leaves the lower ones to a
 * paravirtualized guest; so one GDT serves every mode.
 */
void descriptors_init(void)
{
    struct pcpu *cpu = (struct pcpu *)boot_stack;

    cpu->tss.iomap_base = sizeof(struct tss);
    for (unsigned i = 1; i < IST_STACKS; i++)
        cpu->tss.ist[i - 1] = (u64)(uintptr_t)ist_stack[i - 1] + IST_STACK_SIZE;
    gdt_init(cpu);
    idt_init();
}
