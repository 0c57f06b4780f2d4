/*
 * What src/pv/ keeps of a domain and of a vcpu, and what its files say to each other.
 *
 * The guest's kernel and its user programs both run in ring 3, each with its own L4 table; syscall,
 * traps and interrupts come to entry.asm, which stores the guest's registers in struct vcpu and
 * calls the handler on the processor's own stack, with the guest's tables still loaded.
 */
#ifndef PV_H
#define PV_H

#include "domain.h"
#include "pcpu.h"
#include "segment.h"
#include "vcpu.h"
#include "x86.h"

/* The newest interface that the headers know; without it they give the numbers of an old one. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/vcpu.h>

enum pv_limits {
    PV_PORTS = EVTCHN_2L_NR_CHANNELS, /* event channels of a domain, port 0 never used */
    PV_PORT_BUCKET = 64,              /* records of ports that are made together, as Xen's are */
    PV_GDT_FRAMES = 14,               /* FIRST_RESERVED_GDT_PAGE: those below are the guest's */
    PV_LDT_FRAMES = 16,               /* 8192 entries */
    PV_WINDOW_FRAMES = 32             /* a vcpu's part of the per-domain window: GDT, then LDT */
};
_Static_assert(PV_GDT_FRAMES == FIRST_RESERVED_GDT_PAGE, "xen/arch-x86/xen.h");

/* regs.vector of a guest that came by `syscall` and may leave by `sysret`. */
enum { VECTOR_SYSCALL = 0x100 };

/* Where a trap or callback goes. */
enum bounce_flags {
    BOUNCE_MASK = 1 << 0,  /* evtchn_upcall_mask is set on the way */
    BOUNCE_ERROR = 1 << 1, /* an error code is pushed */
    BOUNCE_OTHER_FRAME =
        1 << 2,                /* the frame is another yet: one of the next two, or both, is set */
    BOUNCE_SELECTORS = 1 << 3, /* the segment selectors are pushed */
    BOUNCE_IOPL = 1 << 4,      /* rflags has the virtual I/O privilege level */
};
struct pv_gate {
    u64 address; /* canonical; 0: none */
    u16 cs;      /* its privilege level is 3 */
    u8 flags;    /* enum bounce_flags */
    u8 dpl;      /* least privilege that may use it by `int n` */
    u32 unused;  /* 0 */
};
_Static_assert(sizeof(struct pv_gate) == 16, "256 of them in a page");

/* What an iret does beside going back. */
enum at_iret {
    IRET_SETS_IOPL = 1 << 0, /* its rflags have the level: VMASST_TYPE_architectural_iopl */
    IRET_ENDS_NMI = 1 << 1,  /* an NMI's handler runs: no other one comes before it */
};

struct virt_vcpu {
    /* Which of its two halves runs, and on what. */
    bool kernel_mode;           /* the guest's kernel runs, not a user program */
    bool ts;                    /* the guest has set CR0.TS */
    u8 iopl;                    /* virtual I/O privilege level */
    u8 at_iret;                 /* enum at_iret */
    u32 cr4;                    /* what it has set of PV_CR4_OWN */
    u32 io_ports;               /* ports that the bitmap speaks of */
    u64 io_bitmap;              /* of PHYSDEVOP_set_iobitmap: 0 allows; the kernel's address */
    u64 kernel_root, user_root; /* machine addresses of the L4 tables; user_root may be 0 */
    u64 kernel_sp;              /* kernel stack of stack_switch */

    /* Where the kernel is entered. */
    struct pv_gate event, failsafe;              /* callbacks */
    struct pv_gate syscall, syscall32, sysenter; /* those for programs' system calls */
    struct pv_gate *gate;                        /* 256: the trap table */

    /* Segments. */
    u64 fs_base, gs_kernel, gs_user; /* while not loaded */
    u16 ds, es, fs, gs;              /* selectors while not loaded */
    u32 gdt_frames;                  /* pages of its own GDT */
    u32 ldt_entries;                 /* of its LDT */
    u64 gdt_mfn[PV_GDT_FRAMES];      /* the GDT's */
    u64 ldt_mfn[PV_LDT_FRAMES];      /* 0: not used since the LDT, or the root, was set */
    u64 ldt_gva;                     /* where the guest has it */
    u64 *window;                     /* PV_WINDOW_FRAMES entries of the L1 table of slot 260 */
    struct iret_context iret_frame;  /* of the iret that is made, where its address is walked */

    /* What it is told. */
    struct vcpu_info *info;             /* shared with the guest */
    struct frame *info_frame;           /* of VCPUOP_register_vcpu_info, or NULL */
    u64 runstate_gva;                   /* of VCPUOP_register_runstate_memory_area, or 0 */
    struct vcpu_runstate_info runstate; /* what is to be written there */
    bool nmi_pending;                   /* VCPUOP_send_nmi, not yet delivered */
    bool segments_lost;                 /* a selector could not be loaded again, not yet told */
    u64 time_gva;                       /* of VCPUOP_register_vcpu_time_memory_area, or 0 */
    u16 virq_port[NR_VIRQS];            /* bound to each virq of this vcpu, or 0 */

    /* Time. */
    struct timer periodic;   /* VCPUOP_set_periodic_timer */
    u64 period_ticks;        /* its period */
    u64 period_last;         /* when it last came, in ticks */
    struct timer poll_timer; /* the end of SCHEDOP_poll */
    bool polling;            /* blocked in SCHEDOP_poll */
    u32 poll_port;           /* for this port alone, or 0 */

    /* The call that is being made. */
    bool in_multicall;             /* it is an item of a multicall */
    bool again;                    /* the item is to be made again, with these arguments: */
    u64 again_first, again_second; /* its first two */
    bool again_more;               /* its third as well: */
    u64 again_third;               /* that */
    u64 entry_tsc;                 /* when the guest left for the run loop */
    struct ledger_cell *exit_cell; /* what that is charged to */

    /* The trap that is being handled, as it arrived; kept while the trace is on. */
    struct {
        u64 rip;    /* of the guest */
        u64 cr2;    /* #PF: the address */
        u32 vector; /* of the trap */
        u32 error;  /* its error code, or 0 */
    } arrived;

    struct vcpu *owner; /* the vcpu */
};

enum pv_port_state {
    PORT_FREE,
    PORT_UNBOUND,
    PORT_PAIR,
    PORT_VIRQ,
    PORT_IPI,
    PORT_CONSOLE,
    PORT_STORE
};

struct pv_port {
    u8 state;       /* enum pv_port_state */
    u8 virq;        /* PORT_VIRQ */
    u16 vcpu;       /* whom it notifies */
    u16 remote;     /* PORT_PAIR: the other end */
    u16 remote_dom; /* PORT_PAIR: whose; PORT_UNBOUND: who may bind it */
};

struct xencons_interface;
struct xenstore;
struct xenstore_domain_interface;
struct pv_grants;

struct pv_watchdog {
    struct timer timer;    /* its end */
    struct domain *domain; /* whose, once it was armed */
    bool taken;            /* somebody has its number */
};
enum { PV_WATCHDOGS = 2 }; /* a domain has, as under Xen */

struct pv_domain {
    struct shared_info *shared;        /* a frame of the domain's, also mapped by the guest */
    struct frame *shared_frame;        /* its record */
    struct xencons_interface *console; /* the ring, in a frame held as writable */
    struct frame *console_frame;       /* its record */
    u64 window_l4e;                    /* L4 entry of slot 260 */
    u64 *window_l3, *window_l2;        /* its tables */
    u64 *window_l1;                    /* PV_WINDOW_FRAMES entries a vcpu */
    unsigned window_order;             /* of its pages */
    struct domain *owner;              /* the domain */
    struct xenstore_domain_interface *store_ring;     /* in a frame held as writable */
    struct frame *store_frame;                        /* its record */
    struct xenstore *store;                           /* once the guest has asked, or NULL */
    struct timer input_poll;                          /* while input= names it */
    u64 assists;                                      /* VMASST_TYPE_* that are on, a bit each */
    struct pv_port *ports[PV_PORTS / PV_PORT_BUCKET]; /* event channels, by buckets, or NULL */
    struct pv_grants *grants;                         /* grant_table.h; NULL: it has not used any */
    u32 xen_frames;     /* of its frames, those that it did not ask for: shared_info */
    u8 end_phase;       /* how far its end has come: unbuild.c */
    u64 end_at;         /* the frame that the walk of this phase comes to next */
    bool shutdown_said; /* SCHEDOP_shutdown_code was called */
    u8 shutdown_code;   /* with this reason */
    struct pv_watchdog watchdog[PV_WATCHDOGS]; /* watchdog.c */
};

static inline bool pv_assisted(const struct domain *d, unsigned type)
{
    return d->pv->assists >> type & 1;
}

/* For the assembly. Flags that a guest's iret may set, and those that a handler starts without. */
#define PV_FLAGS_OF_GUEST                                                                          \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF |           \
     RFLAGS_OF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)
#define PV_FLAGS_CLEARED (RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF | RFLAGS_AC)
enum pv_bits {
    PV_RFLAGS_IF_BIT = 9,
    PV_RFLAGS_IOPL_SHIFT = 12,
    PV_FRAME_MASK_BIT = 32, /* of a frame's cs: the event mask */
    PV_LOW_HALF_BITS = 47,  /* addresses below 2^47 are the guest's */
};

static inline struct vcpu *pv_current(void)
{
    return this_pcpu()->current;
}

/* An address range that a guest may name: outside of the hypervisor's slots. */
static inline bool pv_range_ok(u64 gva, u64 len)
{
    return (gva < HYPERVISOR_VIRT_START && len <= HYPERVISOR_VIRT_START - gva) ||
           gva >= HYPERVISOR_VIRT_END;
}
/* An address of which no more than this is looked at before it is used, be it of a list of any
 * length, or given for later: it is not the hypervisor's, and canonical, as Xen wants it. */
static inline bool pv_address_ok(u64 gva)
{
    return canonical(gva) && pv_range_ok(gva, 0);
}
/* Such a range from gva on that may be read through the loaded tables with no further look: one
 * that goes on beyond the lower half faults. Any other goes through pv_read_careful. */
static inline bool pv_read_plain(u64 gva)
{
    const struct pcpu *p = this_pcpu();

    return gva < p->read_below || gva > p->read_above;
}
/* linear.c: bytes not copied, and the fault's error code, as safe_copy. pv_set_reach: to be called
 * when d comes to run, and when its linear_l4 changes. */
size_t pv_read_careful(void *to, u64 gva, size_t len, u64 *error);
void pv_set_reach(const struct domain *d);
/* Copies between the hypervisor and the running guest's memory: true if all was copied. */
bool pv_copy_bytes_from(void *to, u64 gva, size_t len);
bool pv_copy_to(u64 gva, const void *from, size_t len);
/* access.asm: 0, or what the fault was; the range must have been checked, for pv_get_* by
 * pv_read_plain. */
u64 pv_put_word(u64 gva, u64 value);
u64 pv_get_half(void *to, u64 gva);
u64 pv_get_words(void *to, u64 gva, u64 words);
static inline bool pv_copy_from(void *to, u64 gva, size_t len)
{
    if (!__builtin_constant_p(len) || (len % sizeof(u64) && len != sizeof(u32)))
        return pv_copy_bytes_from(to, gva, len);
    if (unlikely(!pv_read_plain(gva)))
        return pv_copy_bytes_from(to, gva, len);
    return likely(
        !(len == sizeof(u32) ? pv_get_half(to, gva) : pv_get_words(to, gva, len / sizeof(u64))));
}

/* entry.asm */
void pv_enter(struct regs *regs);
void pv_syscall_entry(void) __attribute__((visibility("hidden")));
void pv_syscall32_entry(void) __attribute__((visibility("hidden")));
void pv_sysenter_entry(void) __attribute__((visibility("hidden")));
enum { SYSCALL_BYTES = 2 }; /* length of the instruction */

/* trap.c: called by entry.asm with the guest's registers stored; returns the ledger counter. */
u32 pv_trap(struct vcpu *v);
u32 pv_iret_failed(struct vcpu *v, u64 fault);

/* trace_pv.c: while the trace is on: keeps what the handling of a trap changes; and, called by
 * entry.asm, records an exit or hypercall that was charged to `cell`. */
void pv_trace_arrival(struct vcpu *v) __attribute__((cold));
void pv_trace_exit(struct vcpu *v, const struct ledger_cell *cell, u64 tsc, u64 ticks)
    __attribute__((cold));

/* bounce.asm: the guest kernel's handler gets a frame on its stack and runs next. */
void pv_bounce(struct vcpu *v, const struct pv_gate *gate, u32 error);
void pv_no_handler(struct vcpu *v, const struct pv_gate *gate);
void pv_no_stack(struct vcpu *v);
/* bounce.c */
void pv_bounce_trap(struct vcpu *v, u8 vector, u32 error);
/* By `int n`: without an error code. */
void pv_bounce_soft(struct vcpu *v, u8 vector);
void pv_bounce_page_fault(struct vcpu *v, u64 cr2, u32 error);
/* If an event is pending and not masked, the event callback is next. */
void pv_deliver_events(struct vcpu *v);

/* iret.asm, and what is left to do if it fails (callbacks.c) */
s64 pv_iret(void);
/* Its frame, where it cannot be read as it stands: ours, or NULL. */
const struct iret_context *pv_iret_frame(struct vcpu *v);
s64 pv_iret_unreadable(struct vcpu *v);
s64 pv_iret_no_table(struct vcpu *v);
/* While v->virt->at_iret is not 0; rflags as the frame has them. */
void pv_at_iret(struct vcpu *v, u64 rflags);

/* roots.c */
/* Loads the table of the present mode: a full flush. */
void pv_load_root(struct vcpu *v);
u64 pv_active_root(void);
/* Between the two the loaded vcpu's kernel's table is, whichever of its modes runs: what the kernel
 * gave the address of lies there. */
void pv_kernel_root_begin(const struct vcpu *v);
void pv_kernel_root_end(const struct vcpu *v);
/* An L4 becomes the kernel's root, or the user's: with VMASST_TYPE_m2p_strict it shows the M2P or
 * not. */
void pv_show_m2p(const struct domain *d, u64 l4, bool show);

/* report_pv.c: v's domain is about to end by its own fault: all that is known, on one screen. */
void pv_report_fall(struct vcpu *v);

/* control_registers.c */
void pv_set_ts(struct vcpu *v, bool ts);
/* The processor's CR0.TS and CR4.TSD as the guest has set them, and as the hypervisor has them. */
void pv_load_control(const struct vcpu *v);
void pv_unload_control(void);
/* privileged.c */
/* Carries out the privileged instruction at rip; false: it is none that we do. */
bool pv_emulate(struct vcpu *v);
/* table_write.c: carries out a store of the kernel's that faulted because gva maps a table; false:
 * it is none, or its entry is refused. */
bool pv_write_table(struct vcpu *v, u64 gva);
enum pv_version { PV_VERSION_MAJOR = 4, PV_VERSION_MINOR = 17 };
/* cpuid_pv.c */
enum { PV_MSR_HYPERCALL_PAGE = 0x40000000 }; /* where Xen has it: written, it fills a page */
void pv_cpuid(u32 leaf, u32 subleaf, u32 out[4]);
/* debug_registers.c: 0, -EPERM, -EINVAL, -ENODEV */
int pv_set_debug_register(struct vcpu *v, unsigned dr, u64 value);
s64 pv_debug_register(const struct vcpu *v, unsigned dr);
void pv_load_debug_registers(const struct vcpu *v);
/* mmuext_op.c: the L4 that the kernel runs on. 0, -EINVAL */
int pv_new_kernel_root(struct vcpu *v, u64 mfn);
/* sched_op.c: unmasks events and sleeps unless one is pending. */
void pv_block(struct vcpu *v);

/* descriptor_tables.c */
int pv_set_gdt(struct vcpu *v, const u64 *mfn, u32 frames);
int pv_set_ldt(struct vcpu *v, u64 gva, u32 entries);
/* The processor found no page of the LDT's at cr2, in the window: true: now it does; else *cr2 is
 * where the guest has it. */
bool pv_ldt_fault(struct vcpu *v, u64 *cr2);
/* The same for a fault that came back from the exception table; 0: none. */
bool pv_ldt_missing(struct vcpu *v, u64 fault);
/* Lets the LDT's pages go; they are taken again when they are used. */
void pv_drop_ldt(struct vcpu *v);
/* Is 64-bit code run under this selector? */
bool pv_code_is_64bit(const struct vcpu *v, u64 selector);
void pv_load_tables(struct vcpu *v);
void pv_unload_tables(struct vcpu *v);
/* segments.c */
void pv_load_segments(struct vcpu *v);
void pv_save_segments(struct vcpu *v);

/* physdev_op.c: whether what runs may use these ports. */
bool pv_port_allowed(const struct vcpu *v, u16 port, unsigned len);
/* pit_pv.c: 0 or -E */
int pv_pit_attach(struct domain *d);
/* callbacks.c: a gate's flags as they are kept; and the domain's frames show the I/O privilege
 * level from now on, or no longer. */
static inline u8 pv_gate_flags(const struct virt_vcpu *x, unsigned flags)
{
    return (u8)(flags | (x->at_iret & IRET_SETS_IOPL ? BOUNCE_OTHER_FRAME | BOUNCE_IOPL : 0));
}
void pv_show_iopl(struct domain *d, bool show);
/* nmi_op.c: 0 or -EINVAL; address 0: none. */
s64 pv_set_nmi_handler(struct virt_vcpu *x, u64 address);
void pv_send_nmi(struct vcpu *v);
void pv_deliver_nmi(struct vcpu *v);
/* grant_map.c: the end of a domain's grants; and whether a handle of the domain's stands for an L1
 * entry that names another's frame. */
void pv_grants_destroy(struct domain *d);
bool pv_grant_explains(const struct domain *d, u64 entry);
/* foreign.c: whose frames mmu_update and its like can name by their fourth argument. */
enum pv_owner {
    PV_OWN,     /* DOMID_SELF */
    PV_DEVICES, /* DOMID_IO */
    PV_OTHERS,  /* DOMID_XEN, or another domain that is there */
    PV_NOBODYS, /* any other number, and the caller's own */
};
enum pv_owner pv_owner_of(const struct domain *d, u16 id);
/* Who else may be named: nobody; 0, -EPERM (there is such a domain), -ESRCH. By mmuext_op,
 * update_va_mapping_otherdomain: */
int pv_foreign_frames(const struct domain *d, u16 id);
/* By memory_op and others: the caller's own number will do. */
int pv_foreign_domain(const struct domain *d, u32 id);

/* event_channel.c */
void pv_port_notify(struct domain *d, u32 port);
void pv_virq(struct vcpu *v, u32 virq);
/* event_bind.c: the console's, or 0: no memory. */
/* Those that are there from the start, or 0: no memory. */
enum pv_first_ports { PV_CONSOLE_PORT = 1, PV_STORE_PORT = 2 };
u32 pv_console_port(struct domain *d);
u32 pv_store_port(struct domain *d);
void pv_ports_destroy(struct domain *d);
/* console_ring.c */
void pv_console_drain(struct domain *d);
/* xenstore_ring.c: the guest has sent, or made room. false: time is up, to be called again. */
bool pv_store_notify(struct domain *d);
void pv_store_destroy(struct domain *d);
/* console_input.c: while the domain lives. */
void pv_console_input_begin(struct domain *d);
void pv_console_input_end(struct domain *d);
/* watchdog.c */
void pv_watchdogs_end(struct domain *d);
/* pv_time.c */
void pv_time_update(struct vcpu *v);
/* The wall clock of a new domain's shared_info. */
void pv_wall_clock(struct domain *d);
void pv_timer_init(struct vcpu *v);
void pv_set_timer(struct vcpu *v, u64 deadline_ns);
void pv_set_poll_timer(struct vcpu *v, u64 deadline_ns);
s64 pv_set_periodic(struct vcpu *v, u64 period_ns);
void pv_timer_cancel(struct vcpu *v);
/* runstate.c: RUNSTATE_* */
void pv_runstate_change(struct vcpu *v, u32 state);
/* m2p.c */
void m2p_init(void);
void m2p_set(u64 mfn, u64 gfn);

#endif
