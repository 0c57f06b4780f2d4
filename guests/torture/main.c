/*
 * torture: page tables in all states. Two levels of entries with every combination of present,
 * writable, user, NX, accessed, dirty, a reserved bit and a large page; every kind of access; under
 * every setting of CR0.WP, EFER.NXE, CR4.SMEP and CR4.SMAP that there is. What comes out, with the
 * error code, CR2 and the flags afterwards, must be what the manual says (rules.c), or, where the
 * address was not flushed, what a processor may still remember.
 *
 * This is the 64-bit build: levels 2 and 1 of 4-level paging. torture32.elf and torturepae.elf are
 * the same for the other two formats (plain/).
 *
 * Arguments: cases=N in all; first=N, the number to begin with.
 */
#include "access.h"
#include "kit/kit.h"
#include "torture.h"

const char guest_name[] = "torture";

enum processor {
    LEAF_EXTENDED = 7,
    CPUID_SMEP = 1 << 7,
    CPUID_SMAP = 1 << 20,
};
#define CR0_WP   (1ULL << 16)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)
#define EFER     0xc0000080
#define EFER_NXE (1ULL << 11)

#define BASE (USER_BASE + (1ULL << 30))
#define PAGE (BASE + PAGE_INDEX * PAGE_SIZE)

static struct space space;
static struct target target;
static volatile u64 *upper, *lower;

static void prepare(void)
{
    u8 *large = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);
    u8 *page = large + PAGE_INDEX * PAGE_SIZE;

    page[AT_RETURN] = CODE_RET;
    page[AT_INTERRUPT] = CODE_INT;
    page[AT_INTERRUPT + 1] = TRAP_INT80;
    user_space_create(&space);
    upper = space_entry(&space, PAGE, 2, true);
    lower = space_entry(&space, PAGE, 1, true);
    target = (struct target){
        .table = *upper & ENTRY_ADDRESS,
        .page = (u64)page,
        .large = (u64)large,
        .rsvd = 1ULL << 51,
        .rsvd_large = 1ULL << 13,
        .nx = BIT_NX,
    };
    platform->space_load(&space);
    platform->trap_enter_at(TRAP_PAGE_FAULT, access_on_fault);
    platform->trap_enter_at(TRAP_INT80, access_on_interrupt);
}

void subject_set_mode(unsigned number, struct mode *m)
{
    *m = (struct mode){
        .wp = number & MODE_WP,
        .nxe = number & MODE_FORMAT,
        .smep = number & MODE_SMEP,
        .smap = number & MODE_SMAP,
        .wide = true,
        .large = true,
        .reserved = target.rsvd,
        .reserved_large = target.rsvd_large,
    };
    write_cr0((read_cr0() & ~CR0_WP) | (m->wp ? CR0_WP : 0));
    write_cr4((read_cr4() & ~(CR4_SMEP | CR4_SMAP)) | (m->smep ? CR4_SMEP : 0) |
              (m->smap ? CR4_SMAP : 0));
    wrmsr(EFER, (rdmsr(EFER) & ~EFER_NXE) | (m->nxe ? EFER_NXE : 0));
    platform->space_load(&space);
}

void subject_store(const struct pair *entries)
{
    *upper = entries->upper;
    *lower = entries->lower;
}

struct pair subject_load(void)
{
    return (struct pair){*upper, *lower};
}

void subject_flush(void)
{
    invlpg(PAGE);
}

void subject_report(const char *what, const struct mode *m, unsigned kind,
                    const struct pair *entries, const struct seen *s)
{
    print(
        "# %s: wp %u nxe %u smep %u smap %u, kind %x, entries %lx %lx: fault %u error %x cr2 %lx, "
        "entries %lx %lx\n",
        what, m->wp, m->nxe, m->smep, m->smap, kind, entries->upper, entries->lower, s->fault,
        s->error, s->cr2, s->after.upper, s->after.lower);
}

unsigned subject_modes(void)
{
    u32 has = cpuid(LEAF_EXTENDED, 0).ebx;

    return MODE_WP | MODE_FORMAT | (has & CPUID_SMEP ? MODE_SMEP : 0) |
           (has & CPUID_SMAP ? MODE_SMAP : 0);
}

void guest_main(void)
{
    unsigned cases = (unsigned)boot_number("cases", SHARE);
    struct tally tally;

    if (not_for_pv())
        return;
    prepare();
    torture(&target, cases, (unsigned)boot_number("first", 0), PAGE,
            user_address((const void *)access_user), &tally);
    platform->trap_enter_at(TRAP_PAGE_FAULT, NULL);
    platform->trap_enter_at(TRAP_INT80, NULL);
    platform->space_load(&kernel_space);
    print("# %u cases in %u modes, %u of them faults\n", tally.tried, tally.modes, tally.faulted);
    check_equal("each outcome is the manual's", 0, tally.differences);
}
