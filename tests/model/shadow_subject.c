/*
 * Shadow paging as the subject of a differential test: see shadow_subject.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "shadow_subject.h"

#include "../include/simmachine.h"
#include "../../src/mmu-shadow/shadow.h"
#include "../unit/stub_machine.h"
#include "frame.h"
#include "layout.h"
#include "paging.h"
#include "physmap.h"
#include "x86.h"

enum { TRIES = 8 };

static unsigned stores;

uint64_t *subject_memory(uint64_t gpa)
{
    char *page = physmap_map(&sim.domain, gpa_to_gfn(gpa_of(gpa)));

    return page ? (uint64_t *)(page + (gpa & PAGE_OFFSET_MASK)) : NULL;
}

void subject_store_bytes(uint64_t gpa, uint64_t value, unsigned size)
{
    uint64_t *p = subject_memory(gpa);
    struct frame *f = frame_of(va_to_mfn(p));

    if (++stores % 2 && (f->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) == FRAME_SHADOWED)
        shadow_let_go(&sim.domain, f);
    memcpy(p, &value, size);
    if ((f->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) == FRAME_SHADOWED)
        paging_guest_written(&sim.domain, gpa, size);
}

void subject_store(uint64_t gpa, uint64_t value)
{
    subject_store_bytes(gpa, value, sizeof(value));
}

void subject_invlpg(uint64_t linear)
{
    paging_invalidate(&sim.vcpu, linear);
}

bool subject_try_load(const struct mmu_registers *r)
{
    struct paging_fault f = {0};
    const u64 cr0 = sim.reg[VREG_CR0], cr3 = sim.reg[VREG_CR3], cr4 = sim.reg[VREG_CR4],
              efer = sim.reg[VREG_EFER];
    enum paging_result result;

    sim.reg[VREG_CR0] = r->cr0;
    sim.reg[VREG_CR3] = r->cr3;
    sim.reg[VREG_CR4] = r->cr4;
    sim.reg[VREG_EFER] = r->efer;
    if (cr0 != r->cr0 || cr4 != r->cr4 || efer != r->efer)
        paging_flush(&sim.vcpu);
    result = paging_load_root(&sim.vcpu, &f);
    if (result == PAGING_FIXED)
        return true;
    assert_int_equal(result, PAGING_INJECT);
    sim.reg[VREG_CR0] = cr0;
    sim.reg[VREG_CR3] = cr3;
    sim.reg[VREG_CR4] = cr4;
    sim.reg[VREG_EFER] = efer;
    return false;
}

void subject_load(const struct mmu_registers *r)
{
    assert_true(subject_try_load(r));
}

/* The fault that the processor would exit with. */
static enum paging_result fault(uint64_t linear, u32 error, struct paging_fault *f)
{
    const struct exit e = {
        .reason = EXIT_PAGE_FAULT, .gva = linear, .error = error, .vector = VEC_PF};

    return paging_fault(&sim.vcpu, &e, f);
}

/* No write to a table: no RAM is there, or the kernel, with WP = 0 and AC = 1, writes where SMAP
 * allows no leaf. */
static void check_emulated(const struct paging_fault *f, struct mmu_access access)
{
    mfn_t mfn;

    if (physmap_lookup(&sim.domain, gpa_to_gfn(gpa_of(f->gpa)), &mfn) != PHYSMAP_NONE)
        assert_true(sim.reg[VREG_CR4] & CR4_SMAP && !(sim.reg[VREG_CR0] & CR0_WP) && access.ac &&
                    access.write && !access.user);
}

void subject_access(uint64_t linear, struct mmu_access access, struct mmu_outcome *out)
{
    struct paging_fault f = {0};
    struct sim_result r;

    sim.reg[VREG_RFLAGS] = access.ac ? RFLAGS_AC : 0;
    sim.reg[VREG_RIP]++; /* each is another instruction's */

    for (unsigned i = 0; i < TRIES; i++) {
        sim_access(linear, access.write, access.fetch, access.user, &r);
        if (!r.fault) {
            u32 gfn = frame_of(mfn_of(r.machine >> PAGE_SHIFT))->gfn;
            out->physical = (u64)gfn << PAGE_SHIFT | (r.machine & PAGE_OFFSET_MASK);
            return;
        }
        switch (fault(linear, r.error, &f)) {
        case PAGING_FIXED:
            break;
        case PAGING_INJECT:
            assert_int_equal(f.cr2, linear);
            out->cause = MMU_RIGHTS;
            out->error = f.error;
            return;
        case PAGING_EMULATE:
            out->physical = f.gpa;
            if (f.table_write)
                assert_true(access.write);
            else
                check_emulated(&f, access);
            return;
        default:
            fail_msg("%s", f.why);
        }
    }
    fail_msg("the same fault comes again and again");
}

void subject_check(void)
{
    assert_int_equal(physmap_check(&sim.domain), 0);
    assert_int_equal(violations_seen, 0);
}

void subject_begin(unsigned ram_frames, unsigned pool_tables, unsigned maxphyaddr)
{
    const struct domain_config config = {
        .name = "model",
        .mem_bytes = ram_frames * PAGE_SIZE,
        .shadow_bytes = pool_tables * PAGE_SIZE,
    };

    sim_init(2 * ram_frames, &config);
    sim.maxphyaddr = (u8)maxphyaddr;
    assert_int_equal(physmap_init(&sim.domain), 0);
    assert_int_equal(paging_vcpu_init(&sim.vcpu), 0);
}

void subject_end(void)
{
    print_message("TLB: %lu hits, %lu misses, %lu flushes; shadows made %lu, evicted %lu, dropped "
                  "%lu\n",
                  sim.tlb_hits, sim.tlb_misses, sim.flushes,
                  sim.domain.ledger.cell[LC_SHADOW_NEW_TABLE].n,
                  sim.domain.ledger.cell[LC_SHADOW_RECLAIM_TABLE].n,
                  sim.domain.ledger.cell[LC_SHADOW_DROP_TABLE].n);
    paging_vcpu_destroy(&sim.vcpu);
    while (!physmap_destroy(&sim.domain))
        ;
    assert_int_equal(sim.domain.frames, 0);
    assert_int_equal(frame_check(), 0);
    sim_end();
}
