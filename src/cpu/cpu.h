/*
 * What the handlers of exits under full virtualization share.
 */
#ifndef CPU_H
#define CPU_H

#include "paging.h"
#include "types.h"
#include "virt_ops.h"
#include "x86.h"

/* virt_skip after an instruction's exit (RIP, RFLAGS and `shadow` are there), the usual case quick:
 * no single step, no shadow to end, no wrap-around. */
static inline void cpu_skip(struct vcpu *v, const struct exit *e)
{
    struct virt_vcpu *x = v->virt;
    u64 to = x->reg[VREG_RIP] + e->insn_len;

    if (unlikely((x->reg[VREG_RFLAGS] & (RFLAGS_RF | RFLAGS_TF)) || x->shadow ||
                 (u32)to < e->insn_len)) {
        virt_skip(v, e->insn_len);
        return;
    }
    x->reg[VREG_RIP] = to;
    x->dirty |= 1u << VREG_RIP;
}

/* virt.c: an instruction has been completed: ends STI's and MOV SS's shadow; single_step: #DB
 * follows. */
void cpu_completed(struct vcpu *v, bool single_step);
/* #DB: behind an instruction that has been completed, or for a breakpoint on the next one; why:
 * bits of DR6. */
void cpu_trap(struct vcpu *v, u64 why);
/* breakpoints.c: the breakpoints, as bits of DR6, that an access of len bytes meets at a linear
 * address, or at a port; ACCESS_CODE: an instruction that begins there, of 1. Ask only if
 * DR7_ENABLES says that there are any. */
enum cpu_access { ACCESS_READ, ACCESS_WRITE, ACCESS_PORT, ACCESS_CODE };
u64 cpu_breakpoints_met(struct vcpu *v, enum cpu_access how, u64 at, unsigned len);

/* Once, after the vendor is up: the policy of CPUID. */
void cpu_policy_init(void);
/* cpuid.c */
void cpu_exit_cpuid(struct vcpu *v, struct exit *e);

/* msr.c: false: #GP(0). */
bool cpu_rdmsr(struct vcpu *v, u32 msr, u64 *value);
bool cpu_wrmsr(struct vcpu *v, u32 msr, u64 value);

/* by_hand.c: can the processor enter v as it is? To be called when CR0.PE has changed. */
void cpu_look_at_state(struct vcpu *v);
/* Runs a vcpu that the processor cannot enter; as virt_vcpu_run. */
void cpu_run_by_hand(struct vcpu *v, u64 until, struct exit *e);

/* control_access.c: a guest's write to a control register; false: #GP(0). */
bool cpu_write_cr(struct vcpu *v, unsigned cr, u64 value);
u64 cpu_read_cr(struct vcpu *v, unsigned cr);
/* DR0 to DR3, DR6, DR7. */
bool cpu_write_dr(struct vcpu *v, unsigned dr, u64 value);
u64 cpu_read_dr(const struct vcpu *v, unsigned dr);
bool cpu_write_cr0(struct vcpu *v, u64 value);
bool cpu_write_cr3(struct vcpu *v, u64 value);
bool cpu_write_cr4(struct vcpu *v, u64 value);
bool cpu_write_efer(struct vcpu *v, u64 value);
/* The exits that ask for these. */
void cpu_exit_cr(struct vcpu *v, struct exit *e);
void cpu_exit_dr(struct vcpu *v, struct exit *e);
void cpu_exit_xsetbv(struct vcpu *v, struct exit *e);

/* Offsets of the general registers in struct regs, by their number in an encoding. */
extern const u8 cpu_gpr_offset[16];
enum { CPU_GPR_RSP = 4 };
/* One that is not RSP. */
static inline u64 cpu_gpr_quickly(struct vcpu *v, unsigned number)
{
    return *(u64 *)((char *)&v->regs + cpu_gpr_offset[number]);
}
/* A general register by its number in an instruction's encoding; RSP is the VREG. */
u64 cpu_gpr(struct vcpu *v, unsigned number);
void cpu_set_gpr(struct vcpu *v, unsigned number, u64 value);

/* exits.c: handles an exit that concerns memory alone, a page fault, a load of CR3, INVLPG. True:
 * the vcpu is to be entered again. False: *e is left to virt_handle_exit (as nothing at all, if it
 * has been handled in part). */
bool cpu_handle_shortly(struct vcpu *v, struct exit *e);
/* The same for a fault, with paging_fault's answer. */
bool cpu_handle_fault(struct vcpu *v, struct exit *e, struct paging_fault *f,
                      enum paging_result result);

/* start_up.c: v's state after INIT and a start-up message with this vector: real mode, at
 * vector * 4096. As paging_load_root answers: PAGING_KILL with *f filled is lack of memory. */
enum paging_result cpu_start_up(struct vcpu *v, u8 vector, struct paging_fault *f);

/* task_switch.c */
void cpu_exit_task_switch(struct vcpu *v, struct exit *e);

/* instruction.c: emulates the instruction at RIP: MMIO, a write to a shadowed table, INS, OUTS. */
void cpu_emulate(struct vcpu *v, const struct exit *e);
/* string_io.c: the same for REP INS and OUTS in a kernel's 64-bit code; false: nothing has been
 * done. */
bool cpu_string_io(struct vcpu *v, const struct exit *e);
/* table_store.c: the same for a store to the page table entry at `entry`, if it is one of the usual
 * instructions; false: nothing has been done. */
bool cpu_store_to_table(struct vcpu *v, const struct exit *e, void *entry);
/* mmio_quick.c: the same for a move of 32 bits to or from a device's memory at e->gpa, e->gva. */
bool cpu_mmio_quickly(struct vcpu *v, const struct exit *e);
/* A page fault, and the page is the one where a device was last found, so that nobody need look
 * whose fault it is: the same. False: nothing has been done. */
bool cpu_mmio_again(struct vcpu *v, struct exit *e);
/* table_store.c: ModRM at p with a memory operand that is not relative to RIP, in 64-bit code: *ea
 * is its address. Returns what follows; NULL: left to the emulator. */
const u8 *cpu_memory_operand(struct vcpu *v, const u8 *p, u8 rex, u64 *ea);

/* guest_access_full.c: the physical address of a linear one, for reports; false if there is none.
 */
bool cpu_translate(struct vcpu *v, u64 gva, u64 *gpa);
/* The hypervisor's pointer to gva, good to the end of its page, and its guest-physical address, for
 * an access (enum walk_access) at the current privilege level. NULL with *f filled. */
struct access_fault;
char *cpu_reach(struct vcpu *v, u64 gva, unsigned access, u64 *gpa, struct access_fault *f);
/* The hypervisor's pointer to the page of guest-physical memory at gpa, filled if it was lazy;
 * NULL: no memory there, or none left, and then the domain is ended. */
char *cpu_guest_page(struct domain *d, u64 gpa);
/* Compares and exchanges 1, 2, 4 or 8 bytes at p, atomically; *old receives what was there. */
bool cpu_exchange(void *p, unsigned size, u64 *old, u64 value);

/* report.c: where gva leads, through the guest's tables and the hypervisor's. */
void cpu_report_walk(struct vcpu *v, const char *name, u64 gva);
/* A domain has fallen by a triple fault, or is stopped because of an exit: all that is
 * known on one screen, then domain_end. */
void cpu_triple_fault(struct vcpu *v, const struct exit *e);
/* The same, seen while an exception was to be injected. */
void cpu_fault_during_df(struct vcpu *v, u8 vector);
void cpu_kill(struct vcpu *v, const struct exit *e, const char *why);

#endif
