/*
 * VT-x: what its files share.
 *
 * Invariant: vmread and vmwrite act on the VMCS that is current on the processor, which is that
 * of the vcpu last given to vmx_load. Every function below that takes a vcpu and touches its VMCS
 * calls vmx_make_current first or is only called for the loaded one.
 */
#ifndef VMX_H
#define VMX_H

#include "desk.h"
#include "types.h"
#include "virt_ops.h"
#include "vmcs.h"
#include "vmx_insn.h"
#include "x86.h"

/* What this processor offers, and the controls that follow; set once by vmx_capability_init. */
struct vmx_capability {
    u32 revision;     /* VMCS revision identifier */
    u32 pin;          /* pin-based controls, all vcpus */
    u32 proc;         /* primary processor-based controls, before paging adds its own */
    u32 proc2;        /* secondary ones, 0 if there are none */
    u32 exit;         /* VM-exit controls */
    u32 entry;        /* VM-entry controls, without IA32E_GUEST */
    u64 cr0_fixed1;   /* CR0 bits that may be 1 */
    u64 cr0_required; /* CR0 bits that must be 1 (PE and PG left out for an unrestricted guest) */
    u64 cr4_fixed1;   /* CR4 bits that may be 1 */
    u64 cr4_required; /* CR4 bits that must be 1 */
    u64 ept_vpid;     /* IA32_VMX_EPT_VPID_CAP, 0 if there is neither */
    u32 timer_shift;  /* the preemption timer counts TSC ticks >> this */
    u32 timer_quick;  /* longest time, in ticks, that run.c arms quickly; 0: no timer */
    bool timer;       /* there is a preemption timer */
    bool efer;        /* EFER is switched by the entry and exit controls */
    bool vpid;        /* VPID is in use */
    bool ept;         /* EPT and unrestricted guest are in use */
    bool log;         /* and page-modification logging could be */
};
extern struct vmx_capability vmx_cap;

/* One entry of an MSR-load area ("VM-Exit Controls for MSRs"). */
struct vmx_msr_entry {
    u32 index;    /* the MSR */
    u32 reserved; /* 0 */
    u64 value;    /* loaded into it */
};
_Static_assert(sizeof(struct vmx_msr_entry) == 16, "MSR-load areas");

enum vmx_switched_msr {
    SWITCH_STAR,
    SWITCH_LSTAR,
    SWITCH_CSTAR,
    SWITCH_SFMASK,
    SWITCH_TSC_AUX, /* last: only where RDTSCP is enabled */
    SWITCH_COUNT
};

struct vmx_vcpu {
    struct virt_vcpu common;    /* must be first */
    u64 *vmcs;                  /* the region, a page */
    mpa_t vmcs_address;         /* its machine address */
    bool launched;              /* VMRESUME, not VMLAUNCH */
    u16 vpid;                   /* its tag in the TLB, 0: none */
    struct vmx_invalidate all;  /* operand of the INVVPID that flushes it */
    u32 proc;                   /* PROC_CONTROLS as written */
    u32 entry;                  /* ENTRY_CONTROLS as written */
    u64 cr0_mask, cr4_mask;     /* CR0 and CR4 bits that the guest sees in the read shadows */
    u64 cr0_shadow, cr4_shadow; /* those read shadows */
    u64 cr3_written;            /* GUEST_CR3 as written, when it is not the guest's own */
    u64 efer;                   /* the guest's EFER, when `efer_owned` */
    bool efer_owned;            /* EFER accesses exit and what runs is not what the guest sees */
    bool cr3_owned;             /* CR3 accesses exit and GUEST_CR3 is a shadow root */
    u64 cr3;                    /* the guest's CR3, when cr3_owned */
    u64 *log;                   /* page-modification log, a page, or NULL */
    u64 kernel_gs_base;         /* while not loaded */
    u64 cr2;                    /* while not loaded */
    u64 switched[SWITCH_COUNT]; /* enum vmx_switched_msr, while not loaded */
    /* MSR-load areas of one entry each, where !vmx_cap.efer. */
    struct vmx_msr_entry guest_efer __attribute__((aligned(16)));
    struct vmx_msr_entry host_efer;
};

static inline struct vmx_vcpu *vmx_of(struct vcpu *v)
{
    return (struct vmx_vcpu *)v->virt;
}

/* check_entry.c: why the processor has refused an entry: each of the manual's rules that is broken
 * is a line on the console, the first sentence goes to `why` (empty: none is known). */
void vmx_explain_refusal(char *why, size_t size);
/* Debug builds: the manual's checks before an entry. */
#ifdef DEBUG_BUILD
enum { CHECK_EVENT = 1 << 0, CHECK_ALL = 1 << 1 };
extern u8 vmx_unchecked; /* what was written since the last check can break: CHECK_ */
void vmx_check_changed(void);
/* Which rules a value of a field could break; those that change all the time, seldom any. */
static inline u8 vmx_rules_touched(u64 field, u64 value)
{
    enum { SURELY_PHYSICAL = 36 };

    switch (field) {
    case VMCS_PREEMPTION_TIMER:
    case VMCS_EXCEPTION_BITMAP:
    case VMCS_GUEST_RSP:
        return 0;
    case VMCS_GUEST_CR3:
        return value >> SURELY_PHYSICAL ? CHECK_ALL : 0;
    case VMCS_GUEST_RIP:
        return value >> 32 ? CHECK_EVENT : 0;
    case VMCS_ENTRY_EVENT:
    case VMCS_ENTRY_EVENT_ERROR:
    case VMCS_ENTRY_INSN_LENGTH:
    case VMCS_GUEST_INTERRUPTIBILITY:
    case VMCS_GUEST_PENDING_DEBUG:
    case VMCS_GUEST_RFLAGS:
        return CHECK_EVENT;
    default:
        return CHECK_ALL;
    }
}
static inline void vmx_note_write(u64 field, u64 value)
{
    vmx_unchecked |= vmx_rules_touched(field, value);
}
static inline void vmx_check_before_entry(void)
{
    if (unlikely(vmx_unchecked))
        vmx_check_changed();
}
/* desk.c: after an exit: does the debugger want to know something? */
void vmx_serve_desk(struct vcpu *v);
static inline void vmx_look_at_desk(struct vcpu *v)
{
    if (unlikely(desk_request))
        vmx_serve_desk(v);
}
#else
static inline void vmx_note_write(u64 field, u64 value)
{
    (void)field;
    (void)value;
}
static inline void vmx_check_before_entry(void)
{
}
static inline void vmx_look_at_desk(struct vcpu *v)
{
    (void)v;
}
#endif

/* capability.c */
void vmx_capability_init(void);
/* A VMWRITE that must succeed: every field written is one that the capabilities promise. */
void vmwrite_failed(u64 field, u64 value) __attribute__((noreturn, cold));
static inline void vmwrite(u64 field, u64 value)
{
    if (unlikely(!vmwrite_checked(field, value)))
        vmwrite_failed(field, value);
    vmx_note_write(field, value);
}
/* setup.c */
struct virt_vcpu *vmx_create(struct vcpu *v);
void vmx_destroy(struct vcpu *v);
/* Switches VMX on; panics if VMXON fails. */
void vmx_switch_on(void);
/* Makes v's VMCS current if another is. */
void vmx_make_current(struct vcpu *v);
/* switch.c */
void vmx_load(struct vcpu *v);
void vmx_put(struct vcpu *v);
/* msr_bitmap.c: the page that all vcpus share: efer_free: EFER may be read without an exit. */
mpa_t vmx_msr_bitmap(bool efer_free);
/* regs.c */
u64 vmx_read_reg(struct vcpu *v, enum virt_reg r);
/* Puts what is dirty of the registers, RIP excepted, into the processor. */
void vmx_write_dirty(struct vcpu *v, u32 dirty);
enum virt_blocking vmx_blocking(struct vcpu *v);
void vmx_completed(struct vcpu *v, bool single_step);
void vmx_get_segment(struct vcpu *v, enum seg s, struct segment *out);
void vmx_set_segment(struct vcpu *v, enum seg s, const struct segment *in);
void vmx_get_table(struct vcpu *v, bool idt, u64 *base, u16 *limit);
void vmx_set_table(struct vcpu *v, bool idt, u64 base, u16 limit);
void vmx_begin_shadow(struct vcpu *v, bool ss);
void vmx_block_nmi(struct vcpu *v, bool block);
unsigned vmx_cpl(struct vcpu *v);
u64 vmx_plain_64bit(struct vcpu *v);
u64 vmx_plain_64bit_root(struct vcpu *v);
u64 vmx_exit_rip(struct vcpu *v);
/* enterable.c */
bool vmx_enterable(struct vcpu *v);
/* control_regs.c: CR0, CR3, CR4 and EFER from their cached values and paging_get_controls. */
void vmx_set_root(struct vcpu *v, u64 cr3, u64 root);
void vmx_show(struct vcpu *v, enum virt_reg r, u64 value, u64 root);
void vmx_apply_control_registers(struct vcpu *v, u32 dirty);
/* flush.c */
void vmx_flush_vpid(u16 vpid);
/* From the next entry on the processor runs on `root`, which the guest takes for its CR3. One VPID
 * serves all of a vcpu's roots, so this flushes. */
static inline void vmx_load_root(struct vmx_vcpu *x, u64 cr3, u64 root)
{
    x->common.reg[VREG_CR3] = x->cr3 = cr3;
    x->common.valid |= 1u << VREG_CR3;
    x->cr3_written = root;
    vmwrite(VMCS_GUEST_CR3, root);
    if (vmx_cap.vpid && unlikely(!invvpid(INVVPID_ONE, &x->all)))
        vmx_flush_vpid(x->vpid); /* which says why */
}
/* run.c */
void vmx_run(struct vcpu *v, u64 until, struct exit *e);
/* exit.c */
/* What a basic exit reason is: enum exit_reason, enum ledger_counter << 8, and these; a word, to be
 * read at once. */
enum vmx_exit_kind {
    KIND_COUNTER_SHIFT = 8,
    KIND_INSTRUCTION = 1 << 16, /* caused by an instruction: it has a length; no event underway */
    KIND_MORE = 1 << 17,        /* vmx_decode_more has more to read */
    KIND_SHORT = 1 << 18,       /* cpu_handle_shortly may handle it */
    KIND_PLAIN = 1 << 19,       /* KIND_INSTRUCTION and nothing else */
};
extern const u32 vmx_exit_kinds[VMX_EXIT_REASONS];
/* Reads what is special to the exit. */
void vmx_decode_more(struct vmx_vcpu *x, struct exit *e);
/* The same for IN, OUT, INS and OUTS alone. */
void vmx_decode_io(struct exit *e);
/* An IRET that faulted, or found no memory, has ended the blocking of NMIs; it will be executed
 * again. */
void vmx_block_nmi_again(void) __attribute__((cold));
/* "Exit Qualification for EPT Violations", as the error code of a page fault, and the addresses. */
static inline void vmx_decode_violation(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->error = (q & EPTQ_WAS_ALLOWED ? PF_P : 0) | (q & EPTQ_WRITE ? PF_W : 0) |
               (q & EPTQ_FETCH ? PF_I : 0);
    e->gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
    if (unlikely(q & EPTQ_NMI_UNBLOCKED) && !e->event_being_delivered)
        vmx_block_nmi_again();
    e->gva_valid = q & EPTQ_LINEAR_VALID;
    e->on_table_walk = e->gva_valid && !(q & EPTQ_FINAL);
    if (e->gva_valid)
        e->gva = vmread(VMCS_GUEST_LINEAR_ADDRESS);
}
/* An exit that no instruction asked for, or a failed entry. The event whose delivery it
 * interrupted, if any, becomes common.event again. */
void vmx_decode_event(struct vcpu *v, u32 kind, struct exit *e);
/* entry.asm: where exits arrive. */
void vmx_exit_point(void) __attribute__((visibility("hidden")));
/* nmi.asm: ends the processor's blocking of NMIs (an IRET to the next instruction). */
void vmx_unblock_nmi(void);
/* run.c: enters the guest and decodes the exit, but handles nothing. */
void vmx_enter_once(struct vcpu *v, u64 until, struct exit *e);
/* replay.c */
unsigned vmx_replay(struct vcpu *v, struct virt_fault *fault, unsigned room);
/* report.c */
void vmx_report(struct vcpu *v, const struct exit *e);
void vmx_report_failed_entry(struct vcpu *v, u32 raw);
/* write_log.c */
int vmx_log_init(struct vcpu *v);
void vmx_log_collect(struct vcpu *v);
void vmx_log_destroy(struct vcpu *v);
/* flush.c */
void vmx_flush_page(mfn_t root, u64 gva);
void vmx_flush_root(mfn_t root);
void vmx_flush_all(void);
/* slice_nmi.c: the slice clock where there is no preemption timer. */
void vmx_slice_init(void);
void vmx_slice_arm(u64 until);
/* No vcpu is loaded any more: an NMI on its way need not come again. */
void vmx_slice_off(void);
void vmx_slice_expired(void);

#endif
