/*
 * How a guest's instructions run: the contract between the core and src/cpu/ (VT-x, later
 * AMD-V) or src/pv/. All of it is called with IF=0.
 *
 * `vmread` and vendor codes stay behind it: what comes out is a normalized exit.
 */
#ifndef VIRT_H
#define VIRT_H

#include "types.h"
#include "vcpu.h"

enum exit_reason {
    EXIT_UNSUPPORTED, /* an instruction that the guest was told not to have: inject #UD */
    EXIT_EXCEPTION,   /* vector, error; page faults come as EXIT_PAGE_FAULT */
    EXIT_PAGE_FAULT,  /* gva, error */
    EXIT_INTERRUPT,   /* the machine's interrupt `vector` arrived; already acknowledged */
    EXIT_PREEMPTION,  /* the slice or the next timer is due */
    EXIT_WINDOW,      /* virt_request_window's moment has come */
    EXIT_CPUID,
    EXIT_HLT,
    EXIT_IO, /* port, size, in, string, rep */
    EXIT_RDMSR,
    EXIT_WRMSR,
    EXIT_CR,     /* cr, cr_op, gpr */
    EXIT_DR,     /* dr (in `cr`), in = read, gpr */
    EXIT_INVLPG, /* gva */
    EXIT_INVPCID,
    EXIT_STAGE2,    /* gpa, error (PF_ bits P, W, I); gva if gva_valid */
    EXIT_MISCONFIG, /* gpa */
    EXIT_LOG_FULL,  /* the processor's log of writes (virt_ops.h) */
    EXIT_HYPERCALL, /* number in rax (pv), VMCALL (full) */
    EXIT_SYSCALL,   /* pv: `syscall` from user mode */
    EXIT_XSETBV,
    EXIT_WBINVD,      /* or INVD */
    EXIT_TASK_SWITCH, /* task, error: selector of the TSS; an event's, if one is being delivered */
    EXIT_TRIPLE_FAULT,
    EXIT_UNEXPECTED,   /* one that cannot occur with the controls as they are */
    EXIT_FAILED_ENTRY, /* the processor refused the guest's state; already logged */
    EXIT_REASONS
};

enum cr_operation { CR_WRITE, CR_READ, CR_CLTS, CR_LMSW };

/*
 * Tour 10 [One loop and its contracts]: an exit, whoever made it. A guest runs until it does
 * something that the hypervisor has to see to: that is an exit. Processors describe it in their own
 * numbers; this structure is what the rest of the hypervisor reads instead. `reason` and `counter`
 * are always filled; of the rest only what the reason names. `insn_len` is not 0 if an instruction
 * asked for the exit and will be skipped when it has been done for the guest.
 */
struct exit {
    u8 reason;                 /* enum exit_reason */
    u8 counter;                /* enum ledger_counter that this exit is charged to */
    u8 insn_len;               /* length of the instruction, or 0: the decoder supplies it */
    u8 vector;                 /* EXIT_EXCEPTION, EXIT_INTERRUPT, EXIT_PAGE_FAULT */
    bool gva_valid;            /* EXIT_STAGE2: gva is the address being translated */
    bool on_table_walk;        /* EXIT_STAGE2: while walking the guest's tables */
    bool in;                   /* EXIT_IO: IN; EXIT_DR: read */
    bool string, rep;          /* EXIT_IO: INS/OUTS, with REP */
    u8 size;                   /* EXIT_IO: 1, 2 or 4 */
    u8 cr;                     /* EXIT_CR, EXIT_DR: which */
    u8 cr_op;                  /* enum cr_operation */
    u8 task;                   /* EXIT_TASK_SWITCH: enum emulate_task */
    u8 gpr;                    /* EXIT_CR, EXIT_DR: register number in instruction encoding */
    u16 port;                  /* EXIT_IO; LMSW: the source operand */
    u32 error;                 /* error code; EXIT_CPUID, once handled: the leaf */
    u32 event_being_delivered; /* insn_len 0: 0, or the VT-x style word of the event whose delivery
                                  was interrupted */
    u32 event_error;           /* its error code */
    u64 gva;                   /* guest virtual address */
    u64 gpa;                   /* guest physical address */
    u64 tsc;                   /* TSC when the hypervisor was reached */
    u32 raw;                   /* the vendor's own reason, for the ledger and reports only */
};

/* The numbers are those of both vendors' event words (type, bits 10:8). */
enum virt_event_type {
    VIRT_INTERRUPT = 0,
    VIRT_NMI = 2,
    VIRT_EXCEPTION = 3,
    VIRT_SOFT_INT = 4,       /* INT n */
    VIRT_PRIV_SOFT = 5,      /* INT1 */
    VIRT_SOFT_EXCEPTION = 6, /* INT3, INTO */
};

/* An event to deliver to the guest at its next entry. */
struct virt_event {
    u8 type;        /* enum virt_event_type */
    u8 vector;      /* which */
    u8 insn_len;    /* VIRT_SOFT_*: length of the instruction */
    bool has_error; /* error is pushed */
    u32 error;      /* error code */
    u64 cr2;        /* #PF: the address */
};

/* At boot, once a processor: find the vendor, check each requirement, switch on. A missing
 * requirement ends in refuse() with a sentence that names it. */
void virt_init(void);
/* One line for the boot banner: "vt-x", "pv". */
const char *virt_vendor(void);

/* Makes v->virt for a vcpu whose registers and mode are set by the domain builder through the
 * mode's own interface. 0 or -ENOMEM. */
int virt_vcpu_init(struct vcpu *v);
void virt_vcpu_destroy(struct vcpu *v);
/* Makes v's state live on this processor (VMCS pointer, FPU, debug registers, MSRs), and takes it
 * off. */
void virt_vcpu_load(struct vcpu *v);
void virt_vcpu_put(struct vcpu *v);
/* Runs v until it exits; fills *e. Must be loaded. `until` is the TSC at which the hypervisor
 * wants the processor back at the latest. */
void virt_vcpu_run(struct vcpu *v, u64 until, struct exit *e);
/* Handles an exit (the mode's dispatcher); returns when the vcpu may be entered again, or has been
 * blocked or its domain ended. */
void virt_handle_exit(struct vcpu *v, struct exit *e);
/* The trace is on: records the exit that has just been handled and charged, `ticks` of it. */
void virt_trace_exit(struct vcpu *v, const struct exit *e, u64 ticks) __attribute__((cold));
/* Called before each entry: turns what is pending for v (event.h) into an injection, or asks for a
 * window. */
void virt_deliver_pending(struct vcpu *v);

/* Queues an event for the next entry. Exceptions combine by the rules of "Exception and Interrupt
 * Reference" (double and triple fault). */
void virt_inject(struct vcpu *v, const struct virt_event *ev);
bool virt_can_inject(struct vcpu *v, enum virt_event_type type);
void virt_request_window(struct vcpu *v);
void virt_request_nmi_window(struct vcpu *v);
/* Makes v leave the guest soon, wherever it runs. */
void virt_kick(struct vcpu *v);

/* Registers by name; cached, so reading twice costs once. */
enum virt_reg {
    VREG_RIP,
    VREG_RSP,
    VREG_RFLAGS,
    VREG_CR0,
    VREG_CR2,
    VREG_CR3,
    VREG_CR4,
    VREG_EFER,
    VREG_FS_BASE,
    VREG_GS_BASE,
    VREG_KERNEL_GS_BASE,
    VREG_COUNT
};
u64 virt_get(struct vcpu *v, enum virt_reg r);
void virt_set(struct vcpu *v, enum virt_reg r, u64 value);
/* What paging_get_controls answers has changed: it is asked again before the next entry. */
void virt_paging_changed(struct vcpu *v);
enum segment_attributes {
    SEG_ATTR_TYPE = 0xf,
    SEG_ATTR_S = 1 << 4,
    SEG_ATTR_DPL_SHIFT = 5,
    SEG_ATTR_P = 1 << 7,
    SEG_ATTR_L = 1 << 9,
    SEG_ATTR_DB = 1 << 10,
    SEG_ATTR_G = 1 << 11,
    SEG_ATTR_UNUSABLE = 1 << 12,
};
struct segment {
    u64 base;     /* linear address of its start */
    u32 limit;    /* last byte */
    u16 selector; /* visible part */
    u16 attr;     /* type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11, unusable 12 */
};
enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };
void virt_get_segment(struct vcpu *v, enum seg s, struct segment *out);
void virt_set_segment(struct vcpu *v, enum seg s, const struct segment *in);
/* Current privilege level of the guest. */
unsigned virt_cpl(struct vcpu *v);
/* Moves RIP past the instruction and ends an STI or MOV SS shadow; a pending single step becomes
 * #DB. */
void virt_skip(struct vcpu *v, unsigned len);
/* Prints the vcpu's state for a person (a killed domain's report, the debugger's desk). */
void virt_report(struct vcpu *v, const struct exit *e);

/* Shorthands. */
void virt_inject_fault(struct vcpu *v, u8 vector, u32 error);
void virt_inject_page_fault(struct vcpu *v, u64 gva, u32 error);

#endif
