/*
 * virt.h for paravirtualization: the guest runs in ring 3 of the processor itself.
 *
 * Invariants
 *  - While a vcpu is loaded, its tables, descriptor tables, segments, FPU and debug registers are
 * in the processor, and the TSS's stack for ring 0 is the end of its struct regs.
 *  - The local APIC's timer is armed whenever a guest runs, and IF is 1 in ring 3, so no guest
 * keeps the processor past `until`.
 */
#include "virt.h"

#include "boot_steps.h"
#include "cpuid_bits.h"
#include "descriptors.h"
#include "errno.h"
#include "event.h"
#include "fpu.h"
#include "frame.h"
#include "host_trap.h"
#include "insn.h"
#include "layout.h"
#include "local_apic.h"
#include "log.h"
#include "page_type.h"
#include "hypercall.h"
#include "sched.h"
#include "timer.h"
#include "tlb.h"
#include "x86.h"

#include <string.h>

/* RFLAGS that `syscall` clears on the way in. */
#define SYSCALL_MASK                                                                               \
    (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_VM |           \
     RFLAGS_IOPL)
enum {
    STAR_SYSCALL_SHIFT = 32, /* CS, SS = + 8 */
    STAR_SYSRET_SHIFT = 48,  /* SS = + 8, 64-bit CS = + 16 */
    TRAP_TABLE_BYTES = 256 * sizeof(struct pv_gate),
    FIRST_SOFT_VECTOR = VEC_FIRST_EXTERNAL,
    CPUID_EXTENDED_FEATURES = 7,
};

static u64 armed; /* the deadline that the timer interrupt is armed for */

static void on_nmi(void)
{
    log_line("an NMI that nobody asked for");
}

void virt_init(void)
{
    for (unsigned v = FIRST_SOFT_VECTOR; v < 256; v++)
        if (v != APIC_TIMER_VECTOR && v != APIC_SPURIOUS_VECTOR)
            idt_set_dpl((u8)v, 3);
    idt_set_dpl(VEC_BP, 3);
    idt_set_dpl(VEC_OF, 3);
    wrmsr(MSR_STAR, (u64)SEL_CS64 << STAR_SYSCALL_SHIFT | (u64)SEL_GUEST_CS32 << STAR_SYSRET_SHIFT);
    wrmsr(MSR_LSTAR, (u64)(uintptr_t)pv_syscall_entry);
    wrmsr(MSR_CSTAR, (u64)(uintptr_t)pv_syscall32_entry);
    wrmsr(MSR_SFMASK, SYSCALL_MASK);
    wrmsr(MSR_SYSENTER_CS, SEL_CS64);
    wrmsr(MSR_SYSENTER_ESP, 0); /* its entry takes another at once */
    wrmsr(MSR_SYSENTER_EIP, (u64)(uintptr_t)pv_sysenter_entry);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    if (cpuid(0, 0).eax >= CPUID_EXTENDED_FEATURES &&
        cpuid(CPUID_EXTENDED_FEATURES, 0).ebx & F7B_SMEP)
        write_cr4(read_cr4() | CR4_SMEP);
    write_cr4(read_cr4() & ~(CR4_PGE | CR4_PCIDE | CR4_TSD | CR4_SMAP | CR4_FSGSBASE));
    host_set_nmi_handler(on_nmi);
    m2p_init();
    hypercall_init();
}

const char *virt_vendor(void)
{
    return "pv";
}

int virt_vcpu_init(struct vcpu *v)
{
    struct virt_vcpu *x = hv_alloc(v->domain, sizeof(*x));

    if (!x)
        return -ENOMEM;
    v->virt = x;
    x->owner = v;
    x->kernel_mode = true;
    x->gate = hv_alloc_pages(v->domain, 0);
    _Static_assert(TRAP_TABLE_BYTES == (int)PAGE_SIZE, "one page");
    x->runstate.state = RUNSTATE_offline;
    x->runstate.state_entry_time = system_time_ns(rdtsc());
    pv_timer_init(v);
    return x->gate ? 0 : -ENOMEM;
}

static void put_root(struct domain *d, u64 *root)
{
    if (*root)
        page_put_and_type(d, &frame_table[*root >> PAGE_SHIFT]);
    *root = 0;
}

/* The vcpu's references to its domain's frames go with it. */
void virt_vcpu_destroy(struct vcpu *v)
{
    struct virt_vcpu *x = v->virt;

    if (!x)
        return;
    if (x->window) {
        pv_set_gdt(v, NULL, 0);
        pv_drop_ldt(v);
    }
    put_root(v->domain, &x->kernel_root);
    put_root(v->domain, &x->user_root);
    if (x->info_frame)
        page_put_and_type(v->domain, x->info_frame);
    pv_timer_cancel(v);
    if (x->gate)
        hv_free_pages(v->domain, x->gate, 0);
    hv_free(v->domain, x, sizeof(*x));
    v->virt = NULL;
}

void virt_vcpu_load(struct vcpu *v)
{
    this_pcpu()->tss.rsp[0] = (u64)(uintptr_t)v + sizeof(struct regs);
    pv_set_reach(v->domain);
    ASSERT(read_cr0() & CR0_WP);
    pv_load_root(v);
    pv_load_tables(v);
    pv_load_segments(v);
    fpu_load(v);
    pv_load_control(v);
    if (v->dr7 & DR7_ENABLES)
        pv_load_debug_registers(v);
    pv_time_update(v);
    pv_runstate_change(v, RUNSTATE_running);
    armed = 0;
}

void virt_vcpu_put(struct vcpu *v)
{
    pv_runstate_change(v, v->state == VCPU_RUNNABLE ? RUNSTATE_runnable : RUNSTATE_blocked);
    write_dr7(DR7_RESET);
    pv_unload_control();
    fpu_save(v);
    pv_save_segments(v);
    pv_unload_tables(v);
    tlb_flush_all();
    write_cr3(va_to_mpa(hypervisor_l4).v);
}

/* What the guest gave up must be given up before it runs again (page_undo.c); on its account. */
static bool undone(struct vcpu *v, struct exit *e)
{
    e->tsc = rdtsc();
    e->counter = LC_HC_MMUEXT_OP;
    return page_undo_some(v->domain);
}

void virt_vcpu_run(struct vcpu *v, u64 until, struct exit *e)
{
    if (unlikely(v->domain->undoing) && !undone(v, e))
        return;
    if (until != armed) {
        timer_arm_hardware(until);
        armed = until;
    }
    pv_enter(&v->regs);
    if (v->regs.vector == APIC_TIMER_VECTOR)
        armed = 0;
    v->kicked = 0;
    e->tsc = v->virt->entry_tsc;
    e->counter = (u8)(v->virt->exit_cell - v->domain->ledger.cell);
}

/* All that a guest asks for is done before pv_enter returns. */
void virt_handle_exit(struct vcpu *v, struct exit *e)
{
    (void)v;
    (void)e;
}

void virt_kick(struct vcpu *v)
{
    v->kicked = 1;
}

unsigned virt_cpl(struct vcpu *v)
{
    return v->virt->kernel_mode ? 0 : 3;
}

void virt_report(struct vcpu *v, const struct exit *e)
{
    const struct regs *r = &v->regs;

    (void)e;
    pv_console_drain(v->domain); /* what it still had to say comes first */
    log_line("domain %s, vcpu %u, guest %s", v->domain->config.name, v->id,
             v->virt->kernel_mode ? "kernel" : "user");
    log_line("rip %016lx rsp %016lx rflags %08lx cs %04lx ss %04lx", r->rip, r->rsp, r->rflags,
             r->cs & 0xffff, r->ss & 0xffff);
    log_line("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_line("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_line("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_line("r13 %016lx r14 %016lx r15 %016lx cr2 %016lx", r->r13, r->r14, r->r15,
             v->virt->info->arch.cr2);
    log_line("kernel table %lx, user table %lx, last vector %lu, error %lx", v->virt->kernel_root,
             v->virt->user_root, r->vector, r->error);
}
