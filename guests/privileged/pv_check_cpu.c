/*
 * What the paravirtual interface has of the processor: GDT, LDT, debug registers, CR0.TS, segment
 * bases, CR2, single steps.
 */
#include "pv_check.h"

#include "kit/hypercall.h"
#include "kit/insn.h"
#include "kit/pv.h"
#include "kit/trap.h"

enum selectors { BY_GDT = 1 << 3 | 3, BY_LDT = 1 << 3 | 4 | 3 };
enum msr { MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101 };
enum debug_bits { DR6_STEP = 1 << 14, DR7_WATCH_WORD_0 = 1 << 0 | 1 << 16 | 3 << 18 };
enum vectors { TRAP_NO_FPU = 7 };
#define DESCRIPTOR_DATA_3 0x00cff3000000ffffULL
#define DESCRIPTOR_DATA_0 0x00cf93000000ffffULL
#define DESCRIPTOR_GATE_3 0x0000ee0000080000ULL
#define RFLAGS_TF         0x100ULL
#define CR0_TS            8ULL

static u64 gdt[512] __attribute__((aligned(PAGE_SIZE)));
static u64 ldt[512] __attribute__((aligned(PAGE_SIZE)));
static u64 word[4] = {11, 12, 13, 14};

/* A data segment of level 3 that begins at `base`, below 4 GiB. */
static u64 data_segment(const void *base)
{
    u64 at = (u64)base;

    return DESCRIPTOR_DATA_3 | (at & 0xffffff) << 16 | at >> 24 << 56;
}

static u64 first_word(unsigned selector)
{
    u64 value;

    __asm__ volatile("mov %1, %%fs\n mov %%fs:0, %0" : "=r"(value) : "r"(selector) : "memory");
    return value;
}

static s64 set_descriptor(u64 *descriptor, u64 value)
{
    return hypercall2(__HYPERVISOR_update_descriptor, pv_machine((u64)descriptor), value);
}

static void check_gdt(void)
{
    u64 frame = pv_machine((u64)gdt) >> ENTRY_ADDRESS_SHIFT;

    gdt[1] = data_segment(&word[0]);
    check("a writable page is no GDT", hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 8) < 0);
    check_equal("GDT read-only", 0, (u64)pv_check_map(gdt, pv_machine((u64)gdt) | ENTRY_READ_ONLY));
    check_equal("set_gdt", 0, (u64)hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 8));
    check_equal("a segment of it", word[0], first_word(BY_GDT));
    check_equal("update_descriptor", 0, (u64)set_descriptor(&gdt[1], data_segment(&word[1])));
    check_equal("another base", word[1], first_word(BY_GDT));
    check_equal("a descriptor of level 0", 0, (u64)set_descriptor(&gdt[2], DESCRIPTOR_DATA_0));
    check_equal("becomes one of level 3", DESCRIPTOR_DATA_3, gdt[2]);
    check("a gate is refused", set_descriptor(&gdt[2], DESCRIPTOR_GATE_3) < 0);
    check("the GDT is not writable", pv_check_map(gdt, pv_machine((u64)gdt) | ENTRY_WRITABLE) < 0);
}

static void check_ldt(void)
{
    ldt[1] = data_segment(&word[2]);
    check_equal("LDT read-only", 0, (u64)pv_check_map(ldt, pv_machine((u64)ldt) | ENTRY_READ_ONLY));
    check_equal("set_ldt", 0, (u64)pv_check_ext(MMUEXT_SET_LDT, (u64)ldt, ARRAY_SIZE(ldt)));
    check_equal("a segment of it", word[2], first_word(BY_LDT));
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    check_equal("no LDT", 0, (u64)pv_check_ext(MMUEXT_SET_LDT, 0, 0));
    check_equal("LDT writable", 0, (u64)pv_check_map(ldt, pv_machine((u64)ldt) | ENTRY_WRITABLE));
    check_equal("no GDT", 0, (u64)hypercall2(__HYPERVISOR_set_gdt, (u64)ldt, 0));
    check_equal("GDT writable", 0, (u64)pv_check_map(gdt, pv_machine((u64)gdt) | ENTRY_WRITABLE));
}

static volatile unsigned debug_traps, fpu_traps;
static volatile u64 watched, last_dr6;

static struct trap_frame *on_debug(struct trap_frame *frame)
{
    debug_traps++;
    last_dr6 = (u64)hypercall2(__HYPERVISOR_get_debugreg, 6, 0);
    frame->rflags &= ~RFLAGS_TF;
    return frame;
}
static struct trap_frame *on_no_fpu(struct trap_frame *frame)
{
    fpu_traps++;
    return frame;
}

static void check_debug(void)
{
    trap_handle(TRAP_DEBUG, on_debug);
    hypercall2(__HYPERVISOR_set_debugreg, 0, (u64)&watched);
    hypercall2(__HYPERVISOR_set_debugreg, 7, DR7_WATCH_WORD_0);
    watched = 1;
    check_equal("a watched write traps", 1, debug_traps);
    check("and DR6 says which", last_dr6 & 1);
    hypercall2(__HYPERVISOR_set_debugreg, 7, 0);
    watched = 2;
    check_equal("unwatched it does not", 1, debug_traps);
    __asm__ volatile("pushfq\n orq %0, (%%rsp)\n popfq\n nop\n nop"
                     :
                     : "i"(RFLAGS_TF)
                     : "memory", "cc");
    check_equal("a single step traps", 2, debug_traps);
    check("and DR6 says so", last_dr6 & DR6_STEP);
    trap_handle(TRAP_DEBUG, NULL);
}

static void check_fpu_switch(void)
{
    trap_handle(TRAP_NO_FPU, on_no_fpu);
    check_equal("fpu_taskswitch", 0, (u64)hypercall2(__HYPERVISOR_fpu_taskswitch, 1, 0));
    check("CR0.TS is set", read_cr0() & CR0_TS);
    __asm__ volatile("fnop");
    __asm__ volatile("fnop");
    check_equal("the first use of the FPU traps", 1, fpu_traps);
    write_cr0(read_cr0() | CR0_TS);
    __asm__ volatile("clts\n fnop" : : : "memory");
    check_equal("after CLTS none does", 1, fpu_traps);
    trap_handle(TRAP_NO_FPU, NULL);
}

static void check_bases(void)
{
    u64 value;

    hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, (u64)&word[3]);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
    check_equal("FS base by hypercall", word[3], value);
    check_equal("and by RDMSR", (u64)&word[3], rdmsr(MSR_FS_BASE));
    wrmsr(MSR_GS_BASE, (u64)&word[1]);
    hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    check_equal("GS base by WRMSR, whatever the user's GS", word[1], value);
}

/* A page of hypercall stubs, asked for by the MSR that Xen's CPUID leaf names. */
static void check_hypercall_page(void)
{
    enum { MSR_HYPERCALL_PAGE = 0x40000000, PUSH_RCX = 0x51 };
    static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    wrmsr(MSR_HYPERCALL_PAGE, pv_machine((u64)page));
    check_equal("a page of hypercall stubs by WRMSR", PUSH_RCX, page[0]);
}

void pv_check_cpu(void)
{
    check_gdt();
    check_ldt();
    check_debug();
    check_fpu_switch();
    check_bases();
    check_hypercall_page();
}
