// sources: tests/model/mmu_model.c
/*
 * The vectors of the lab `walk`: what the model of the manual says of each case, a line a case, in
 * hexadecimal. A handout has such a file in place of the model; a teacher's grader makes its own,
 * with another seed, for every run.
 *
 *     walk_vectors SEED
 *
 *     permits GROUP CR0 CR4 EFER ACCESS USER WRITE NX  ALLOWED
 *     error CR4 EFER ACCESS CAUSE  ERROR
 *     reserved LONG EFER MAXPHYADDR PAGE1GB LEVEL PAGE  MASK
 *     walk GROUP CR0 CR3 CR4 EFER MAXPHYADDR PAGE1GB LA ACCESS  CAUSE LEVEL ERROR PHYSICAL SHIFT
 *          USER WRITE NX  COUNT, and COUNT times: ADDRESS BEFORE AFTER
 *
 * CAUSE is enum mmu_cause, ACCESS as below.
 */
#include "model/mmu_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ULL << (n))

/* An access, as the hypervisor's walker takes it (enum walk_access). */
enum access_bits {
    WRITE = 1 << 1,
    USER = 1 << 2,
    FETCH = 1 << 4,
    AC = 1 << 8,
    IMPLICIT = 1 << 9,
};
enum entry_bits {
    P = 1 << 0,
    W = 1 << 1,
    U = 1 << 2,
    A = 1 << 5,
    D = 1 << 6,
    PS = 1 << 7,
    G = 1 << 8,
};
enum numbers { PER_GROUP = 240, ENTRIES = 4 };
static const uint64_t PAGED = BIT(31) | BIT(0), WP = BIT(16), PAE = BIT(5), SMEP = BIT(20),
                      SMAP = BIT(21), LONG = BIT(10) | BIT(8), NXE = BIT(11), XD = BIT(63);

static uint64_t state;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t pick(uint64_t n)
{
    return (random64() >> 32) % n;
}

static struct mmu_access access_of(unsigned bits)
{
    return (struct mmu_access){.write = bits & WRITE,
                               .fetch = bits & FETCH,
                               .user = bits & USER,
                               .ac = (bits & AC) && !(bits & IMPLICIT)};
}

/* Every kind of access. */
static const unsigned accesses[] = {
    0,
    WRITE,
    FETCH,
    USER,
    USER | WRITE,
    USER | FETCH,
    AC,
    WRITE | AC,
    FETCH | AC,
    USER | AC,
    IMPLICIT,
    IMPLICIT | WRITE,
    USER | WRITE | AC,
    IMPLICIT | AC,
    IMPLICIT | AC | WRITE,
};
enum {
    ACCESSES = sizeof(accesses) / sizeof(accesses[0]),
    MODES = 16, /* of WP, SMEP, SMAP, NXE */
    RIGHTS_CASES = ACCESSES * MODES * 3,
};

static void permits(void)
{
    for (unsigned i = 0; i < ACCESSES * 64; i++) {
        unsigned access = accesses[i / 64];
        bool user = i & 1, write = i & 2, nx = i & 4, wp = i & 8, smep = i & 16, smap = i & 32;
        struct mmu_registers r = {.cr0 = PAGED | (wp ? WP : 0),
                                  .cr4 = PAE | (smep ? SMEP : 0) | (smap ? SMAP : 0),
                                  .efer = LONG | NXE};
        const char *group = access & USER            ? "rights_user"
                            : user && (smep || smap) ? "rights_smep_smap"
                                                     : "rights_supervisor";

        printf("permits %s %lx %lx %lx %x %d %d %d %d\n", group, r.cr0, r.cr4, r.efer, access, user,
               write, nx, mmu_permits(&r, access_of(access), user, write, nx));
    }
}

static void errors(void)
{
    for (unsigned i = 0; i < ACCESSES * 8 * 3; i++) {
        unsigned access = accesses[i / 24];
        struct mmu_registers r = {.cr4 = (i & 1 ? PAE : 0) | (i & 2 ? SMEP : 0),
                                  .efer = i & 4 ? NXE : 0};
        enum mmu_cause cause = MMU_NOT_PRESENT + i / 8 % 3;

        printf("error %lx %lx %x %x %x\n", r.cr4, r.efer, access, cause,
               mmu_error(&r, access_of(access), cause));
    }
}

/* The physical memory of a case: its entries alone. */
struct tables {
    unsigned count;            /* entries */
    uint64_t address[ENTRIES]; /* where each lies */
    uint64_t value[ENTRIES];   /* from the top */
};

static uint64_t read_tables(void *context, uint64_t address)
{
    struct tables *t = context;

    for (unsigned i = 0; i < t->count; i++) {
        if (t->address[i] == address)
            return t->value[i];
    }
    return ~0ULL;
}

/* One whole case. */
struct scene {
    struct mmu_registers r; /* the mode */
    struct tables tables;   /* top entry first; PAE: the PDPTE is the first */
    uint64_t linear;        /* the address */
    unsigned access;        /* enum access_bits */
    unsigned leaf;          /* level of the entry that maps the page */
};

static void translate(struct scene *s, struct mmu_outcome *out)
{
    mmu_translate(&s->r, s->linear, access_of(s->access), read_tables, &s->tables, out);
}

static uint64_t frame_below(unsigned maxphyaddr)
{
    return (random64() & (BIT(maxphyaddr) - 1)) & ~0xfffULL;
}

static unsigned top_level(const struct scene *s)
{
    return s->r.efer & BIT(10) ? 4 : 3;
}

/* Tables for a random address with every right, and A and D set, so that an access succeeds. */
static const uint8_t widths[] = {36, 39, 40, 46, 52};

static void build(struct scene *s, bool long_mode)
{
    unsigned top;

    memset(s, 0, sizeof(*s));
    s->r.maxphyaddr = widths[pick(sizeof(widths))];
    s->r.page1gb = pick(2);
    s->r.cr0 = PAGED | (pick(2) ? WP : 0);
    s->r.cr4 = PAE;
    s->r.efer = (long_mode ? LONG : 0) | (pick(4) ? NXE : 0);
    s->r.cr3 = long_mode ? frame_below(s->r.maxphyaddr) : (random64() & 0xffffffe0);
    s->linear = long_mode ? (uint64_t)((int64_t)(random64() << 16) >> 16) : random64() & 0xffffffff;
    s->access = accesses[pick(ACCESSES)];
    s->leaf = 1 + pick(long_mode && s->r.page1gb ? 3 : 2);
    top = top_level(s);
    uint64_t table = s->r.cr3;
    for (unsigned level = top; level >= s->leaf; level--) {
        unsigned shift = 12 + 9 * (level - 1), i = s->tables.count++;
        uint64_t next = frame_below(s->r.maxphyaddr), mask = level == 3 && !long_mode ? 3 : 511;
        uint64_t ignored = random64() & (long_mode ? 0x7ff0000000000e18ULL : 0xe18);

        s->tables.address[i] = table + 8 * (s->linear >> shift & mask);
        if (level == s->leaf)
            next = (next & ~(BIT(shift) - 1)) | (level > 1 ? PS : 0) | (pick(2) ? G : 0);
        s->tables.value[i] = next | P | W | U | A | D | ignored;
        if (level == 3 && !long_mode)
            s->tables.value[i] = next | P;
        table = next & ~0xfffULL;
    }
}

static void print_walk(const char *group, struct scene *s)
{
    struct mmu_outcome out;

    translate(s, &out);
    printf("walk %s %lx %lx %lx %lx %x %d %lx %x %x %x %x %lx %x %d %d %d %x", group, s->r.cr0,
           s->r.cr3, s->r.cr4, s->r.efer, s->r.maxphyaddr, s->r.page1gb, s->linear, s->access,
           out.cause, out.level, out.error, out.physical, out.page_shift, out.user, out.write,
           out.nx, s->tables.count);
    for (unsigned i = 0; i < s->tables.count; i++) {
        uint64_t after = s->tables.value[i];

        for (unsigned j = 0; j < out.used_count && out.cause == MMU_OK; j++) {
            if (out.used[j].address == s->tables.address[i])
                after = out.used[j].after;
        }
        printf(" %lx %lx %lx", s->tables.address[i], s->tables.value[i], after);
    }
    printf("\n");
}

/* One bit of one entry that the model calls reserved; often the first that is. */
static void spoil_reserved(struct scene *s)
{
    struct tables good = s->tables;
    struct mmu_outcome out;
    unsigned i;

    do {
        i = pick(s->tables.count);
        s->tables = good;
        s->tables.value[i] |= BIT(s->r.maxphyaddr < 52 && pick(2) ? s->r.maxphyaddr : pick(64));
        translate(s, &out);
    } while (out.cause != MMU_RESERVED || out.level != top_level(s) - i);
}

/*
 * Case n of RIGHTS_CASES, whatever is drawn: every access, in every mode that rights depend on,
 * with one right withheld at one level. What is drawn is the level, and now and then another right.
 */
static void withhold(struct scene *s, unsigned n)
{
    unsigned mode = n / ACCESSES % MODES, what = n / ACCESSES / MODES;
    unsigned first = s->r.efer & BIT(10) ? 0 : 1; /* a PDPTE has no rights */
    uint64_t *one = &s->tables.value[first + pick(s->tables.count - first)];

    s->access = accesses[n % ACCESSES];
    s->r.cr0 = PAGED | (mode & 1 ? WP : 0);
    s->r.cr4 = PAE | (mode & 2 ? SMEP : 0) | (mode & 4 ? SMAP : 0);
    s->r.efer = (s->r.efer & ~NXE) | (mode & 8 ? NXE : 0);
    if (what == 0)
        *one &= ~(uint64_t)U;
    else if (what == 1)
        *one &= ~(uint64_t)W;
    else if (s->r.efer & NXE)
        *one |= XD;
    if (pick(4) == 0)
        s->tables.value[first + pick(s->tables.count - first)] &= ~(uint64_t)(pick(2) ? U : W);
}

/* Some accessed and dirty flags are not set. */
static void random_flags(struct scene *s)
{
    for (unsigned i = s->r.efer & BIT(10) ? 0 : 1; i < s->tables.count; i++)
        s->tables.value[i] &= ~(pick(2) ? 0 : A) & ~(uint64_t)(pick(2) ? 0 : D);
}

static bool ends_with(struct scene *s, enum mmu_cause cause)
{
    struct mmu_outcome out;

    translate(s, &out);
    return out.cause == cause;
}

/* Rights and flags together, and now and then another fault. */
static void whole_walks(void)
{
    struct scene s;

    for (unsigned i = 0; i < RIGHTS_CASES; i++) {
        build(&s, true);
        withhold(&s, i);
        print_walk("page_rights", &s);
        build(&s, true);
        withhold(&s, i);
        random_flags(&s);
        if (i % 5 == 0)
            spoil_reserved(&s);
        print_walk("walk_4level", &s);
        build(&s, false);
        withhold(&s, i);
        random_flags(&s);
        if (i % 5 == 0)
            s.tables.value[pick(s.tables.count)] &= ~(uint64_t)P;
        print_walk("pae_walk", &s);
    }
}

static void walks(void)
{
    struct scene s;

    for (unsigned i = 0; i < PER_GROUP; i++) {
        build(&s, true);
        s.tables.value[pick(s.tables.count)] = random64() & ~(uint64_t)P;
        print_walk("not_present", &s);
        build(&s, true);
        spoil_reserved(&s);
        print_walk("reserved", &s);
        do {
            build(&s, true);
        } while (!ends_with(&s, MMU_OK) || (s.leaf == 1) != i % 2);
        print_walk(s.leaf == 1 ? "page_4k" : "page_large", &s);
    }
}

/* The reserved bits of one kind of entry, each asked for by itself. */
static void reserved_of(const struct mmu_registers *r, bool long_mode, unsigned level, bool page)
{
    struct scene s;
    uint64_t mask = 0;

    do {
        build(&s, long_mode);
        s.access = 0;
    } while (s.leaf != (page ? level : 1) || s.r.maxphyaddr != r->maxphyaddr ||
             s.r.page1gb != r->page1gb || s.r.efer != r->efer);
    for (unsigned bit = 1; bit < 64; bit++) {
        struct scene one = s;
        struct mmu_outcome out;

        if (BIT(bit) == PS && !page && (level == 2 || (level == 3 && r->page1gb)))
            continue; /* it would be an entry of the other kind */
        one.tables.value[top_level(&s) - level] |= BIT(bit);
        translate(&one, &out);
        mask |= out.cause == MMU_RESERVED && out.level == level ? BIT(bit) : 0;
    }
    printf("reserved %d %lx %x %d %x %d %lx\n", long_mode, r->efer, r->maxphyaddr, r->page1gb,
           level, page, mask);
}

static void reserved(void)
{
    for (unsigned i = 0; i < 2 * 2 * 2 * sizeof(widths); i++) {
        bool long_mode = i & 1;
        struct mmu_registers r = {.maxphyaddr = widths[i / 8],
                                  .page1gb = i & 2,
                                  .efer = (long_mode ? LONG : 0) | (i & 4 ? NXE : 0)};

        for (unsigned level = 1; level <= (long_mode ? 4 : 2); level++) {
            if (level > 1)
                reserved_of(&r, long_mode, level, false);
            if (level < 3 || (level == 3 && r.page1gb))
                reserved_of(&r, long_mode, level, true);
        }
    }
}

int main(int argc, char **argv)
{
    state = (argc > 1 ? strtoull(argv[1], NULL, 16) : 1) | BIT(60);
    permits();
    errors();
    reserved();
    walks();
    whole_walks();
    return 0;
}
