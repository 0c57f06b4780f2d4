/*
 * What differs between the places where a guest can find itself: one table of operations. The
 * native form of each is a plain instruction or store.
 *
 *   native   a bare machine (GRUB, or PVH without a hypervisor's signature in CPUID)
 *   full     PVH entry and Trivisor's CPUID signature
 *   xen-pvh  PVH entry and Xen's
 *   pv       PV entry, and TRIVISOR_NULL answers 0
 *   xen-pv   PV entry, and it answers -ENOSYS
 */
#ifndef KIT_PLATFORM_H
#define KIT_PLATFORM_H

#include "kit/types.h"

struct space;
struct trap_frame;

/* One page-table entry to change: where it is, and what it becomes. */
struct entry_change {
    u64 *entry; /* in a page table, at its kernel address */
    u64 value;  /* as platform.entry made it, or 0 */
};

/*
 * Tour 19: where virtualization shows. Read this table as a definition: everything that a kernel
 * must do differently when it is paravirtualized is in it, and nothing else. Descriptor tables,
 * page-table entries, roots, flushes, interrupts, time. Under full virtualization each operation is
 * the plain instruction, and the hypervisor has to notice it by itself.
 */
struct platform {
    const char *name; /* as in the @guest line */
    bool pv;          /* the kernel is in ring 3, its page tables hold machine frames */
    bool xen_calls;   /* Xen's hypercalls work: PV, and PVH under Xen */
    bool large_pages; /* 2 MiB pages are to be had */
    bool apic_timer;  /* the timer is a local APIC */

    u16 user_cs, user_ss; /* user mode's selectors */

    /* Makes the console and the clock work. Called once, before all others. */
    void (*init)(void);
    /* Writes to the console, and returns when the bytes are on their way. */
    void (*console_write)(const char *text, size_t bytes);
    /* Ends the machine or the domain; code 0 is success. */
    void (*end)(unsigned code) __attribute__((noreturn));
    /* A command of public/trivisor.h; NULL where there is no Trivisor. */
    s64 (*trivisor)(u64 command, u64 a, u64 b);
    /* The TSC's rate. */
    u32 (*tsc_khz)(void);

    /* Descriptor tables, or what PV has for them. */
    void (*trap_init)(void);
    /* A vector (enum trap_vector) enters at stub; NULL: at the kit's own. */
    void (*trap_enter_at)(unsigned vector, void (*stub)(void));
    /* The stack on which traps from user mode arrive. */
    void (*set_kernel_stack)(u64 top);
    /* Resumes a frame, of kernel or user mode. */
    void (*resume)(struct trap_frame *frame);
    u64 (*fault_address)(void);
    /* Handlers for trap_enter_at that only read the TSC (probe.h): for an exception without, one
     * with an error code, and INT from user mode. */
    void (*probe_plain)(void);
    void (*probe_error)(void);
    void (*probe_call)(void);
    void (*irq_off)(void);
    void (*irq_on)(void);
    /* Interrupts on until one has been handled; returns with them off. */
    void (*idle)(void);

    /* The frame at guest-physical address pa as an entry with these bits. */
    u64 (*entry)(u64 pa, u64 bits);
    /* The guest-physical address in a present entry. */
    u64 (*entry_pa)(u64 entry);
    /* Stores one entry, or several; no flush. */
    void (*set_entry)(u64 *entry, u64 value);
    void (*set_entries)(const struct entry_change *change, unsigned count);
    /* Changes the entry that maps va in the current space, and flushes va. */
    void (*set_mapping)(u64 va, u64 *entry, u64 value);
    /* A zeroed page begins, or ceases, to be a page table. */
    void (*table_begin)(void *page);
    void (*table_end)(void *page);
    /* The space's roots begin, or cease, to be roots. */
    void (*space_pin)(struct space *s);
    void (*space_unpin)(struct space *s);
    void (*space_load)(struct space *s);
    void (*flush_page)(u64 va);
    void (*flush_all)(void);

    /* One timer interrupt after so many ticks of the TSC. */
    void (*timer_init)(void);
    void (*timer_once)(u64 ticks);
    /* One every so many ticks, until timer_stop. */
    void (*timer_periodic)(u64 ticks);
    void (*timer_stop)(void);
};

/* Where this guest is. Set by kit_main before anything else runs. */
extern const struct platform *platform;
extern const struct platform platform_native, platform_full, platform_xen_pvh, platform_pv,
    platform_xen_pv;

/* A timer interrupt's handler, called with interrupts off. */
extern void (*timer_handler)(void);

#endif
