// sources: src/mmu-ept/ept.c src/mmu-ept/stage2.c src/mmu-ept/physmap_ept.c src/mmu-ept/dirty_log.c
// sources: src/mmu-ept/physmap_check.c src/mmu-ept/paging_ept.c src/cpu/dirty_command.c
// sources: src/mmu-ept/write_log.c src/mmu-ept/accessed.c src/mmu-ept/merge.c src/mmu-ept/giga.c
// sources: src/mmu-ept/execute_only.c
// sources: src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c tests/unit/stub_machine.c
// sources: tests/unit/stub_heap.c
/*
 * The second stage's logs and rights, on a simulated processor: it walks the tables as the manual
 * says, keeps accessed and dirty flags and a log of writes if it is told to, and a TLB that forgets
 * nothing until it is flushed. Random accesses; the logs must say what was done.
 */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../src/mmu-ept/physmap_ept.h"
#include "../../src/mmu-ept/stage2.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "paging.h"
#include "stub_machine.h"
#include "tlb.h"
#include "virt_ops.h"
#include "x86.h"

#include "public/trivisor.h"

enum { GIB_FRAMES = 1 << 18, FRAMES = 2 * GIB_FRAMES + 4096, RAM_FRAMES = 2048 + 100 };
enum { READ = 1, WRITE = 2, EXECUTE = 4, RIGHTS = 7, LARGE = 0x80, ACCESSED = 0x100 };
enum { DIRTY = 0x200, LOG_ENTRIES = 512, BLOCK = 2 << 20 };

u8 *host_machine_memory;
static void *table;
static struct domain domain;
static struct vcpu vcpu;
static u64 free_before, tlb[RAM_FRAMES]; /* what the processor remembers of a gfn's leaf, or 0 */
static u64 cpu_log[LOG_ENTRIES];
static unsigned cpu_logged, log_exits;
static u32 features;

/* What the second stage needs of the rest. */
void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}
void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
    memset(tlb, 0, sizeof(tlb));
}
void tlb_hw_flush_all(void)
{
    memset(tlb, 0, sizeof(tlb));
}
void virt_paging_changed(struct vcpu *v)
{
    assert_ptr_equal(v, &vcpu);
}
static u32 second_stage(void)
{
    return features;
}
static int log_init(struct vcpu *v)
{
    assert_ptr_equal(v, &vcpu);
    return 0;
}
static void log_collect(struct vcpu *v)
{
    for (unsigned i = 0; i < cpu_logged; i++)
        paging_logged(v->domain, cpu_log[i]);
    cpu_logged = 0;
}
static const struct virt_ops ops = {
    .second_stage = second_stage, .log_init = log_init, .log_collect = log_collect};
const struct virt_ops *virt_ops = &ops;

/* 2 GiB of machine memory, of which all but the first 2 MiB are the same 2 MiB, again and again:
 * only contents that nobody looks at lie there. */
static void make_memory(void)
{
    int fd = memfd_create("block", 0);

    assert_int_equal(ftruncate(fd, BLOCK), 0);
    host_machine_memory = mmap(NULL, (u64)FRAMES << 12, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(host_machine_memory, MAP_FAILED);
    for (u64 at = (u64)GIB_FRAMES << 12; at < (u64)GIB_FRAMES << 13; at += BLOCK)
        assert_ptr_not_equal(mmap(host_machine_memory + at, BLOCK, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_FIXED, fd, 0),
                             MAP_FAILED);
    close(fd);
}

static void make_domain(u64 frames, bool pml, bool eager)
{
    memset(&domain, 0, sizeof(domain));
    domain.id = 3;
    domain.config.mem_bytes = frames << PAGE_SHIFT;
    domain.config.log_by_processor = pml;
    domain.config.eager = eager;
    domain.vcpu[0] = &vcpu;
    domain.vcpu_count = 1;
    vcpu.domain = &domain;
    memset(tlb, 0, sizeof(tlb));
    cpu_logged = log_exits = 0;
    free_before = frame_free_count();
    assert_int_equal(physmap_init(&domain), 0);
}

static int setup(void **state)
{
    (void)state;
    make_memory();
    features = SECOND_STAGE_1G | SECOND_STAGE_EXECUTE_ONLY | SECOND_STAGE_FLAGS | SECOND_STAGE_LOG;
    table = malloc(frame_table_bytes(FRAMES));
    frame_table_init(table, FRAMES);
    /* RAM from 0 to 8 MiB and from 1 GiB on: tables are not in the GiB that repeats itself. */
    frame_table_add_ram(0, 4096);
    frame_table_add_ram(GIB_FRAMES, 2 * GIB_FRAMES);
    frame_table_release(0, 4096);
    violations_seen = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(physmap_check(&domain), 0);
    while (!physmap_destroy(&domain))
        ;
    assert_int_equal(domain.frames, 0);
    assert_int_equal(frame_free_count(), free_before);
    assert_int_equal(frame_check(), 0);
    munmap(host_machine_memory, (u64)FRAMES << 12);
    free(table);
    return 0;
}

/* The leaf of gfn and its level; NULL: there is none. */
static u64 *leaf_of(u64 gfn, unsigned *level)
{
    u64 at = mfn_to_mpa(physmap_root(&domain)).v;

    for (*level = 4;; (*level)--) {
        u64 *entry = (u64 *)(host_machine_memory + at) + (gfn >> 9 * (*level - 1) & 511);
        if (!(*entry & RIGHTS))
            return NULL;
        assert_true((*entry & RIGHTS) != WRITE && (*entry & RIGHTS) != (WRITE | EXECUTE));
        if (*level == 1 || *entry & LARGE)
            return entry;
        at = *entry & 0x000ffffffffff000ULL;
    }
}

/* The processor's flags and its log, for an access that the leaf permits. */
static void set_flags(u64 gfn, u64 *entry, u64 access)
{
    struct paging_controls c = {0};
    u64 set = ACCESSED | (access & WRITE ? DIRTY : 0);

    paging_get_controls(&vcpu, &c);
    if (!c.keep_flags || (*entry & set) == set)
        return;
    if (set & ~*entry & DIRTY && c.log_writes) {
        if (cpu_logged == LOG_ENTRIES) {
            log_exits++;
            virt_ops->log_collect(&vcpu);
        }
        cpu_log[cpu_logged++] = gfn << 12;
    }
    *entry |= set;
}

/* One access by the guest: what the TLB remembers is good enough if it has the right, and the dirty
 * flag, or nobody wants it. Returns false if the hypervisor refused it. */
static bool guest(u64 gfn, u64 access)
{
    for (unsigned tries = 0; tries < 3; tries++) {
        u64 known = tlb[gfn];
        unsigned level;
        if ((known & access) == access && (known & DIRTY || !(access & WRITE)))
            return true;
        u64 *entry = leaf_of(gfn, &level);
        if (entry && (*entry & access) == access) {
            set_flags(gfn, entry, access);
            tlb[gfn] = *entry | (access & WRITE ? DIRTY : 0);
            return true;
        }
        tlb[gfn] = 0;
        const struct exit e = {.reason = EXIT_STAGE2,
                               .gpa = gfn << 12,
                               .error = (entry ? PF_P : 0) | (access & WRITE ? PF_W : 0)};
        struct paging_fault f;
        if (paging_fault(&vcpu, &e, &f) == PAGING_EMULATE)
            return false;
    }
    fail_msg("the same violation again and again");
    return false;
}

static u64 random_number(void)
{
    static u64 x = 0x9e3779b97f4a7c15ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

/* Random accesses; what is dirty, and what is used, afterwards. */
static void accesses(unsigned count, bool *dirty, bool *used)
{
    for (unsigned i = 0; i < count; i++) {
        u64 gfn = random_number() % RAM_FRAMES;
        bool write = random_number() % 3 == 0;
        if (random_number() % 16 == 0) {
            paging_guest_written(&domain, gfn << 12, 8);
            unsigned level;
            dirty[gfn] |= leaf_of(gfn, &level) != NULL;
            continue;
        }
        assert_true(guest(gfn, write ? READ | WRITE : READ));
        dirty[gfn] |= write;
        used[gfn] = true;
    }
}

static void compare(s64 (*read)(struct domain *, gfn_t, u64, u8 *), bool *expected)
{
    u8 bits[32];

    for (u64 first = 0; first < RAM_FRAMES; first += 8 * sizeof(bits)) {
        u64 n = MIN(8 * sizeof(bits), RAM_FRAMES - first);
        s64 wanted = 0;
        for (u64 i = 0; i < n; i++)
            wanted += expected[first + i];
        assert_int_equal(read(&domain, gfn_of(first), n, bits), wanted);
        for (u64 i = 0; i < n; i++)
            assert_int_equal(bits[i / 8] >> i % 8 & 1, expected[first + i]);
    }
    memset(expected, 0, RAM_FRAMES * sizeof(*expected));
}

static void all_logs(bool pml)
{
    static bool dirty[RAM_FRAMES], used[RAM_FRAMES];

    make_domain(RAM_FRAMES, pml, false);
    for (u64 gfn = 0; gfn < RAM_FRAMES; gfn++)
        assert_true(guest(gfn, READ | WRITE));
    assert_int_equal(domain.physmap->mapped_2m, 4);
    for (unsigned life = 0; life < 3; life++) { /* the dirty log, both, the accessed log */
        bool log_dirty = life<2, log_used = life> 0;
        if (log_dirty)
            assert_int_equal(physmap_dirty_start(&domain), 0);
        if (log_used)
            assert_int_equal(physmap_accessed_start(&domain), 0);
        memset(dirty, 0, sizeof(dirty));
        memset(used, 0, sizeof(used));
        for (unsigned round = 0; round < 12; round++) {
            accesses(1 << round, dirty, used);
            if (round & 1) /* which collects what the processor has logged */
                assert_int_equal(physmap_check(&domain), 0);
            if (log_dirty)
                compare(physmap_dirty_read, dirty);
            if (log_used)
                compare(physmap_accessed_read, used);
        }
        physmap_dirty_stop(&domain);
        assert_int_equal(domain.physmap->mapped_2m, log_used ? 0 : 4);
        physmap_accessed_stop(&domain);
        assert_int_equal(domain.physmap->mapped_2m, 4);
        assert_int_equal(domain.physmap->mapped_4k, 100);
        assert_int_equal(physmap_check(&domain), 0);
        for (u64 gfn = 0; gfn < RAM_FRAMES; gfn++)
            assert_true(guest(gfn, READ | WRITE));
    }
    assert_int_equal(log_exits > 0, pml);
}

static void log_by_protection(void **state)
{
    (void)state;
    all_logs(false);
}

static void log_by_processor(void **state)
{
    (void)state;
    all_logs(true);
}

static s64 command(u64 number, u64 argument)
{
    return physmap_dirty_command(&domain, number, argument);
}

static void execute_only(void **state)
{
    unsigned level;

    (void)state;
    make_domain(RAM_FRAMES, false, false);
    assert_true(guest(5, READ | WRITE));
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, RAM_FRAMES), -EINVAL);
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, ~0ULL), -EINVAL);
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, 5), 0);
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, 5), 0);
    assert_int_equal(domain.execute_only, 1);
    assert_true(physmap_execute_only(&domain, gfn_of(5)));
    assert_false(physmap_execute_only(&domain, gfn_of(6)));
    assert_false(physmap_execute_only(&domain, gfn_of(RAM_FRAMES)));
    assert_false(guest(5, READ));
    assert_false(guest(5, READ | WRITE));
    assert_true(guest(5, EXECUTE));
    assert_true(guest(6, READ | WRITE));
    assert_int_equal(physmap_check(&domain), 0);
    /* A log does not give the rights back, nor does its end; and nothing is merged over it. */
    assert_int_equal(command(TRIVISOR_DIRTY_START, 0), 0);
    assert_int_equal(command(TRIVISOR_ALL_RIGHTS, 5), -EBUSY);
    assert_false(guest(5, READ | WRITE));
    assert_int_equal(command(TRIVISOR_DIRTY_STOP, 0), 0);
    assert_false(guest(5, READ));
    leaf_of(5, &level);
    assert_int_equal(level, 1);
    assert_int_equal(command(TRIVISOR_ALL_RIGHTS, 5), 0);
    assert_true(guest(5, READ | WRITE));
    assert_int_equal(domain.execute_only, 0);
    assert_int_equal(command(TRIVISOR_ACCESSED_START, 0), 0);
    assert_int_equal(command(TRIVISOR_ACCESSED_STOP, 0), 0);
    leaf_of(5, &level);
    assert_int_equal(level, 2);
    features = 0;
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, 5), -EOPNOTSUPP);
    assert_int_equal(command(TRIVISOR_ACCESSED_START, 0), -EOPNOTSUPP);
    assert_int_equal(command(99, 0), -ENOSYS);
}

/* One leaf for a GiB, cut for a log and whole again after it. */
static void giga(void **state)
{
    unsigned level;

    (void)state;
    frame_table_release(GIB_FRAMES, 2 * GIB_FRAMES);
    make_domain(GIB_FRAMES + 3, false, true);
    u64 *entry = leaf_of(GIB_FRAMES - 1, &level);
    assert_non_null(entry);
    assert_int_equal(level, 3);
    assert_int_equal(*entry & 0x000ffffffffff000ULL, (u64)GIB_FRAMES << 12);
    assert_null(leaf_of(GIB_FRAMES, &level));
    assert_int_equal(domain.frames, GIB_FRAMES);
    assert_int_equal(frame_of(mfn_of(GIB_FRAMES + 777))->gfn, 777);
    assert_int_equal(physmap_check(&domain), 0);
    assert_null(frame_alloc_1g(4));
    mfn_t mfn;
    assert_int_equal(physmap_lookup(&domain, gfn_of(98765), &mfn), PHYSMAP_RAM);
    assert_int_equal(mfn.v, GIB_FRAMES + 98765);
    /* Execute-only needs one small leaf: the rest of the GiB stays as large as it can. */
    assert_int_equal(command(TRIVISOR_EXECUTE_ONLY, 1000), 0);
    assert_int_equal(domain.physmap->mapped_2m, 511);
    assert_int_equal(domain.physmap->mapped_4k, 512);
    assert_int_equal(physmap_check(&domain), 0);
    assert_int_equal(command(TRIVISOR_ALL_RIGHTS, 1000), 0);
    assert_int_equal(physmap_lookup(&domain, gfn_of(98765), &mfn), PHYSMAP_RAM);
    assert_int_equal(mfn.v, GIB_FRAMES + 98765);
    assert_int_equal(command(TRIVISOR_DIRTY_START, 0), 0);
    assert_int_equal(domain.physmap->mapped_4k, GIB_FRAMES);
    assert_int_equal(physmap_check(&domain), 0);
    assert_int_equal(command(TRIVISOR_DIRTY_STOP, 0), 0);
    leaf_of(1000, &level);
    assert_int_equal(level, 3);
    assert_int_equal(domain.physmap->mapped_1g, 1);
    assert_int_equal(domain.physmap->mapped_2m + domain.physmap->mapped_4k, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_by_protection, setup, teardown),
        cmocka_unit_test_setup_teardown(log_by_processor, setup, teardown),
        cmocka_unit_test_setup_teardown(execute_only, setup, teardown),
        cmocka_unit_test_setup_teardown(giga, setup, teardown),
    };

    domains_that_exist = 1 << 3;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
