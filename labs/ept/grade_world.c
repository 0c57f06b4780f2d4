/*
 * The machine behind the grader's host part (grade_ept.h).
 */
#include "grade_ept.h"

#include "grade.h"

#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "machine.h"
#include "paging.h"
#include "log.h"
#include "physmap.h"
#include "tlb.h"

#include "../../src/mmu-ept/physmap_ept.h"
#include "../../src/mmu-ept/stage2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MEMORY_TYPE = 0x78, WRITE_BACK_IGNORE_PAT = 0x70, RESERVED_IN_TABLE = 0xf8 };
#define EPT_ADDRESS 0x000ffffffffff000ULL
#define DIRT        0xddddddddddddddddULL

struct domain domain;
struct vcpu vcpu;
struct paging_fault world_fault;
u8 *host_machine_memory;

static void *table;
static u64 free_at_start, flushes;
static struct frame *taken[WORLD_FRAMES];
static unsigned taken_count;
static struct {
    u64 mfn;         /* what a gfn is translated to */
    unsigned rights; /* and the rights; 0: nothing is remembered */
} tlb[WORLD_FRAMES];

/* What the hypervisor's sources need of the rest of it. */

struct domain *domain_by_id(u16 id)
{
    return id == WORLD_DOMAIN ? &domain : NULL;
}
/* What the exercises do without: leaves of 1 GiB, merging, the processor's own log. */

void physmap_fill_1g(struct domain *d)
{
    (void)d;
}
int physmap_split_1g(struct domain *d, u64 *entry)
{
    (void)d;
    (void)entry;
    return 0;
}
void physmap_merge_all(struct domain *d)
{
    (void)d;
}
int physmap_log_start(struct domain *d)
{
    (void)d;
    return 0;
}
void physmap_log_stop(struct domain *d)
{
    (void)d;
}
s64 physmap_log_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits)
{
    (void)d;
    (void)first;
    (void)gfns;
    (void)bits;
    return 0;
}
void physmap_log_collect(struct domain *d)
{
    (void)d;
}
void paging_logged(struct domain *d, u64 gpa)
{
    (void)d;
    (void)gpa;
}

/* The TLB. */

static void forget(mfn_t root)
{
    if (domain.physmap && !mfn_eq(root, physmap_root(&domain)))
        return;
    memset(tlb, 0, sizeof(tlb));
    flushes++;
}
void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root; /* a guest-virtual address: says nothing about guest-physical ones */
    (void)gva;
}
void tlb_hw_flush_root(mfn_t root)
{
    forget(root);
}
void tlb_hw_flush_all(void)
{
    memset(tlb, 0, sizeof(tlb));
    flushes++;
}
u64 world_flushes(void)
{
    return flushes;
}

/* No frame is clean before somebody has cleaned it. */
static void make_memory(void)
{
    u64 bytes = (u64)WORLD_FRAMES << PAGE_SHIFT;

    host_machine_memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host_machine_memory == MAP_FAILED)
        grade_error("no memory for the simulated machine");
    for (u64 at = 0; at < bytes; at += PAGE_SIZE)
        *(u64 *)(host_machine_memory + at + 8 * (at >> PAGE_SHIFT) % PAGE_SIZE) = DIRT;
    table = calloc(1, frame_table_bytes(WORLD_FRAMES));
    frame_table_init(table, WORLD_FRAMES);
    frame_table_add_ram(0, WORLD_FRAMES);
    frame_table_release(0, WORLD_FRAMES);
}

void world_start(u64 ram_frames, bool small_pages)
{
    make_memory();
    free_at_start = frame_free_count();
    memset(&domain, 0, sizeof(domain));
    domain.id = WORLD_DOMAIN;
    domain.config.mem_bytes = ram_frames << PAGE_SHIFT;
    domain.config.small_pages = small_pages;
    snprintf(domain.config.name, sizeof(domain.config.name), "graded");
    vcpu.domain = &domain;
    flushes = 0;
    grade_forget_violation();
    memset(tlb, 0, sizeof(tlb));
    if (physmap_init(&domain))
        grade_error("physmap_init fails");
}

void world_end(const char *where)
{
    unsigned bad;

    GRADE_CASE("the recount of the second stage (physmap_check.c)");
    physmap_check(&domain);
    grade_same("what it finds wrong", grade_violation(), "", where);
    while (!physmap_destroy(&domain))
        ;
    GRADE_CASE("after the domain's end");
    GRADE_EQUAL("frames that it still has", domain.frames, 0, where);
    GRADE_EQUAL("frames that nobody gave back", free_at_start - frame_free_count(), 0, where);
    bad = frame_check();
    grade_same("what the frame table's recount finds wrong", bad ? grade_violation() : "", "",
               where);
    munmap(host_machine_memory, (size_t)WORLD_FRAMES << PAGE_SHIFT);
    free(table);
}

void world_leave(u64 frames)
{
    while ((taken[taken_count] = frame_alloc(DOMID_HYPERVISOR)))
        taken_count++;
    while (frames--)
        frame_put(taken[--taken_count]);
}

void world_release(void)
{
    while (taken_count)
        frame_put(taken[--taken_count]);
}

u64 world_used(void)
{
    return free_at_start - frame_free_count();
}

/* What is wrong with an entry's bits, or NULL ("EPT Misconfigurations", and what stage2.h says). */
static const char *wrong_bits(u64 entry, unsigned level, bool leaf)
{
    if ((entry & EPT_RIGHTS) == EPT_W || (entry & EPT_RIGHTS) == (EPT_W | EPT_X))
        return "an entry permits writes but no reads: a misconfiguration";
    if (leaf && level > 2)
        return "a leaf above level 2";
    if (leaf && (entry & MEMORY_TYPE) != WRITE_BACK_IGNORE_PAT)
        return "a leaf's memory type is not write-back";
    if (leaf && (entry & EPT_ADDRESS) % (1ULL << (PAGE_SHIFT + 9 * (level - 1))))
        return "a leaf's frame is not aligned to the leaf's size";
    if (!leaf && entry & RESERVED_IN_TABLE)
        return "reserved bits are set in an entry that names a table";
    if ((entry & EPT_ADDRESS) >> PAGE_SHIFT >= WORLD_FRAMES)
        return "an entry leads to where there is no memory";
    return NULL;
}

static void check_frame(u64 mfn, u64 gfn, const char *where)
{
    const struct frame *f = frame_of(mfn_of(mfn));

    GRADE_EQUAL("the owner of the frame that a leaf leads to", f ? f->owner : 0, WORLD_DOMAIN,
                where);
    GRADE_EQUAL("the gfn in that frame's record", f->gfn, gfn, where);
}

struct mapping world_translate(u64 gfn, const char *where)
{
    struct mapping m = {.rights = EPT_RIGHTS, .level = 4};
    u64 at = physmap_root(&domain).v;

    for (;; m.level--) {
        u64 entry = ((u64 *)mfn_to_va(mfn_of(at)))[gfn >> 9 * (m.level - 1) & 511];
        bool leaf = m.level == 1 || entry & EPT_LARGE;
        if (!(entry & EPT_RIGHTS))
            return (struct mapping){.level = m.level};
        const char *wrong = wrong_bits(entry, m.level, leaf);
        if (wrong) {
            GRADE_CASE("the way to gfn 0x%lx: entry 0x%lx at level %u", (unsigned long)gfn,
                       (unsigned long)entry, m.level);
            GRADE_TRUE(wrong, false, where);
        }
        m.rights &= entry & EPT_RIGHTS;
        at = (entry & EPT_ADDRESS) >> PAGE_SHIFT;
        if (!leaf)
            continue;
        m.mfn = at + (m.level == 1 ? 0 : gfn % 512);
        check_frame(m.mfn, gfn, where);
        return m;
    }
}

bool world_access(u64 gfn, bool write, const char *where)
{
    unsigned wanted = EPT_R | (write ? EPT_W : 0);

    if (!tlb[gfn].rights) {
        struct mapping m = world_translate(gfn, where);
        tlb[gfn].rights = m.rights;
        tlb[gfn].mfn = m.mfn;
    }
    if ((tlb[gfn].rights & wanted) != wanted) {
        tlb[gfn].rights = 0; /* a violation drops what violated */
        return false;
    }
    if (write)
        ((u64 *)mfn_to_va(mfn_of(tlb[gfn].mfn)))[gfn % 512] = ~gfn;
    return true;
}

const char *world_violate(u64 gpa, u32 error)
{
    const struct exit e = {.reason = EXIT_STAGE2, .gpa = gpa, .error = error, .gva = ~gpa};

    world_fault = (struct paging_fault){.gpa = NO_VALUE, .table_write = true};
    unsigned result = paging_fault(&vcpu, &e, &world_fault);
    return grade_paging_result(result);
}
