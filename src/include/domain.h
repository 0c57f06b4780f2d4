/*
 * Domains: creation from a module, life and end.
 */
#ifndef DOMAIN_H
#define DOMAIN_H

#include "types.h"
#include "config.h"
#include "ledger.h"
#include "vcpu.h"

enum domain_limits {
    DOMAIN_MAX = 64,       /* domains that exist at once */
    DOMAIN_MAX_VCPUS = 32, /* what shared_info of the Xen ABI has room for */
};

enum end_reason {
    END_NONE,     /* alive */
    END_POWEROFF, /* the guest asked, with a code */
    END_REBOOT,   /* the guest asked */
    END_CRASH,    /* the guest's own fault: triple fault, SHUTDOWN_crash */
    END_KILLED,   /* the hypervisor stopped it: see detail */
};

struct module;
struct physmap;
struct pv_domain;
struct io_space;

struct domain {
    u16 id;                              /* its number: owner in the frame table */
    u16 vcpu_count;                      /* vcpus made */
    struct vcpu *vcpu[DOMAIN_MAX_VCPUS]; /* its virtual processors */
    struct domain_config config;         /* from the command line */
    const struct module *image;          /* the kernel it was built from; kept for restart */
    const struct module *initrd;         /* the RAM disk that goes with it, or NULL */
    const struct module *disk;           /* its emulated disk, or NULL */
    struct physmap *physmap;             /* what its frame numbers mean */
    struct pv_domain *pv;                /* pv only: start of day, shared_info, callbacks */
    struct io_space *io;                 /* its ports and MMIO regions */
    struct ledger ledger;                /* what it costs */
    u64 overhead_bytes;                  /* hypervisor memory on its account */
    u32 execute_only;                    /* frames of its RAM that can only be executed */
    u64 frames;                          /* machine frames that it owns */
    u64 frames_max;                      /* and may own */
    u32 tables_made;                     /* pv: counts its frames that became page tables */
    u32 undoing;                         /* pv: first of its FRAME_UNDOING frames, or 0 */
    bool undo_runs;                      /* pv: they are being worked on */
    bool linear_l4;                      /* pv: an L4 of its own has led to one; stays true */
    u32 life;                            /* 1, 2, ...: on_crash=restart */
    struct timer life_end;               /* life_ms= after its start */
    u32 expect;                          /* enum trivisor_expect of this life */
    u16 trace_life;                      /* number of this life in the trace, or 0 */
    u8 trace_switch;                     /* enum trace_switched */
    bool trace_wanted;                   /* its records are kept at present */
    bool started;                        /* has been handed to the scheduler */
    bool doomed;                         /* end is set: no vcpu of it may run again */
    bool told;                           /* its end has been printed */
    enum end_reason end;                 /* why it ended */
    u64 end_code;                        /* with END_POWEROFF */
    char end_detail[160];                /* a sentence, for END_KILLED and END_CRASH */
    char line[1024];                     /* console line being assembled */
    u32 line_length;                     /* bytes in it */
};

/* Makes a domain of a module: parses the configuration, reads the ELF, takes memory, readies
 * vcpu 0. NULL with a sentence in why on failure, everything given back. */
struct domain *domain_create(const struct module *image, char *why, size_t whysize);
/* Hands its vcpus to the scheduler. */
void domain_start(struct domain *d);
/* Ends a domain's life from whatever context: marks it, stops its vcpus. The memory goes when the
 * run loop next passes (domain_reap), never under the feet of the caller. The first end wins. */
void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));
/* From the run loop, on the processor's own stack with no guest tables needed: prints the end of
 * every doomed domain, gives its memory back, restarts it or starts the next one. Breaks off when
 * time is up (sched_time_is_up), having done a piece for each, and is due again
 * (lives_reap_due). Returns false when no domain is left and the machine should stop. */
bool domain_reap(void);
/* Every domain sleeps and no timer is set: nothing will ever happen again, so all are killed. */
void domain_end_sleepers(void);
struct domain *domain_by_id(u16 id);
/* All lives so far ended as they should. */
bool domain_all_well(void);

/*
 * The mode's part, one implementation linked in (src/cpu/domain_full.c, src/pv/domain_pv.c).
 */
/* Builds memory, first tables and vcpu 0 from the image. */
int domain_build(struct domain *d, char *why, size_t whysize);
/* Takes everything of domain_build's back, a piece at a call: UNBUILD_FRAMES frames are looked at,
 * or something of that order is done. True: nothing is left; false: to be called again. The vcpus
 * are gone; from the first call on no device and no timer of the domain does anything. */
enum { UNBUILD_FRAMES = 64 };
bool domain_unbuild(struct domain *d);

#endif
