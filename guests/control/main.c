/*
 * control: what CR4's newer bits do, as far as CPUID says that the processor has them: PCIDE, with
 * CR3's PCID and INVPCID, and UMIP. What CPUID does not say is refused. PCID has no meaning for a
 * guest that cannot tell what a processor remembers; so what is checked is that nothing is
 * remembered that was to be forgotten, and each #GP.
 */
#include "control.h"
#include "user_umip.h"

const char guest_name[] = "control";

enum features { FEATURE_PCID = 1 << 17, FEATURE_INVPCID = 1 << 10, FEATURE_UMIP = 1 << 2 };
enum { LEAF_FEATURES = 1, LEAF_EXTENDED = 7 };
#define CR0_PG  (1ULL << 31)
#define CR3_PWT (1ULL << 3)
#define BIT(n)  (1ULL << (n))
/* Not mapped, and not canonical. */
#define NOWHERE       0x7f0000000000ULL
#define NON_CANONICAL 0x800000000000ULL

unsigned last_fault, faults;
u64 last_error;
bool has_invpcid;

static struct trap_frame *on_fault(struct trap_frame *f)
{
    last_fault = (unsigned)f->vector;
    last_error = f->error;
    faults++;
    f->rip = f->rbx;
    return f;
}

#define FAULT_OF(instruction, ...)                                                                 \
    do {                                                                                           \
        last_fault = NO_FAULT;                                                                     \
        __asm__ volatile(FAULT_GOES_TO instruction FAULT_HERE : : __VA_ARGS__ : "rbx", "memory");  \
        return last_fault;                                                                         \
    } while (0)

unsigned fault_of_cr0(u64 value)
{
    FAULT_OF("mov %0, %%cr0", "r"(value));
}

unsigned fault_of_cr3(u64 value)
{
    FAULT_OF("mov %0, %%cr3", "r"(value));
}

unsigned fault_of_cr4(u64 value)
{
    FAULT_OF("mov %0, %%cr4", "r"(value));
}

unsigned fault_of_invpcid(u64 type, const struct invpcid_descriptor *descriptor)
{
    FAULT_OF("invpcid (%0), %1", "r"(descriptor), "r"(type));
}

/* The register does not take the value, and keeps the one that it has. */
static void refuses(const char *what, unsigned (*fault_of)(u64), u64 (*read)(void), u64 value)
{
    u64 before = read();

    check_equal(what, TRAP_GENERAL_PROTECTION, fault_of(value));
    check_equal(what, before, read());
}

static void takes(const char *what, unsigned (*fault_of)(u64), u64 (*read)(void), u64 value,
                  u64 expected)
{
    check_equal(what, NO_FAULT, fault_of(value));
    check_equal(what, expected, read());
}

static void check_cr3(u64 root)
{
    takes("CR3: PCID 1", fault_of_cr3, read_cr3, root | 1, root | 1);
    takes("CR3: PCID 0xfff, nothing flushed", fault_of_cr3, read_cr3, root | 0xfff | CR3_NO_FLUSH,
          root | 0xfff);
    takes("CR3: PCID 0x18, which are not PCD and PWT", fault_of_cr3, read_cr3, root | 0x18,
          root | 0x18);
    refuses("CR3, a reserved bit", fault_of_cr3, read_cr3, root | BIT(62));
    refuses("CR3, a reserved bit, nothing flushed", fault_of_cr3, read_cr3,
            root | BIT(62) | CR3_NO_FLUSH);
    refuses("CR3, beyond the address width", fault_of_cr3, read_cr3, root | BIT(52));
}

/* PCIDE is 0 before and after. */
static void check_pcide(void)
{
    const u64 root = read_cr3(), cr4 = read_cr4();

    refuses("CR3: bit 63 without PCIDE", fault_of_cr3, read_cr3, root | CR3_NO_FLUSH);
    takes("CR3 with PWT", fault_of_cr3, read_cr3, root | CR3_PWT, root | CR3_PWT);
    refuses("PCIDE, with CR3 bits 11:0 not 0", fault_of_cr4, read_cr4, cr4 | CR4_PCIDE);
    takes("CR3 as it was", fault_of_cr3, read_cr3, root, root);
    takes("PCIDE", fault_of_cr4, read_cr4, cr4 | CR4_PCIDE, cr4 | CR4_PCIDE);
    refuses("paging off with PCIDE", fault_of_cr0, read_cr0, read_cr0() & ~CR0_PG);
    check_cr3(root);
    takes("PCIDE off, with a PCID", fault_of_cr4, read_cr4, cr4, cr4);
    check_equal("CR3 behind it", root | 0x18, read_cr3());
    refuses("PCIDE again, with CR3 bits 11:0 not 0", fault_of_cr4, read_cr4, cr4 | CR4_PCIDE);
    takes("CR3 as it was", fault_of_cr3, read_cr3, root, root);
}

static unsigned invpcid(u64 type, u64 pcid, u64 address)
{
    const struct invpcid_descriptor descriptor = {.pcid = pcid, .address = address};

    return fault_of_invpcid(type, &descriptor);
}

#define REFUSED(what, type, pcid, address)                                                         \
    check_equal("INVPCID, " what, TRAP_GENERAL_PROTECTION, invpcid(type, pcid, address))
#define DONE(what, type, pcid, address)                                                            \
    check_equal("INVPCID, " what, NO_FAULT, invpcid(type, pcid, address))

/* PCIDE is `pcide`. (That all 64 bits of the type count is not checked: Bochs looks at 32.) */
static void check_invpcid(bool pcide)
{
    static const u8 reserved[] = {12, 13, 31, 32, 63};

    for (u64 type = 0; type < INVPCID_TYPES; type++) {
        DONE("all of its types", type, 0, USER_BASE);
        for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++)
            REFUSED("a reserved bit of the descriptor", type, BIT(reserved[i]), USER_BASE);
        check_equal("INVPCID, of the largest PCID",
                    pcide || type >= EVERYTHING ? NO_FAULT : TRAP_GENERAL_PROTECTION,
                    invpcid(type, 0xfff, USER_BASE));
    }
    REFUSED("type 4", INVPCID_TYPES, 0, USER_BASE);
    REFUSED("no canonical address", ONE_ADDRESS, 0, NON_CANONICAL);
    DONE("no canonical address that anybody looks at", ONE_PCID, 0, NON_CANONICAL);
    DONE("no canonical address that anybody looks at", EVERYTHING, 0, NON_CANONICAL);
    check_equal("INVPCID, its descriptor not mapped", TRAP_PAGE_FAULT,
                fault_of_invpcid(EVERYTHING, (const struct invpcid_descriptor *)NOWHERE));
    check_equal("INVPCID, its descriptor not mapped: where", NOWHERE, read_cr2());
    check_equal("INVPCID, its descriptor not mapped: error code", 0, last_error);
}

static void check_pcid(void)
{
    const u64 cr4 = read_cr4();

    if (!(cpuid(LEAF_FEATURES, 0).ecx & FEATURE_PCID)) {
        refuses("PCIDE, of which CPUID says nothing", fault_of_cr4, read_cr4, cr4 | CR4_PCIDE);
        return;
    }
    check_pcide();
    if (has_invpcid)
        check_invpcid(false);
    takes("PCIDE", fault_of_cr4, read_cr4, cr4 | CR4_PCIDE, cr4 | CR4_PCIDE);
    if (has_invpcid)
        check_invpcid(true);
    check_memory_of_pcids();
    takes("PCIDE as it was", fault_of_cr4, read_cr4, cr4, cr4);
}

/* How many of the instructions fault in user mode. */
static unsigned refused_to_user(struct space *s)
{
    unsigned before = faults;

    for (u64 i = 0; i < UMIP_INSTRUCTIONS; i++)
        check_equal("UMIP: the program comes back", i, user_run(s, user_umip, i));
    return faults - before;
}

static void check_umip(void)
{
    const u64 cr4 = read_cr4();
    struct space s;

    if (!(cpuid(LEAF_EXTENDED, 0).ecx & FEATURE_UMIP)) {
        refuses("UMIP, of which CPUID says nothing", fault_of_cr4, read_cr4, cr4 | CR4_UMIP);
        return;
    }
    user_space_create(&s);
    platform->space_load(&s);
    takes("UMIP off", fault_of_cr4, read_cr4, cr4 & ~CR4_UMIP, cr4 & ~CR4_UMIP);
    check_equal("UMIP off: none faults", 0, refused_to_user(&s));
    takes("UMIP", fault_of_cr4, read_cr4, cr4 | CR4_UMIP, cr4 | CR4_UMIP);
    check_equal("UMIP: all fault", UMIP_INSTRUCTIONS, refused_to_user(&s));
    check_equal("UMIP: by #GP", TRAP_GENERAL_PROTECTION, last_fault);
    check_equal("UMIP: error code", 0, last_error);
    takes("UMIP as it was", fault_of_cr4, read_cr4, cr4, cr4);
    platform->space_load(&kernel_space);
}

void guest_main(void)
{
    if (not_for_pv())
        return;
    has_invpcid = cpuid(LEAF_EXTENDED, 0).ebx & FEATURE_INVPCID;
    trap_handle(TRAP_GENERAL_PROTECTION, on_fault);
    trap_handle(TRAP_UNDEFINED, on_fault);
    trap_handle(TRAP_PAGE_FAULT, on_fault);
    check_pcid();
    if (!has_invpcid)
        check_equal("INVPCID, of which CPUID says nothing", TRAP_UNDEFINED,
                    invpcid(EVERYTHING, 0, 0));
    check_umip();
    trap_handle(TRAP_GENERAL_PROTECTION, NULL);
    trap_handle(TRAP_UNDEFINED, NULL);
    trap_handle(TRAP_PAGE_FAULT, NULL);
}
