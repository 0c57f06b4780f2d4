/*
 * The guest of the shadow tests: see stub_shadow_guest.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "stub_shadow_guest.h"

#include "frame.h"
#include "layout.h"
#include "physmap.h"
#include "stub_machine.h"

static u64 next_table;

u64 count(enum ledger_counter c)
{
    return d->ledger.cell[c].n;
}

u64 *guest(u64 gpa)
{
    char *page = physmap_map(d, gpa_to_gfn(gpa_of(gpa)));

    assert_non_null(page);
    return (u64 *)(page + (gpa & PAGE_OFFSET_MASK));
}

void store(u64 gpa, u64 value)
{
    *guest(gpa) = value;
    if ((frame_of(va_to_mfn(guest(gpa)))->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) ==
        FRAME_SHADOWED)
        paging_guest_written(d, gpa, sizeof(value));
}

u64 new_table(void)
{
    return next_table++ << PAGE_SHIFT;
}

u64 map(u64 root, u64 la, u64 entry)
{
    u64 table = root;

    for (unsigned level = 4; level > 1; level--) {
        u64 at = table + 8 * pt_index(la, level);
        if (!(*guest(at) & PTE_P))
            store(at, new_table() | RIGHTS);
        table = *guest(at) & PTE_ADDR;
    }
    store(table + 8 * pt_index(la, 1), entry);
    return table + 8 * pt_index(la, 1);
}

void load_registers(u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
    struct paging_fault f = {0};

    sim.reg[VREG_CR0] = cr0;
    sim.reg[VREG_CR3] = cr3;
    sim.reg[VREG_CR4] = cr4;
    sim.reg[VREG_EFER] = efer;
    paging_flush(v);
    assert_int_equal(paging_load_root(v, &f), PAGING_FIXED);
}

void load_cr3(u64 cr3)
{
    struct paging_fault f = {0};

    sim.reg[VREG_CR3] = cr3;
    assert_int_equal(paging_load_root(v, &f), PAGING_FIXED);
}

void long_mode(u64 root)
{
    load_registers(CR0_PE | CR0_PG | CR0_WP, root, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE);
}

enum paging_result fault(u64 la, u32 error, struct paging_fault *f)
{
    const struct exit e = {.reason = EXIT_PAGE_FAULT, .gva = la, .error = error, .vector = VEC_PF};

    return paging_fault(v, &e, f);
}

u64 touch(u64 la, u32 access)
{
    struct paging_fault f;
    struct sim_result r;

    for (unsigned i = 0; i < 4; i++) {
        sim_access(la, access & PF_W, access & PF_I, access & PF_U, &r);
        if (!r.fault)
            return frame_of(mfn_of(r.machine >> PAGE_SHIFT))->gfn;
        assert_int_equal(fault(la, r.error, &f), PAGING_FIXED);
    }
    fail();
    return 0;
}

u32 refused(u64 la, u32 access)
{
    struct paging_fault f;
    struct sim_result r;

    sim_access(la, access & PF_W, access & PF_I, access & PF_U, &r);
    assert_true(r.fault);
    assert_int_equal(fault(la, r.error, &f), PAGING_INJECT);
    assert_int_equal(f.cr2, la);
    return f.error;
}

void check(void)
{
    assert_int_equal(physmap_check(d), 0);
    assert_int_equal(violations_seen, 0);
}

void start(unsigned pool_tables)
{
    const struct domain_config config = {
        .name = "unit", .mem_bytes = RAM_FRAMES * PAGE_SIZE, .shadow_bytes = pool_tables * 4096};

    sim_init(2 * RAM_FRAMES, &config);
    next_table = TABLES;
    violations_seen = 0;
    assert_int_equal(physmap_init(d), 0);
    assert_int_equal(paging_vcpu_init(v), 0);
}

void end(void)
{
    check();
    paging_vcpu_destroy(v);
    for (u64 before = d->frames; !physmap_destroy(d); before = d->frames)
        assert_in_range(before - d->frames, 0, UNBUILD_FRAMES);
    assert_int_equal(d->frames, 0);
    assert_int_equal(frame_check(), 0);
    sim_end();
}

u64 make_process(unsigned n)
{
    u64 root = new_table();

    for (u64 i = 0; i < PAGES; i++)
        map(root, USER_BASE + i * PAGE_SIZE, (DATA + n * PAGES + i) << PAGE_SHIFT | RIGHTS);
    map(root, 0x400000, DATA << PAGE_SHIFT | PTE_P | PTE_U);
    return root;
}

void use_process(unsigned n)
{
    for (u64 i = 0; i < PAGES; i++)
        assert_int_equal(touch(USER_BASE + i * PAGE_SIZE, PF_U | PF_W), DATA + n * PAGES + i);
    touch(0x400000, PF_U);
}
