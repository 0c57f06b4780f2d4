/*
 * Setting accessed and dirty flags, and entries that change meanwhile.
 */
#include "grade_walk.h"

#include <string.h>

enum { TOP = 4, LEAF_GPA = 0x123000 };

/* What a descent through 4 levels to a page of this level has found; no flag is set. */
static struct walk_result found(unsigned leaf, struct memory *memory)
{
    struct walk_result r = {
        .status = WALK_OK, .level = (u8)leaf, .mapped = true, .user = true, .write = true};

    *memory = (struct memory){.size = sizeof(u64), .hidden = VECTOR_ENTRIES};
    for (unsigned level = TOP; level >= leaf; level--) {
        u64 gpa = 0x1000 * (TOP + 1 - level) + 8 * level,
            value = (gpa & ~0xfffULL) | PTE_P | PTE_W | PTE_U;

        memory->entry[memory->count++] = (struct vector_entry){gpa, value, value};
        r.entry[level] = (struct walk_entry){gpa, value};
    }
    return r;
}

static const struct walk_mode four_level = {
    .levels = TOP, .entry_size = 8, .index_bits = 9, .wp = true};

/* Sets the flags of a walk to a page of this level, of which `has` has some already. */
static void check_flags(unsigned leaf, bool write, u64 has)
{
    struct memory memory;
    struct walk_result r = found(leaf, &memory);
    u64 needed = PTE_A | (write ? PTE_D : 0);

    for (unsigned i = 0; i < memory.count; i++) {
        memory.entry[i].before |= has;
        r.entry[TOP - i].value |= has;
    }
    GRADE_CASE("%s through 4 levels to a page of level %u; the entries have%s%s",
               write ? "write" : "read", leaf, has & PTE_A ? " A" : " no A",
               has & PTE_D ? " and D" : "");
    GRADE_EQUAL("walk_set_flags returns (0: WALK_EXCHANGED)",
                walk_set_flags(&four_level, write, &memory_ops, &memory, &r), WALK_EXCHANGED,
                "walk.6: walk_set_flags");
    for (unsigned i = 0; i < memory.count; i++) {
        u64 want = memory.entry[i].after | has | (TOP - i == leaf ? needed : PTE_A);

        GRADE_EQUAL("an entry in memory", memory.entry[i].before, want, "walk.6: walk_set_flags");
        GRADE_EQUAL("r->entry[].value", r.entry[TOP - i].value, want, "walk.6: walk_set_flags");
    }
    GRADE_EQUAL("r->dirty", r.dirty, !!((has | (write ? PTE_D : 0)) & PTE_D),
                "walk.6: walk_set_flags");
    GRADE_EQUAL("entries exchanged (only those that lack a flag)", memory.exchanges,
                !(has & PTE_A) ? memory.count : (needed & ~has) != 0, "walk.6: walk_set_flags");
    for (unsigned i = 0; i + 1 < memory.exchanges; i++)
        GRADE_TRUE("the upper entry is exchanged first",
                   memory.exchanged[i] < memory.exchanged[i + 1], "walk.6: walk_set_flags");
}

void flags_accessed(void **state)
{
    (void)state;
    for (unsigned leaf = 1; leaf < TOP; leaf++) {
        check_flags(leaf, false, 0);
        check_flags(leaf, false, PTE_A);
        check_flags(leaf, false, PTE_A | PTE_D);
    }
}

void flags_dirty(void **state)
{
    (void)state;
    for (unsigned leaf = 1; leaf < TOP; leaf++) {
        check_flags(leaf, true, 0);
        check_flags(leaf, true, PTE_A);
        check_flags(leaf, true, PTE_A | PTE_D);
    }
}

/* An entry that is not what it was, or not there any more, ends it at that level. */
void flags_stop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOP; i++) {
        struct memory memory;
        struct walk_result r = found(1, &memory);

        memory.entry[i].before |= PTE_A;
        GRADE_CASE("another processor has changed the entry of level %u", TOP - i);
        GRADE_EQUAL("walk_set_flags returns (1: WALK_CHANGED)",
                    walk_set_flags(&four_level, true, &memory_ops, &memory, &r), WALK_CHANGED,
                    "walk.6: walk_set_flags");
        GRADE_EQUAL("r->level", r.level, TOP - i, "walk.6: walk_set_flags");
        GRADE_EQUAL("the changed entry", memory.entry[i].before, memory.entry[i].after | PTE_A,
                    "walk.6: walk_set_flags");
        r = found(1, &memory);
        memory.hidden = i;
        GRADE_CASE("the entry of level %u has gone", TOP - i);
        GRADE_EQUAL("walk_set_flags returns (2: WALK_NO_MEMORY)",
                    walk_set_flags(&four_level, false, &memory_ops, &memory, &r), WALK_NO_MEMORY,
                    "walk.6: walk_set_flags");
        GRADE_EQUAL("r->level", r.level, TOP - i, "walk.6: walk_set_flags");
    }
}

/* Tables for an address, all rights given, no flag set. */
static struct walk_case plain_vector(void)
{
    struct walk_case v = {.cr0 = CR0_PE | CR0_PG | CR0_WP,
                          .cr3 = 0x1000,
                          .cr4 = CR4_PAE,
                          .efer = EFER_LME | EFER_LMA | EFER_NXE,
                          .maxphyaddr = 40,
                          .page1gb = true,
                          .la = 0x12345678abcULL,
                          .level = 1,
                          .gpa = LEAF_GPA | 0xabc,
                          .page_shift = PAGE_SHIFT,
                          .user = 1,
                          .write = 1,
                          .count = TOP};

    for (unsigned i = 0; i < TOP; i++) {
        u64 value = (i == TOP - 1 ? LEAF_GPA : 0x1000 * (i + 2)) | PTE_P | PTE_W | PTE_U;

        v.entry[i] = (struct vector_entry){0x1000 * (i + 1) + 8 * pt_index(v.la, TOP - i), value,
                                           value | PTE_A};
    }
    return v;
}

/* The other processor has set a flag, or taken a right away: the second descent must see it. */
void changed_again(void **state)
{
    struct walk_case v = plain_vector();
    struct memory memory = memory_of(&v);
    struct walk_mode m = mode_of(&v);
    struct walk_result r;

    (void)state;
    memory.spoil = 1;
    memory.spoil_bits = PTE_A;
    GRADE_CASE("a write, while another processor sets A in the entry of level 4");
    GRADE_SAME("the walk ends with",
               status_text(walk(&m, v.la, WALK_WRITE, &memory_ops, &memory, &r)), "WALK_OK",
               "walk.7: walk");
    GRADE_EQUAL("the level 1 entry", memory.entry[TOP - 1].before, v.entry[TOP - 1].after | PTE_D,
                "walk.7: walk");
    memory = memory_of(&v);
    memory.spoil = 1;
    memory.spoil_bits = PTE_NX;
    GRADE_CASE("a fetch, while another processor sets XD in the entry of level 4");
    GRADE_SAME("the walk ends with",
               status_text(walk(&m, v.la, WALK_FETCH, &memory_ops, &memory, &r)), "WALK_FAULT",
               "walk.7: walk");
    GRADE_EQUAL("the error code", r.error, PF_P | PF_I, "walk.7: walk");
    for (unsigned i = 1; i < TOP; i++)
        GRADE_EQUAL("a lower entry, in which no flag is to be set", memory.entry[i].before,
                    v.entry[i].before, "walk.7: walk");
}

void changed_for_ever(void **state)
{
    struct walk_case v = plain_vector();
    struct memory memory = memory_of(&v);
    struct walk_mode m = mode_of(&v);
    struct walk_result r;

    (void)state;
    memory.spoil = 1000;
    GRADE_CASE("an entry is found changed every time");
    GRADE_SAME("the walk ends with",
               status_text(walk(&m, v.la, WALK_READ, &memory_ops, &memory, &r)), "WALK_RETRY",
               "walk.7: walk");
    GRADE_EQUAL("descents before it gives up", 1000 - memory.spoil, WALK_TRIES, "walk.7: walk");
    memory = memory_of(&v);
    memory.vanish = true;
    GRADE_CASE("the memory of a table goes away between the descent and the exchange");
    GRADE_SAME("the walk ends with",
               status_text(walk(&m, v.la, WALK_READ, &memory_ops, &memory, &r)), "WALK_NO_TABLE",
               "walk.7: walk");
    GRADE_TRUE("r->mapped is false", !r.mapped, "walk.7: walk");
    memory = memory_of(&v);
    GRADE_CASE("WALK_PEEK leaves the flags alone");
    GRADE_SAME("the walk ends with",
               status_text(walk(&m, v.la, WALK_WRITE | WALK_PEEK, &memory_ops, &memory, &r)),
               "WALK_OK", "walk.7: walk");
    GRADE_EQUAL("entries exchanged", memory.exchanges, 0, "walk.7: walk");
}
