/*
 * The one interface of Trivisor's own that a guest may use, in every mode.
 *
 * Under paravirtualization it is hypercall 55 (__HYPERVISOR_arch_7, which Xen
 * leaves unused and answers with -ENOSYS); under full virtualization it is VMCALL
 * with the same registers: eax = 55, rdi = command, rsi and rdx = arguments, the
 * result in rax. Natively it does not exist, and a guest must not call it.
 *
 * A guest finds out that it runs fully virtualized under Trivisor from CPUID leaf
 * 0x40000000: ebx, ecx, edx spell "TrivisorTriv".
 *
 * This header is shared by the hypervisor and the guests.
 */
#ifndef PUBLIC_TRIVISOR_H
#define PUBLIC_TRIVISOR_H

#define TRIVISOR_HYPERCALL 55

#define TRIVISOR_CPUID_LEAF 0x40000000u
#define TRIVISOR_CPUID_EBX  0x76697254u /* "Triv" */
#define TRIVISOR_CPUID_ECX  0x726f7369u /* "isor" */
#define TRIVISOR_CPUID_EDX  0x76697254u /* "Triv" */

enum trivisor_command {
    /* Open region rsi (0..TRIVISOR_REGIONS-1) of the ledger. Returns 0 or -EINVAL. */
    TRIVISOR_MARK_BEGIN = 0,
    /* Close it: all that the domain's counters gained since is added to the region. */
    TRIVISOR_MARK_END = 1,
    /* Debug builds: recompute every invariant from scratch; returns the number of
     * violations (0: all is well). Release builds: -ENOSYS. */
    TRIVISOR_CHECK = 2,
    /* Which life of the domain this is: 1, then 2, 3, ... under on_crash=restart. */
    TRIVISOR_LIFE = 3,
    /* Does nothing and returns 0: the cheapest way in and out, for calibration. */
    TRIVISOR_NULL = 4,
    /* Declare how this life will end: rsi = enum trivisor_expect. The `@domain` line says
     * whether it did. */
    TRIVISOR_EXPECT = 5,
    /*
     * The domain's dirty log: which page frames it has written. ept and shadow; -ENOSYS
     * elsewhere.
     * On, with every frame clean: 0, -EBUSY (it is on) or -ENOMEM.
     */
    TRIVISOR_DIRTY_START = 6,
    /* Off: 0. */
    TRIVISOR_DIRTY_STOP = 7,
    /* Which of the TRIVISOR_DIRTY_FRAMES frames from gfn rsi on were written since they were last
     * read (bit 0: frame rsi); they count as clean from now on. Or -EINVAL: it is off. */
    TRIVISOR_DIRTY_READ = 8,

    /* The trace of this domain: rsi = 1 on, 0 off. 0, -EINVAL, or -ENODEV if the machine was not
     * booted with `trace=` (docs/formats.md). */
    TRIVISOR_TRACE = 9,

    /*
     * The frames that the domain uses (ept; -ENOSYS elsewhere, -EOPNOTSUPP on a processor without
     * accessed flags): as TRIVISOR_DIRTY_START, _STOP and _READ, of every access by the guest.
     */
    TRIVISOR_ACCESSED_START = 10,
    TRIVISOR_ACCESSED_STOP = 11,
    TRIVISOR_ACCESSED_READ = 12,
    /* The frame rsi of its RAM can be executed from now on, but neither read nor written: that is
     * #PF, error code with P. 0, -EINVAL: it is no RAM; -EBUSY: a log is on; -EOPNOTSUPP: the
     * processor cannot; -ENOMEM; ept only, -ENOSYS elsewhere. */
    TRIVISOR_EXECUTE_ONLY = 13,
    /* It can be read and written again: 0, -EINVAL or -EBUSY as above. */
    TRIVISOR_ALL_RIGHTS = 14,
};

#define TRIVISOR_DIRTY_FRAMES 32

/* How the present life expects to end (TRIVISOR_EXPECT). */
enum trivisor_expect {
    TRIVISOR_EXPECT_NONE = 0,   /* nothing special: poweroff with code 0 is success */
    TRIVISOR_EXPECT_KILLED = 1, /* the hypervisor will stop this life: anything else fails */
    TRIVISOR_EXPECT_CRASH = 2, /* the guest will bring itself down, by a triple fault or the like */
    TRIVISOR_EXPECT_ANY = 3,   /* nobody knows: whatever end it takes is as good as another */
};

#define TRIVISOR_REGIONS 64

/*
 * Full virtualization: a byte or more written to this port ends the domain, code = the
 * value (0: success). The same port as QEMU's isa-debug-exit; natively under Bochs it is
 * nobody's, and the guest goes on to the next way of stopping the machine.
 */
#define TRIVISOR_PORT_END 0xf4

#endif
