// sources: src/core/walk.c
/*
 * The page walker: every mode, page size, cause of fault and flag, on tables in a small memory,
 * and the rules of access rights written down a second time.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "walk.h"

enum { MEM_SIZE = 64 * PAGE_SIZE, CR3 = 0x1000 };

struct memory {
    _Alignas(8) u8 bytes[MEM_SIZE];
    unsigned reads, exchanges;
    unsigned spoil; /* so many exchanges find the entry changed first */
    u64 spoil_with; /* by this, ORed */
};
static struct memory mem;

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    struct memory *m = ctx;

    assert_int_equal(gpa % size, 0);
    m->reads++;
    if (gpa + size > MEM_SIZE)
        return false;
    *value = 0;
    memcpy(value, m->bytes + gpa, size);
    return true;
}

static enum walk_cmpxchg cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value)
{
    struct memory *m = ctx;
    u64 now;

    assert_true(gpa + size <= MEM_SIZE);
    m->exchanges++;
    read_entry(ctx, gpa, size, &now);
    if (m->spoil) {
        m->spoil--;
        now |= m->spoil_with;
        memcpy(m->bytes + gpa, &now, size);
        return WALK_CHANGED;
    }
    if (now != old)
        return WALK_CHANGED;
    memcpy(m->bytes + gpa, &new_value, size);
    return WALK_EXCHANGED;
}
static const struct walk_memory ops = {read_entry, cmpxchg_entry};

static void put(u64 gpa, unsigned size, u64 value)
{
    assert_true(gpa + size <= MEM_SIZE);
    memcpy(mem.bytes + gpa, &value, size);
}

static u64 get(u64 gpa, unsigned size)
{
    u64 value = 0;

    memcpy(&value, mem.bytes + gpa, size);
    return value;
}

static struct walk_mode mode_of(u64 cr0, u64 cr4, u64 efer, unsigned maxphyaddr, bool page1gb)
{
    struct walk_features cpu = {maxphyaddr, page1gb};
    struct walk_mode m;

    walk_mode_init(&m, cr0, CR3, cr4, efer, &cpu);
    return m;
}

static struct walk_mode mode_4level(u64 cr0_more, u64 cr4_more)
{
    return mode_of(CR0_PE | CR0_PG | cr0_more, CR4_PAE | cr4_more, EFER_LMA | EFER_LME | EFER_NXE,
                   40, true);
}

static int setup(void **state)
{
    (void)state;
    memset(&mem, 0, sizeof(mem));
    return 0;
}

#define RW (PTE_P | PTE_W | PTE_U)

/* 4-level tables at 0x1000 to 0x4000 for LA; the leaf maps 0x123000. */
static const u64 LA = 0x012345678abcULL;
static void build_4level(u64 flags)
{
    for (unsigned level = 4; level > 1; level--)
        put((5 - level) * 0x1000 + pt_index(LA, level) * 8, 8, (6 - level) * 0x1000 | flags);
    put(0x4000 + pt_index(LA, 1) * 8, 8, 0x123000 | flags);
}

static void set_entry(unsigned level, u64 value)
{
    put((5 - level) * 0x1000 + pt_index(LA, level) * 8, 8, value);
}

static u64 entry_at(unsigned level)
{
    return get((5 - level) * 0x1000 + pt_index(LA, level) * 8, 8);
}

static void unpaged(void **state)
{
    struct walk_mode m = mode_of(CR0_PE, CR4_PAE, 0, 40, true);
    struct walk_result r;

    (void)state;
    assert_int_equal(walk(&m, 0x1fee00020, WALK_WRITE, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0xfee00020);
    assert_int_equal(r.level, 0);
    assert_true(r.mapped && r.user && r.write && r.dirty && !r.nx && !r.global);
    assert_int_equal(mem.reads, 0);
}

static void present_4k_sets_accessed_and_dirty(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, CR4_PGE);
    struct walk_result r;

    (void)state;
    build_4level(RW | PTE_G);
    assert_int_equal(walk(&m, LA, WALK_READ | WALK_PEEK, &ops, &mem, &r), WALK_OK);
    assert_int_equal(mem.exchanges, 0);
    assert_int_equal(walk(&m, LA, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0x123000 | (LA & PAGE_OFFSET_MASK));
    assert_int_equal(r.page_shift, 12);
    assert_int_equal(r.level, 1);
    assert_true(r.user && r.write && !r.nx && !r.dirty && r.global && r.mapped);
    assert_int_equal(mem.exchanges, 4);
    for (unsigned level = 1; level <= 4; level++) {
        assert_true(entry_at(level) & PTE_A);
        assert_false(entry_at(level) & PTE_D);
        assert_int_equal(r.entry[level].value, entry_at(level));
        assert_int_equal(r.entry[level].gpa, (5 - level) * 0x1000 + pt_index(LA, level) * 8);
    }
    assert_int_equal(walk(&m, LA, WALK_WRITE | WALK_USER, &ops, &mem, &r), WALK_OK);
    assert_int_equal(mem.exchanges, 5);
    assert_true(r.dirty && (entry_at(1) & PTE_D) && !(entry_at(2) & PTE_D));
    mem.reads = 0;
    assert_int_equal(walk(&m, LA, WALK_WRITE, &ops, &mem, &r), WALK_OK);
    assert_int_equal(mem.exchanges, 5);
    assert_int_equal(mem.reads, 4);
}

static void not_present_at_each_level(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, 0);
    struct walk_result r;

    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        build_4level(RW);
        set_entry(level, 0xfffffffffffffffeULL); /* all reserved bits: not looked at */
        assert_int_equal(walk(&m, LA, WALK_WRITE | WALK_USER, &ops, &mem, &r), WALK_FAULT);
        assert_int_equal(r.error, PF_W | PF_U);
        assert_int_equal(r.level, level);
        assert_false(r.mapped);
        assert_int_equal(walk(&m, LA, WALK_FETCH, &ops, &mem, &r), WALK_FAULT);
        assert_int_equal(r.error, PF_I);
        assert_int_equal(mem.exchanges, 0);
    }
}

static void table_without_memory(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, 0);
    struct walk_result r;

    (void)state;
    build_4level(RW);
    set_entry(3, MEM_SIZE | RW);
    assert_int_equal(walk(&m, LA, WALK_READ, &ops, &mem, &r), WALK_NO_TABLE);
    assert_int_equal(r.level, 2);
    assert_int_equal(r.entry[2].gpa, MEM_SIZE + pt_index(LA, 2) * 8);
    assert_int_equal(mem.exchanges, 0);
}

/* Each reserved bit of each kind of entry, and that its neighbours are not reserved. */
static void reserved_bits(const struct walk_mode *m, unsigned level, u64 flags, u64 reserved,
                          u64 leave)
{
    struct walk_result r;

    for (unsigned bit = 0; bit < 64; bit++) {
        u64 b = 1ULL << bit;
        enum walk_status want = reserved & b ? WALK_FAULT : WALK_OK;

        if (leave & b)
            continue;
        build_4level(RW);
        set_entry(level, (flags & PTE_PS ? 0 : (6 - level) * 0x1000) | flags | b);
        assert_int_equal(walk(m, LA, WALK_READ | WALK_USER | WALK_PEEK, &ops, &mem, &r), want);
        if (want == WALK_FAULT) {
            assert_int_equal(r.error, PF_P | PF_U | PF_RSVD);
            assert_int_equal(r.level, level);
            assert_false(r.mapped);
        }
    }
}

static void reserved_bits_4level(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, 0);
    struct walk_mode no_nx = mode_of(CR0_PE | CR0_PG, CR4_PAE, EFER_LMA | EFER_LME, 36, false);
    u64 above40 = 0x000fff0000000000ULL, above36 = 0x000ffff000000000ULL;
    u64 addr = 0x000000fffffff000ULL, addr36 = 0x0000000ffffff000ULL;

    (void)state;
    reserved_bits(&m, 4, RW, above40 | PTE_PS, addr | PTE_P);
    reserved_bits(&m, 3, RW, above40, addr | PTE_P | PTE_PS);
    reserved_bits(&m, 2, RW, above40, addr | PTE_P | PTE_PS);
    reserved_bits(&m, 1, RW, above40, PTE_P);
    reserved_bits(&m, 3, RW | PTE_PS, above40 | 0x3fffe000ULL, PTE_P);
    reserved_bits(&m, 2, RW | PTE_PS, above40 | 0x1fe000ULL, PTE_P);
    reserved_bits(&no_nx, 4, RW, above36 | PTE_NX | PTE_PS, addr36 | PTE_P);
    reserved_bits(&no_nx, 3, RW, above36 | PTE_NX | PTE_PS, addr36 | PTE_P);
    reserved_bits(&no_nx, 1, RW, above36 | PTE_NX, PTE_P);
}

static void large_pages(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, CR4_PGE);
    struct walk_result r;

    (void)state;
    build_4level(RW);
    set_entry(2, 0x0000008007200000ULL | PTE_P | PTE_PS | PTE_G | 1 << 12); /* PAT is not address */
    assert_int_equal(walk(&m, LA, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0x8007200000ULL | (LA & 0x1fffff));
    assert_int_equal(r.level, 2);
    assert_int_equal(r.page_shift, 21);
    assert_true(r.global && !r.user && !r.write && !r.dirty);
    assert_int_equal(mem.exchanges, 3);
    set_entry(3, 0x0000008000000000ULL | RW | PTE_PS | PTE_NX | PTE_D);
    assert_int_equal(walk(&m, LA, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0x8000000000ULL | (LA & 0x3fffffff));
    assert_int_equal(r.level, 3);
    assert_int_equal(r.page_shift, 30);
    assert_true(r.nx && r.user && r.write && r.dirty && !r.global);
    assert_int_equal(walk(&m, LA, WALK_FETCH, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_I);
    assert_true(r.mapped);
}

/* "Access Rights", second writing: every combination of the page's rights, the mode and the
 * access, each right withheld at one level only. */
static bool manual_permits(unsigned access, bool user, bool write, bool nx, bool wp, bool smep,
                           bool smap)
{
    bool user_access = access & WALK_USER, ac = (access & WALK_AC) && !(access & WALK_IMPLICIT);

    if (access & WALK_FETCH) {
        if (user_access)
            return user && !nx;
        return user ? !smep && !nx : !nx;
    }
    if (user_access)
        return user && (write || !(access & WALK_WRITE));
    if (user && smap && !ac)
        return false;
    return !(access & WALK_WRITE) || !wp || write;
}

static void access_rights(void **state)
{
    static const unsigned accesses[] = {WALK_READ, WALK_WRITE, WALK_FETCH};
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < 8 * 8 * 8 * 3 * 4; i++) {
        bool user = i & 1, write = i & 2, nx = i & 4, wp = i & 8, smep = i & 16, smap = i & 32;
        unsigned access = accesses[i / 512 % 3];
        unsigned level = 1 + i / 1536;
        u64 e = PTE_P | (user ? PTE_U : 0) | (write ? PTE_W : 0) | (nx ? PTE_NX : 0);
        struct walk_mode m =
            mode_4level(wp ? CR0_WP : 0, (smep ? CR4_SMEP : 0) | (smap ? CR4_SMAP : 0));
        struct walk_result r;
        bool ok;

        access |=
            (i & 64 ? WALK_USER : 0) | (i & 128 ? WALK_AC : 0) | (i & 256 ? WALK_IMPLICIT : 0);
        if ((access & WALK_USER) && (access & WALK_IMPLICIT))
            continue;
        build_4level(RW);
        set_entry(level, (level == 1 ? 0x123000 : (6 - level) * 0x1000) | e);
        ok = manual_permits(access, user, write, nx, wp, smep, smap);
        assert_int_equal(walk(&m, LA, access, &ops, &mem, &r), ok ? WALK_OK : WALK_FAULT);
        assert_int_equal(r.user, user);
        assert_int_equal(r.write, write);
        assert_int_equal(r.nx, nx);
        if (!ok) {
            assert_int_equal(r.error, PF_P | (access & (PF_W | PF_U | PF_I)));
            assert_true(r.mapped);
            assert_false(entry_at(4) & PTE_A);
        }
        n++;
    }
    assert_int_equal(n, 8 * 8 * 6 * 3 * 4);
}

static void fetch_without_nxe(void **state)
{
    struct walk_mode m = mode_of(CR0_PE | CR0_PG, CR4_PAE, EFER_LMA | EFER_LME, 40, true);
    struct walk_result r;

    (void)state;
    assert_int_equal(walk(&m, LA, WALK_FETCH | WALK_USER, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_U); /* no I/D flag: neither NXE nor SMEP */
    m = mode_of(CR0_PE | CR0_PG, CR4_PAE | CR4_SMEP, EFER_LMA | EFER_LME, 40, true);
    assert_int_equal(walk(&m, LA, WALK_FETCH | WALK_USER, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_U | PF_I);
}

static void entry_changes_under_the_walk(void **state)
{
    struct walk_mode m = mode_4level(CR0_WP, 0);
    struct walk_result r;

    (void)state;
    build_4level(RW);
    mem.spoil = 1;
    mem.spoil_with = PTE_A;
    assert_int_equal(walk(&m, LA, WALK_WRITE, &ops, &mem, &r), WALK_OK);
    assert_true(entry_at(1) & PTE_D);
    build_4level(RW);
    mem.spoil = 1;
    mem.spoil_with = PTE_NX; /* the L4 entry: the second descent sees it */
    assert_int_equal(walk(&m, LA, WALK_FETCH, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_I);
    build_4level(RW);
    mem.spoil = 1000;
    mem.spoil_with = 0;
    assert_int_equal(walk(&m, LA, WALK_READ, &ops, &mem, &r), WALK_RETRY);
    assert_int_equal(mem.spoil, 1000 - WALK_TRIES);
}

static void paging_32bit(void **state)
{
    struct walk_mode m = mode_of(CR0_PE | CR0_PG | CR0_WP, CR4_PSE, EFER_NXE, 40, true);
    struct walk_mode no_pse = mode_of(CR0_PE | CR0_PG | CR0_WP, 0, 0, 40, true);
    struct walk_mode m36 = mode_of(CR0_PE | CR0_PG | CR0_WP, CR4_PSE, 0, 36, true);
    u32 la = 0xc0407123;
    struct walk_result r;

    (void)state;
    put(CR3 + (la >> 22) * 4, 4, 0x2000 | RW);
    put(0x2000 + (la >> 12 & 0x3ff) * 4, 4, 0xfffff000u | RW);
    assert_int_equal(walk(&m, 0xabcd00000000ULL | la, WALK_WRITE | WALK_USER, &ops, &mem, &r),
                     WALK_OK);
    assert_int_equal(r.gpa, 0xfffff123u);
    assert_int_equal(r.page_shift, 12);
    assert_int_equal(get(CR3 + (la >> 22) * 4, 4), 0x2000 | RW | PTE_A);
    assert_int_equal(get(0x2000 + (la >> 12 & 0x3ff) * 4, 4), 0xfffff000u | RW | PTE_A | PTE_D);
    assert_int_equal(walk(&m, 0, WALK_FETCH, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, 0); /* NXE without PAE: no I/D flag */

    /* PSE-36: bits 20:13 are address bits 39:32, bit 21 is reserved. */
    put(CR3 + (la >> 22) * 4, 4, 0x40000000u | RW | PTE_PS | 0xff << 13);
    assert_int_equal(walk(&m, la, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0xff40000000ULL | (la & 0x3fffff));
    assert_int_equal(r.page_shift, 22);
    assert_int_equal(r.level, 2);
    assert_int_equal(walk(&m36, la, WALK_READ, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_RSVD);
    put(CR3 + (la >> 22) * 4, 4, 0x40000000u | RW | PTE_PS | 0xf << 13);
    assert_int_equal(walk(&m36, la, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0xf40000000ULL | (la & 0x3fffff));
    put(CR3 + (la >> 22) * 4, 4, 0x40000000u | RW | PTE_PS | 1 << 21);
    assert_int_equal(walk(&m, la, WALK_READ, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_RSVD);

    /* Without CR4.PSE the bit is ignored. */
    put(CR3 + (la >> 22) * 4, 4, 0x2000 | RW | PTE_PS);
    assert_int_equal(walk(&no_pse, la, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0xfffff123u);
}

static void paging_pae(void **state)
{
    struct walk_mode m = mode_of(CR0_PE | CR0_PG | CR0_WP, CR4_PAE, EFER_NXE, 40, true);
    struct walk_result r;
    u32 la = 0xc0a07123;

    (void)state;
    walk_set_root(&m, 0x1020);
    put(0x1020 + 3 * 8, 8, 0x2000 | PTE_P);
    assert_true(walk_load_pdptes(&m, &ops, &mem));
    put(0x2000 + (la >> 21 & 511) * 8, 8, 0x3000 | RW);
    put(0x3000 + (la >> 12 & 511) * 8, 8, 0xff12345000ULL | RW);
    assert_int_equal(walk(&m, la, WALK_WRITE | WALK_USER, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0xff12345123ULL);
    assert_int_equal(mem.exchanges, 2);
    assert_int_equal(get(0x1020 + 3 * 8, 8), 0x2000 | PTE_P); /* no accessed flag in a PDPTE */
    assert_int_equal(walk(&m, 0x7123, WALK_READ, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.level, 3);
    assert_int_equal(r.error, 0);
    put(0x3000 + (la >> 12 & 511) * 8, 8, 0x12345000ULL | RW | 1ULL << 62); /* reserved here */
    assert_int_equal(walk(&m, la, WALK_READ, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_RSVD);
    put(0x2000 + (la >> 21 & 511) * 8, 8, 0x40000000 | PTE_P | PTE_PS | PTE_NX);
    assert_int_equal(walk(&m, la, WALK_READ, &ops, &mem, &r), WALK_OK);
    assert_int_equal(r.gpa, 0x40007123);
    assert_int_equal(walk(&m, la, WALK_FETCH, &ops, &mem, &r), WALK_FAULT);
    assert_int_equal(r.error, PF_P | PF_I);
}

static void pdpte_reserved(void **state)
{
    struct walk_mode m = mode_of(CR0_PE | CR0_PG | CR0_WP, CR4_PAE, EFER_NXE, 40, true);

    (void)state;
    for (unsigned bit = 1; bit < 64; bit++) {
        bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

        put(CR3 + 8, 8, PTE_P | 1ULL << bit);
        assert_int_equal(walk_load_pdptes(&m, &ops, &mem), !reserved);
        put(CR3 + 8, 8, 1ULL << bit);
        assert_true(walk_load_pdptes(&m, &ops, &mem));
    }
    walk_set_root(&m, MEM_SIZE);
    assert_false(walk_load_pdptes(&m, &ops, &mem));
}

static void root_is_masked(void **state)
{
    struct walk_mode m = mode_4level(0, CR4_PCIDE);

    (void)state;
    walk_set_root(&m, 1ULL << 63 | 0x1234abc);
    assert_int_equal(m.root, 0x1234000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unpaged, setup),
        cmocka_unit_test_setup(present_4k_sets_accessed_and_dirty, setup),
        cmocka_unit_test_setup(not_present_at_each_level, setup),
        cmocka_unit_test_setup(table_without_memory, setup),
        cmocka_unit_test_setup(reserved_bits_4level, setup),
        cmocka_unit_test_setup(large_pages, setup),
        cmocka_unit_test_setup(access_rights, setup),
        cmocka_unit_test_setup(fetch_without_nxe, setup),
        cmocka_unit_test_setup(entry_changes_under_the_walk, setup),
        cmocka_unit_test_setup(paging_32bit, setup),
        cmocka_unit_test_setup(paging_pae, setup),
        cmocka_unit_test_setup(pdpte_reserved, setup),
        cmocka_unit_test_setup(root_is_masked, setup),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
