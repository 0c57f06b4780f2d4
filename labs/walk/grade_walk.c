// sources: src/core/walk.c labs/walk/vectors.c labs/walk/memory.c labs/walk/grade_flags.c
// sources: labs/walk/grade_modes.c
/*
 * Grades the page walker: rights, error codes, reserved bits, the descent and the page, by vectors.
 * Setting flags, and entries that change, are in grade_flags.c; PAE and 32-bit paging in
 * grade_modes.c; the memory of a case and the check of a whole walk in memory.c.
 */
#include "grade_walk.h"

#include <stdio.h>
#include <string.h>

const char *access_text(unsigned access)
{
    static char text[80];
    const char *what = access & WALK_FETCH ? "fetch" : access & WALK_WRITE ? "write" : "read";

    snprintf(text, sizeof(text), "%s %s%s%s", access & WALK_USER ? "user" : "supervisor", what,
             access & WALK_AC ? ", RFLAGS.AC=1" : "",
             access & WALK_IMPLICIT ? ", implicit (a system structure)" : "");
    return text;
}

const char *mode_text(u64 cr0, u64 cr4, u64 efer)
{
    static char text[120];

    snprintf(text, sizeof(text), "%s, WP=%d SMEP=%d SMAP=%d NXE=%d",
             efer & EFER_LMA ? "4-level"
             : cr4 & CR4_PAE ? "PAE"
                             : "32-bit",
             !!(cr0 & CR0_WP), !!(cr4 & CR4_SMEP), !!(cr4 & CR4_SMAP), !!(efer & EFER_NXE));
    return text;
}

const char *status_text(enum walk_status status)
{
    static const char *const names[] = {"WALK_OK", "WALK_FAULT", "WALK_NO_TABLE", "WALK_RETRY"};

    return status < ARRAY_SIZE(names) ? names[status] : "none of enum walk_status";
}

/* walk.1 */

static void use_permits(const struct walk_case *v)
{
    struct walk_mode m = {
        .wp = v->cr0 & CR0_WP, .smep = v->cr4 & CR4_SMEP, .smap = v->cr4 & CR4_SMAP};

    GRADE_CASE("%s of a page with U/S=%u R/W=%u XD=%u, with %s", access_text(v->access), v->user,
               v->write, v->nx, mode_text(v->cr0, v->cr4, v->efer));
    GRADE_SAME("the access is",
               walk_permits(&m, v->access, v->user, v->write, v->nx) ? "permitted" : "refused",
               v->cause == CAUSE_NONE ? "permitted" : "refused", "walk.1: walk_permits");
}

static void rights_user(void **state)
{
    (void)state;
    vectors_each("permits", "rights_user", use_permits);
}

static void rights_supervisor(void **state)
{
    (void)state;
    vectors_each("permits", "rights_supervisor", use_permits);
}

static void rights_smep_smap(void **state)
{
    (void)state;
    vectors_each("permits", "rights_smep_smap", use_permits);
}

/* walk.2 */

static u32 why_of(unsigned cause)
{
    return cause == CAUSE_NOT_PRESENT ? 0 : cause == CAUSE_RESERVED ? PF_P | PF_RSVD : PF_P;
}

static const char *const causes[] = {"nothing", "an entry that is not present", "a reserved bit",
                                     "the access rights"};

/* The I/D flag depends on the mode, which error_i tells; what is no fetch must not look at it. */
static void use_error(const struct walk_case *v)
{
    for (unsigned error_i = 0; error_i < 2; error_i++) {
        struct walk_mode m = {.error_i = error_i};

        if ((v->access & WALK_FETCH) && error_i != !!(v->error & PF_I))
            continue;
        GRADE_CASE("%s, fault by %s, error_i=%u", access_text(v->access), causes[v->cause],
                   error_i);
        GRADE_EQUAL("the error code", walk_error(&m, v->access, why_of(v->cause)), v->error,
                    "walk.2: walk_error");
    }
}

static void error_code(void **state)
{
    (void)state;
    vectors_each("error", NULL, use_error);
}

/* What the registers say of rights; each bit alone, too. */
static void expect_rights(u64 cr4)
{
    static const u64 alone[] = {CR4_SMEP, CR4_SMAP, CR4_PGE};
    struct walk_features cpu = {.maxphyaddr = 40, .page1gb = true};
    struct walk_mode m;

    for (unsigned i = 0; i <= ARRAY_SIZE(alone) * 2; i++) {
        u64 cr0 = CR0_PE | (i % 2 ? CR0_WP : 0), bits = i ? alone[i / 2 % ARRAY_SIZE(alone)] : cr4;

        walk_mode_init(&m, cr0, 0, bits, 0, &cpu);
        GRADE_CASE("CR0.WP=%u CR4=0x%lx", i % 2, (unsigned long)bits);
        GRADE_EQUAL("wp, from CR0.WP", m.wp, i % 2, "walk.2: set_rights");
        GRADE_EQUAL("smep", m.smep, !!(bits & CR4_SMEP), "walk.2: set_rights");
        GRADE_EQUAL("smap", m.smap, !!(bits & CR4_SMAP), "walk.2: set_rights");
        GRADE_EQUAL("pge", m.pge, !!(bits & CR4_PGE), "walk.2: set_rights");
    }
}

static void use_fetch(const struct walk_case *v)
{
    struct walk_features cpu = {.maxphyaddr = 40, .page1gb = true};
    struct walk_mode m;

    if (!(v->access & WALK_FETCH))
        return;
    expect_rights(v->cr4);
    walk_mode_init(&m, CR0_PE, 0, v->cr4, v->efer, &cpu);
    GRADE_CASE("CR4.PAE=%d CR4.SMEP=%d EFER.NXE=%d", !!(v->cr4 & CR4_PAE), !!(v->cr4 & CR4_SMEP),
               !!(v->efer & EFER_NXE));
    GRADE_EQUAL("whether error codes have the I/D flag", m.error_i, !!(v->error & PF_I),
                "walk.2: set_rights");
}

static void error_fetch(void **state)
{
    (void)state;
    vectors_each("error", NULL, use_fetch);
}

/* walk.3 */

#define ADDRESS_BITS (PTE_ADDR | PTE_AVAIL) /* what may be an address, and what is ignored */

/* Compares the bits `which` of the mask of this vector's kind of entry. */
static void compare_reserved(const struct walk_case *v, u64 which)
{
    struct walk_features cpu = {.maxphyaddr = (u8)v->maxphyaddr, .page1gb = v->page1gb};
    struct walk_mode m;

    walk_mode_init(&m, CR0_PE | CR0_PG, 0, CR4_PAE, v->efer, &cpu);
    GRADE_CASE("%s, NXE=%d, MAXPHYADDR=%u, %s pages of 1 GiB; an entry of level %u that %s",
               v->efer & EFER_LMA ? "4-level" : "PAE", !!(v->efer & EFER_NXE), v->maxphyaddr,
               v->page1gb ? "has" : "no", v->level, v->page ? "maps a page" : "names a table");
    GRADE_EQUAL(v->page ? "reserved bits (rsvd_page)" : "reserved bits (rsvd_table)",
                (v->page ? m.rsvd_page : m.rsvd_table)[v->level] & which, v->mask & which,
                "walk.3: set_reserved");
}

static void use_address(const struct walk_case *v)
{
    if (!v->page || v->level == 1)
        compare_reserved(v, ADDRESS_BITS & ~PTE_NX);
}

static void use_nx(const struct walk_case *v)
{
    compare_reserved(v, PTE_NX);
}

static void use_large(const struct walk_case *v)
{
    if (v->page && v->level > 1)
        compare_reserved(v, ADDRESS_BITS & ~PTE_NX);
}

static void use_ps(const struct walk_case *v)
{
    if (!v->page)
        compare_reserved(v, PTE_PS);
}

static void reserved_address(void **state)
{
    (void)state;
    vectors_each("reserved", NULL, use_address);
}

static void reserved_nx(void **state)
{
    (void)state;
    vectors_each("reserved", NULL, use_nx);
}

static void reserved_large(void **state)
{
    (void)state;
    vectors_each("reserved", NULL, use_large);
}

static void reserved_ps(void **state)
{
    (void)state;
    vectors_each("reserved", NULL, use_ps);
}

/* walk.4 */

static void use_descent(const struct walk_case *v)
{
    check_walk(v, "walk.4: descend");
}

static void descent_not_present(void **state)
{
    (void)state;
    vectors_each("walk", "not_present", use_descent);
}

static void descent_reserved(void **state)
{
    (void)state;
    vectors_each("walk", "reserved", use_descent);
}

/* Each table on the way to the fault may lie where there is no memory. */
static void use_no_table(const struct walk_case *v)
{
    for (unsigned i = 0; i <= 4 - v->level; i++) {
        struct memory memory = memory_of(v);
        struct walk_mode m = mode_of(v);
        struct walk_result r;

        memory.hidden = i;
        GRADE_CASE("there is no memory at 0x%lx, where the entry of level %u is", v->entry[i].gpa,
                   4 - i);
        GRADE_SAME("the walk ends with",
                   status_text(walk(&m, v->la, v->access, &memory_ops, &memory, &r)),
                   "WALK_NO_TABLE", "walk.4: descend");
        GRADE_EQUAL("r->level", r.level, 4 - i, "walk.4: descend");
        GRADE_EQUAL("r->entry[r->level].gpa", r.entry[4 - i].gpa, v->entry[i].gpa,
                    "walk.4: descend");
    }
}

static void descent_no_table(void **state)
{
    (void)state;
    vectors_each("walk", "not_present", use_no_table);
}

/* walk.5 */

static void use_page(const struct walk_case *v)
{
    check_walk(v, "walk.5: take_page");
}

static void page_4k(void **state)
{
    (void)state;
    vectors_each("walk", "page_4k", use_page);
}

static void page_large(void **state)
{
    (void)state;
    vectors_each("walk", "page_large", use_page);
}

static void page_rights(void **state)
{
    (void)state;
    vectors_each("walk", "page_rights", use_page);
}

/* walk.7 and walk.8 by vectors */

static void use_whole(const struct walk_case *v)
{
    check_walk(v, "walk.7: walk, and the steps before it");
}

static void walk_4level(void **state)
{
    (void)state;
    vectors_each("walk", "walk_4level", use_whole);
}

static void use_pae(const struct walk_case *v)
{
    check_walk(v, "walk.8: descend_pae");
}

static void pae_walk(void **state)
{
    (void)state;
    vectors_each("walk", "pae_walk", use_pae);
}

GRADE_MAIN(cmocka_unit_test(rights_user), cmocka_unit_test(rights_supervisor),
           cmocka_unit_test(rights_smep_smap), cmocka_unit_test(error_code),
           cmocka_unit_test(error_fetch), cmocka_unit_test(reserved_address),
           cmocka_unit_test(reserved_nx), cmocka_unit_test(reserved_large),
           cmocka_unit_test(reserved_ps), cmocka_unit_test(descent_not_present),
           cmocka_unit_test(descent_reserved), cmocka_unit_test(descent_no_table),
           cmocka_unit_test(page_4k), cmocka_unit_test(page_large), cmocka_unit_test(page_rights),
           cmocka_unit_test(flags_accessed), cmocka_unit_test(flags_dirty),
           cmocka_unit_test(flags_stop), cmocka_unit_test(walk_4level),
           cmocka_unit_test(changed_again), cmocka_unit_test(changed_for_ever),
           cmocka_unit_test(pae_registers), cmocka_unit_test(pae_walk), cmocka_unit_test(two_level),
           cmocka_unit_test(two_level_4m))
