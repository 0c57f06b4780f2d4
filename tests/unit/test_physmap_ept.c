// sources: src/mmu-ept/ept.c src/mmu-ept/stage2.c src/mmu-ept/physmap_ept.c src/mmu-ept/dirty_log.c
// sources: src/mmu-ept/write_log.c src/mmu-ept/accessed.c src/mmu-ept/merge.c src/mmu-ept/giga.c
// sources: src/mmu-ept/execute_only.c tests/unit/stub_second_stage.c
// sources: src/mmu-ept/physmap_check.c src/mmu-ept/paging_ept.c src/cpu/dirty_command.c
// sources: src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c tests/unit/stub_machine.c
// sources: tests/unit/stub_heap.c
/*
 * The second stage: filling, large and small pages, the dirty log, and that everything comes back.
 * The tables are read here as the processor would ("EPT Translation Mechanism"), not by the
 * builder's own functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/mmu-ept/physmap_ept.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "paging.h"
#include "physmap.h"
#include "stub_machine.h"
#include "tlb.h"
#include "x86.h"

#include "public/trivisor.h"

enum { FRAMES = 8192, RAM_FRAMES = 2048 + 100 };
enum { READ = 1, WRITE = 2, EXECUTE = 4, RIGHTS = 7, LARGE = 0x80, WB_IGNORE_PAT = 0x70 };

u8 *host_machine_memory;
static void *table;
static struct domain domain;
static struct vcpu vcpu;
static u64 free_before;
static unsigned root_flushes;

void virt_paging_changed(struct vcpu *v)
{
    (void)v;
}
void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}
void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
    root_flushes++;
}
void tlb_hw_flush_all(void)
{
}

static int setup(void **state)
{
    (void)state;
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0, (size_t)FRAMES * PAGE_SIZE);
    table = malloc(frame_table_bytes(FRAMES));
    frame_table_init(table, FRAMES);
    frame_table_add_ram(0, FRAMES);
    frame_table_release(0, FRAMES);
    memset(&domain, 0, sizeof(domain));
    domain.id = 3;
    domain.config.mem_bytes = (u64)RAM_FRAMES << PAGE_SHIFT;
    vcpu.domain = &domain;
    free_before = frame_free_count();
    assert_int_equal(physmap_init(&domain), 0);
    root_flushes = 0;
    violations_seen = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(physmap_check(&domain), 0);
    for (u64 before = domain.frames; !physmap_destroy(&domain); before = domain.frames)
        assert_in_range(before - domain.frames, 0, UNBUILD_FRAMES);
    assert_int_equal(domain.frames, 0);
    assert_true(root_flushes > 0);
    u64 after = frame_free_count();
    unsigned bad = frame_check();
    free(host_machine_memory);
    free(table);
    assert_int_equal(after, free_before);
    assert_int_equal(bad, 0);
    return 0;
}

/* What the processor makes of a guest-physical address: rights, and where it leads. */
static unsigned hardware(u64 gpa, u64 *mpa, unsigned *level)
{
    u64 at = mfn_to_mpa(physmap_root(&domain)).v;
    unsigned rights = RIGHTS;

    for (*level = 4;; (*level)--) {
        unsigned index = gpa >> (12 + 9 * (*level - 1)) & 511;
        u64 entry = ((u64 *)(host_machine_memory + at))[index];
        u64 size = 1ULL << (12 + 9 * (*level - 1));
        rights &= entry & RIGHTS;
        if (!(entry & RIGHTS))
            return 0;
        assert_int_not_equal(entry & RIGHTS, WRITE); /* a misconfiguration */
        assert_int_not_equal(entry & RIGHTS, WRITE | EXECUTE);
        at = entry & 0x000ffffffffff000ULL;
        if (*level == 1 || entry & LARGE) {
            assert_true(*level <= 2);
            assert_int_equal(entry & 0x78, WB_IGNORE_PAT);
            assert_int_equal(at & (size - 1), 0);
            *mpa = at | (gpa & (size - 1));
            return rights;
        }
        assert_int_equal(entry & 0xf8, 0); /* reserved in an entry that names a table */
    }
}

static enum paging_result violate(u64 gpa, u32 error)
{
    struct exit e = {.reason = EXIT_STAGE2, .gpa = gpa, .error = error};
    struct paging_fault f;
    enum paging_result result = paging_fault(&vcpu, &e, &f);

    if (result == PAGING_EMULATE)
        assert_int_equal(f.gpa, gpa);
    return result;
}

static void large_where_it_fits(void **state)
{
    u64 mpa;
    unsigned level;

    (void)state;
    assert_int_equal(hardware(0x201000, &mpa, &level), 0);
    assert_int_equal(violate(0x201008, PF_W), PAGING_FIXED);
    assert_int_equal(hardware(0x201008, &mpa, &level), RIGHTS);
    assert_int_equal(level, 2);
    assert_int_equal(mpa & 0x1fffff, 0x1008);
    assert_int_equal(domain.frames, 512);
    /* The last, incomplete 2 MiB of RAM take small ones, and not one beyond the end. */
    assert_int_equal(violate((RAM_FRAMES - 1) * 4096ULL, 0), PAGING_FIXED);
    assert_int_equal(hardware((RAM_FRAMES - 1) * 4096ULL, &mpa, &level), RIGHTS);
    assert_int_equal(level, 1);
    assert_int_equal(violate(RAM_FRAMES * 4096ULL, PF_W), PAGING_EMULATE);
    assert_int_equal(hardware(RAM_FRAMES * 4096ULL, &mpa, &level), 0);
    assert_int_equal(domain.ledger.cell[LC_POPULATED_2M].n, 1);
    assert_int_equal(domain.ledger.cell[LC_POPULATED_4K].n, 1);
}

static void small_on_request(void **state)
{
    u64 mpa;
    unsigned level;

    (void)state;
    while (!physmap_destroy(&domain))
        ;
    domain.config.small_pages = true;
    assert_int_equal(physmap_init(&domain), 0);
    for (u64 gfn = 5; gfn < 700; gfn += 7) {
        assert_int_equal(violate(gfn << 12, PF_I), PAGING_FIXED);
        assert_int_equal(hardware(gfn << 12, &mpa, &level), RIGHTS);
        assert_int_equal(level, 1);
        assert_int_equal(frame_of(mpa_to_mfn(mpa_of(mpa)))->gfn, gfn);
        assert_int_equal(frame_of(mpa_to_mfn(mpa_of(mpa)))->owner, 3);
    }
    assert_int_equal(domain.ledger.cell[LC_POPULATED_4K].n, 100);
}

static void lookup_and_map(void **state)
{
    mfn_t a, b;
    char *p;

    (void)state;
    assert_int_equal(physmap_lookup(&domain, gfn_of(5), &a), PHYSMAP_LAZY);
    assert_int_equal(physmap_lookup(&domain, gfn_of(RAM_FRAMES), &a), PHYSMAP_NONE);
    assert_int_equal(physmap_populate(&domain, gfn_of(RAM_FRAMES), &a), -ENOENT);
    assert_int_equal(physmap_populate(&domain, gfn_of(~0ULL >> 12), &a), -ENOENT);
    assert_null(physmap_map(&domain, gfn_of(1ULL << 40)));
    assert_int_equal(physmap_populate(&domain, gfn_of(5), &a), 0);
    assert_int_equal(physmap_lookup(&domain, gfn_of(5), &b), PHYSMAP_RAM);
    assert_true(mfn_eq(a, b));
    p = physmap_map(&domain, gfn_of(7));
    assert_ptr_equal(p, host_machine_memory + (a.v + 2) * PAGE_SIZE);
}

static void dirty_log(void **state)
{
    static u8 bits[(RAM_FRAMES + 7) / 8];
    u64 mpa;
    unsigned level;
    mfn_t mfn;

    (void)state;
    assert_int_equal(physmap_populate(&domain, gfn_of(10), &mfn), 0); /* 2 MiB */
    assert_int_equal(physmap_populate(&domain, gfn_of(2050), &mfn), 0);
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(0), RAM_FRAMES, bits), -EINVAL);
    unsigned flushes = root_flushes;
    assert_int_equal(physmap_dirty_start(&domain), 0);
    assert_true(root_flushes > flushes);
    assert_int_equal(hardware(10 << 12, &mpa, &level), READ | EXECUTE);
    assert_int_equal(level, 1);
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(0), RAM_FRAMES, bits), 0);
    assert_int_equal(violate(10 << 12, PF_P | PF_W), PAGING_FIXED);
    assert_int_equal(hardware(10 << 12, &mpa, &level), RIGHTS);
    assert_int_equal(hardware(11 << 12, &mpa, &level), READ | EXECUTE);
    paging_guest_written(&domain, 2050 * 4096ULL - 1, 2);     /* the hypervisor's own write */
    assert_int_equal(violate(600 << 12, PF_W), PAGING_FIXED); /* new frames are dirty */
    assert_int_equal(physmap_check(&domain), 0);
    flushes = root_flushes;
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(0), RAM_FRAMES, bits), 3);
    assert_true(root_flushes > flushes);
    assert_true(bits[10 / 8] & 1 << 10 % 8 && bits[2050 / 8] & 1 << 2050 % 8 &&
                bits[600 / 8] & 1 << 600 % 8);
    assert_int_equal(hardware(10 << 12, &mpa, &level), READ | EXECUTE);
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(0), RAM_FRAMES, bits), 0);
    physmap_dirty_stop(&domain);
    assert_int_equal(hardware(10 << 12, &mpa, &level), RIGHTS);
    assert_int_equal(hardware(11 << 12, &mpa, &level), RIGHTS);
}

/* A part of the log: nothing outside of it is read, written to or made clean. */
static void dirty_range(void **state)
{
    u8 bits[4] = {0xff, 0xff, 0xff, 0xff};
    u64 wild[] = {RAM_FRAMES, ~0ULL, ~0ULL - 31, 1ULL << 36};
    mfn_t mfn;

    (void)state;
    assert_int_equal(physmap_dirty_start(&domain), 0);
    assert_int_equal(physmap_dirty_start(&domain), -EBUSY);
    for (u64 gfn = 500; gfn < 530; gfn += 2)
        assert_int_equal(physmap_populate(&domain, gfn_of(gfn), &mfn), 0);
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(505), 12, bits), 6);
    assert_int_equal(bits[0], 0xaa);
    assert_int_equal(bits[1], 0x0a);
    assert_int_equal(bits[2], 0xff);
    assert_int_equal(physmap_dirty_read(&domain, gfn_of(505), 12, bits), 0);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, 500),
                     0x15 | 1 << 18 | 1 << 20 | 1 << 22 | 1 << 24 | 1 << 26 | 1 << 28);
    assert_int_equal(physmap_populate(&domain, gfn_of(RAM_FRAMES - 1), &mfn), 0);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, RAM_FRAMES - 2), 2);
    assert_int_equal(physmap_populate(&domain, gfn_of(0), &mfn), 0); /* 2^36 has its indices */
    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
        assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, wild[i]), 0);
    assert_int_equal(physmap_check(&domain), 0);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_STOP, 0), 0);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, 0), -EINVAL);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_START, 0), 0);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, 500), 0);
}

/* No memory for a split: the log stays off, and every frame is where it was. */
static void dirty_no_memory(void **state)
{
    static struct frame *taken[FRAMES];
    u64 mpa, before;
    unsigned n = 0, level;

    (void)state;
    assert_int_equal(violate(0x1000, PF_W), PAGING_FIXED);
    assert_int_equal(violate(0x200000, PF_W), PAGING_FIXED);
    hardware(0x201234, &before, &level);
    while ((taken[n] = frame_alloc(DOMID_HYPERVISOR)))
        n++;
    frame_put(taken[--n]); /* one table: the first split has it, the second not */
    assert_int_equal(physmap_dirty_start(&domain), -ENOMEM);
    assert_int_equal(hardware(0x1000, &mpa, &level), RIGHTS);
    assert_int_equal(hardware(0x201234, &mpa, &level), RIGHTS);
    assert_int_equal(mpa, before);
    assert_int_equal(physmap_dirty_command(&domain, TRIVISOR_DIRTY_READ, 0), -EINVAL);
    while (n)
        frame_put(taken[--n]);
}

/* Memory runs out in the middle: an error, nothing lost. */
static void out_of_memory(void **state)
{
    static struct frame *taken[FRAMES];
    unsigned n = 0;

    (void)state;
    while ((taken[n] = frame_alloc(DOMID_HYPERVISOR)))
        n++;
    assert_int_equal(violate(0x1000, PF_W), PAGING_KILL);
    for (unsigned i = 0; i < 3; i++) /* tables for levels 3, 2 and 1, no frame */
        frame_put(taken[--n]);
    assert_int_equal(violate(0x1000, PF_W), PAGING_KILL);
    frame_put(taken[--n]);
    assert_int_equal(violate(0x1000, PF_W), PAGING_FIXED);
    assert_int_equal(domain.frames, 1);
    while (n)
        frame_put(taken[--n]);
}

static void recount_finds_damage(void **state)
{
    u64 mpa;
    unsigned level;

    (void)state;
    assert_int_equal(violate(0x1000, PF_W), PAGING_FIXED);
    hardware(0x1000, &mpa, &level);
    struct frame *f = frame_of(mpa_to_mfn(mpa_of(mpa)));
    f->owner = 4;
    assert_int_equal(physmap_check(&domain), 1);
    f->owner = 3;
    f->gfn++;
    assert_int_equal(physmap_check(&domain), 1);
    f->gfn--;
    domain.frames++;
    assert_int_equal(physmap_check(&domain), 1);
    domain.frames--;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_where_it_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(lookup_and_map, setup, teardown),
        cmocka_unit_test_setup_teardown(dirty_log, setup, teardown),
        cmocka_unit_test_setup_teardown(dirty_range, setup, teardown),
        cmocka_unit_test_setup_teardown(dirty_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(recount_finds_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(small_on_request, setup, teardown),
    };
    domains_that_exist = 1 << 3;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
