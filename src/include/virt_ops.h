/*
 * What a processor vendor supplies behind virt.h: VT-x in src/cpu/vmx/; AMD-V later. The vendor
 * is found at boot, because one image must boot on either.
 *
 * src/cpu/virt.c does all that is common: the register cache, the combining of exceptions, the
 * interrupt window, the skipping of instructions.
 *
 * Invariant: between entries, reg[r] is the guest's value if valid has bit r; if dirty has bit
 * r too, the vendor's `run` puts it into the processor before the next entry. After an exit nothing
 * is dirty, and nothing valid but RIP, and RFLAGS and `shadow` if the exit's insn_len is not 0.
 */
#ifndef VIRT_OPS_H
#define VIRT_OPS_H

#include "mtrr.h"
#include "types.h"
#include "virt.h"

/* What the guest's last instruction holds back, besides RFLAGS.IF. */
enum virt_blocking {
    BLOCKING_NONE = 0,
    BLOCKING_INTERRUPTS = 1 << 0, /* STI or MOV SS has just been executed */
    BLOCKING_NMI = 1 << 1,        /* an NMI is being handled */
    BLOCKING_DEBUG = 1 << 2,      /* it was MOV SS: breakpoints too, besides interrupts */
};

/* What is to be done before the next entry: a bit for each enum virt_reg, and these. One word, so
 * that the usual entry, where only RIP has moved, looks once. */
enum virt_dirty {
    DIRTY_EVENT = 1 << 16,  /* has_event has become true */
    DIRTY_WINDOW = 1 << 17, /* window_wanted or nmi_window_wanted has changed */
    DIRTY_DEBUG = 1 << 18,  /* the vcpu's dr[], dr6 or dr7 have */
    DIRTY_PAGING = 1 << 19, /* what paging_get_controls answers has */
    DIRTY_TSC = 1 << 20,    /* tsc_offset has */
};

/* A page that the guest's tables of 64-bit mode map, with the entries that lead there: what was
 * found is still so as long as they are what they were (mmio_quick.c). */
enum { CODE_LEVELS = 4 };
struct walked_page {
    u64 cr3;                       /* the root */
    u64 page;                      /* linear address of the page */
    u64 gpa;                       /* where it lies */
    const u8 *bytes;               /* RAM: its bytes */
    u64 rights;                    /* PTE_W and PTE_U: what all entries grant */
    bool dirty;                    /* the last entry has PTE_D */
    bool found;                    /* all of this is known */
    const u64 *entry[CODE_LEVELS]; /* where they are; of a large page the last ones are its own */
    u64 value[CODE_LEVELS];        /* what they were */
};

/* The vendor's structure begins with this one. */
struct virt_vcpu {
    /* virt_ops->run, or by_hand.c's in its stead. */
    void (*run)(struct vcpu *v, u64 until, struct exit *e);
    u32 valid;                 /* bit per enum virt_reg: reg[] holds the guest's value */
    u32 dirty;                 /* enum virt_dirty */
    u8 shadow;                 /* instruction exits: 0: neither STI nor MOV SS came right before */
    bool has_event;            /* event is to be delivered at the next entry */
    bool nmi_window_wanted;    /* the same for an NMI */
    bool window_wanted;        /* an exit is to come as soon as an interrupt could be delivered */
    bool live;                 /* loaded on this processor */
    bool by_hand;              /* the processor cannot enter it as it is: by_hand.c runs it */
    u8 held;                   /* by hand: breakpoints, as bits of DR6, that a load of SS has met:
                                  #DB comes behind the next instruction */
    struct virt_event event;   /* see has_event */
    u64 pat;                   /* the guest's IA32_PAT, which nothing obeys */
    struct mtrr mtrr;          /* the same for its MTRRs */
    u64 tsc_offset;            /* the guest's TSC less the machine's */
    u64 tsc_adjust;            /* its IA32_TSC_ADJUST */
    u64 xcr0;                  /* the guest's XCR0 */
    u64 reg[VREG_COUNT];       /* cached registers */
    struct walked_page code;   /* from which the guest last reached a device; checked at each use */
    struct walked_page device; /* and which device's page it was, where that had to be looked up */
};

/* What a second stage of translation may or may not be able to do. */
enum virt_second_stage {
    SECOND_STAGE_1G = 1 << 0,           /* leaves of 1 GiB */
    SECOND_STAGE_EXECUTE_ONLY = 1 << 1, /* memory that can be executed and not read */
    SECOND_STAGE_FLAGS = 1 << 2,        /* accessed and dirty flags */
    SECOND_STAGE_LOG = 1 << 3,          /* a log of the dirty flags that it sets */
};

/* A fault of the guest's on its way to a triple fault. */
struct virt_fault {
    u8 vector;        /* which */
    bool during;      /* while another was delivered: */
    u8 during_vector; /* this one */
    u32 error;        /* error code */
    u64 address;      /* #PF: CR2 */
};

struct virt_ops {
    const char *name; /* for the boot banner */
    /* This processor is of the vendor and has the extension, usable or not. */
    bool (*present)(void);
    /* Checks every requirement, refuse()s by name what is missing, switches on. */
    void (*init)(void);
    /* What its second stage can do beyond the least: enum virt_second_stage; 0 without one. After
     * init. */
    u32 (*second_stage)(void);
    /* RDTSCP works in a guest. After init. */
    bool (*has_rdtscp)(void);
    /* So does INVPCID. */
    bool (*has_invpcid)(void);
    /* Makes and frees the vendor's structure; NULL: no memory. */
    struct virt_vcpu *(*create)(struct vcpu *v);
    void (*destroy)(struct vcpu *v);
    void (*load)(struct vcpu *v);
    void (*put)(struct vcpu *v);
    /* Enters the guest and fills *e at the exit; an event whose delivery the exit interrupted
     * becomes common.event again. */
    void (*run)(struct vcpu *v, u64 until, struct exit *e);
    /* A register's value, as the guest sees it. */
    u64 (*read_reg)(struct vcpu *v, enum virt_reg r);
    void (*get_segment)(struct vcpu *v, enum seg s, struct segment *out);
    void (*set_segment)(struct vcpu *v, enum seg s, const struct segment *in);
    /* GDTR, or IDTR. */
    void (*get_table)(struct vcpu *v, bool idt, u64 *base, u16 *limit);
    void (*set_table)(struct vcpu *v, bool idt, u64 base, u16 limit);
    /* The processor could enter the guest as its CR0 and segments are now. */
    bool (*enterable)(struct vcpu *v);
    unsigned (*cpl)(struct vcpu *v);
    /* RFLAGS, if CS.L is 1 and completing an instruction only moves RIP: no single step, no
     * breakpoint that it could have met, no shadow of STI or MOV SS to end. Otherwise 0, which
     * RFLAGS never is. */
    u64 (*plain_64bit)(struct vcpu *v);
    /* The same, and CR3 is in the cache. */
    u64 (*plain_64bit_root)(struct vcpu *v);
    enum virt_blocking (*blocking)(struct vcpu *v);
    /* An instruction has been completed: ends STI's and MOV SS's shadow; single_step: #DB follows.
     */
    void (*completed)(struct vcpu *v, bool single_step);
    /* The instruction that has been completed was STI, or a load of SS: its shadow begins. */
    void (*begin_shadow)(struct vcpu *v, bool ss);
    /* An NMI is, or is no longer, being handled. */
    void (*block_nmi)(struct vcpu *v, bool block);
    /* The guest's CR3 is now `cr3`, and the processor runs on `root` instead, at once: flushes. The
     * vcpu is loaded. */
    void (*load_root)(struct vcpu *v, u64 cr3, u64 root);
    /* The guest sees CR0 or CR4 with this value now, while the processor's own stays (only bits
     * have changed whose change by the guest exits), and the processor runs on `root`, at once:
     * flushes. The vcpu is loaded. */
    void (*show)(struct vcpu *v, enum virt_reg r, u64 value, u64 root);
    /* RIP at the last exit, whatever has been done since. */
    u64 (*exit_rip)(struct vcpu *v);
    void (*report)(struct vcpu *v, const struct exit *e);
    /* After a triple fault: what led to it, the first fault first; how many are known. May be NULL.
     */
    unsigned (*replay)(struct vcpu *v, struct virt_fault *fault, unsigned room);
    /* SECOND_STAGE_LOG: gives v an empty log of its writes, if it has none, for
     * paging_controls.log_writes. 0 or -ENOMEM. */
    int (*log_init)(struct vcpu *v);
    /* Empties it, into paging_logged. */
    void (*log_collect)(struct vcpu *v);
    /* Flushes of tlb.h. */
    void (*flush_page)(mfn_t root, u64 gva);
    void (*flush_root)(mfn_t root);
    void (*flush_all)(void);
};

static inline void virt_mark(struct vcpu *v, enum virt_dirty what)
{
    v->virt->dirty |= what;
}

extern const struct virt_ops *virt_ops;
extern const struct virt_ops *const virt_vendors[]; /* src/cpu/vendors.c, ends with NULL */

#endif
