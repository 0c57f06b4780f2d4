/*
 * Descriptor tables where the processor is the guest's own: GDT, TSS, IDT, and the MSRs of SYSCALL.
 * Sources: SDM, "Segment Descriptors", "64-Bit Mode IDT", "SYSCALL and SYSRET".
 */
#include "kit/insn.h"
#include "kit/machine.h"
#include "kit/memory.h"
#include "kit/trap.h"

enum selectors {
    KERNEL_CS = 0x08,
    KERNEL_SS = 0x10,
    SYSRET_BASE = 0x18, /* SYSRET adds 8 for SS and 16 for CS */
    TSS_SELECTOR = 0x30,
};
enum descriptor {
    GATE_PRESENT = 0x80,
    GATE_INTERRUPT = 0xe,
    GATE_DPL_SHIFT = 5,
    TSS_PRESENT_AVAILABLE = 0x89,
};
#define CODE64_RING0 0x00af9b000000ffffULL
#define DATA_RING0   0x00cf93000000ffffULL
#define DATA_RING3   0x00cff3000000ffffULL
#define CODE64_RING3 0x00affb000000ffffULL

enum syscall_msr {
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_FMASK = 0xc0000084,
    STAR_SYSCALL_SHIFT = 32,
    STAR_SYSRET_SHIFT = 48,
    FMASK_TF_IF_DF = 0x700,
};

struct gate {
    u16 offset_low;  /* 15:0 of the handler */
    u16 selector;    /* KERNEL_CS */
    u8 ist;          /* 0: no stack switch within a ring */
    u8 type;         /* present, DPL, interrupt gate */
    u16 offset_mid;  /* 31:16 */
    u32 offset_high; /* 63:32 */
    u32 zero;
};
_Static_assert(sizeof(struct gate) == 16, "SDM, 64-bit IDT gate descriptors");

struct tss {
    u32 reserved0;
    u64 rsp[3]; /* rsp[0]: the stack for traps from user mode */
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map; /* beyond the limit: user mode has no ports */
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM, 64-bit TSS format");

extern void (*const machine_stubs[TRAP_VECTORS])(void);
extern void machine_syscall_stub(void);
extern u64 machine_kernel_stack;

static struct gate idt[TRAP_VECTORS] __attribute__((aligned(16)));
static struct tss tss;
static u64 gdt[8];
static u8 trap_stack[4 * PAGE_SIZE] __attribute__((aligned(16)));

static void set_gate(unsigned vector, u64 entry)
{
    unsigned dpl = vector == TRAP_INT80 || vector == TRAP_BREAKPOINT ? 3 : 0;

    idt[vector] = (struct gate){
        .offset_low = (u16)entry,
        .selector = KERNEL_CS,
        .type = (u8)(GATE_PRESENT | dpl << GATE_DPL_SHIFT | GATE_INTERRUPT),
        .offset_mid = (u16)(entry >> 16),
        .offset_high = (u32)(entry >> 32),
    };
}

void machine_trap_enter_at(unsigned vector, void (*stub)(void))
{
    if (vector == TRAP_SYSCALL)
        wrmsr(MSR_LSTAR, (u64)(stub ? stub : machine_syscall_stub));
    else
        set_gate(vector, (u64)(stub ? stub : machine_stubs[vector]));
}

void machine_set_kernel_stack(u64 top)
{
    tss.rsp[0] = top;
    machine_kernel_stack = top;
}

void machine_trap_init(void)
{
    const struct table_register gdtr = {sizeof(gdt) - 1, (u64)gdt};
    const struct table_register idtr = {sizeof(idt) - 1, (u64)idt};
    u64 base = (u64)&tss;

    gdt[KERNEL_CS / 8] = CODE64_RING0;
    gdt[KERNEL_SS / 8] = DATA_RING0;
    gdt[MACHINE_USER_SS / 8] = DATA_RING3;
    gdt[MACHINE_USER_CS / 8] = CODE64_RING3;
    gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
                            (u64)TSS_PRESENT_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
    tss.io_map = sizeof(tss);
    lgdt(&gdtr);
    load_data_segments(KERNEL_SS);
    ltr(TSS_SELECTOR);
    for (unsigned v = 0; v < TRAP_VECTORS; v++)
        set_gate(v, (u64)machine_stubs[v]);
    lidt(&idtr);
    wrmsr(MSR_STAR, (u64)KERNEL_CS << STAR_SYSCALL_SHIFT | (u64)(SYSRET_BASE | 3)
                                                               << STAR_SYSRET_SHIFT);
    wrmsr(MSR_LSTAR, (u64)machine_syscall_stub);
    wrmsr(MSR_FMASK, FMASK_TF_IF_DF);
    machine_set_kernel_stack((u64)trap_stack + sizeof(trap_stack));
}
