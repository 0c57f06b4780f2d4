/*
 * PAE's registers, and 32-bit paging, which the model behind the vectors does not know: by cases
 * that were worked out by hand from the manual.
 */
#include "grade_walk.h"

#include <string.h>

/* PDPTEs */

enum { PDPT = 0x1020, PDPTE_BYTES = 8, TRIED = 2 };

static struct walk_case pae_vector(unsigned maxphyaddr)
{
    struct walk_case v = {.cr0 = CR0_PE | CR0_PG | CR0_WP,
                          .cr3 = PDPT,
                          .cr4 = CR4_PAE,
                          .efer = EFER_NXE,
                          .maxphyaddr = maxphyaddr,
                          .count = WALK_PDPTES};

    for (unsigned i = 0; i < WALK_PDPTES; i++)
        v.entry[i] = (struct vector_entry){PDPT + PDPTE_BYTES * i, 0x2000 * (i + 1) | PTE_P, 0};
    return v;
}

/* "PDPTE Registers": bits 2:1 and 8:5 are reserved, and all from MAXPHYADDR on. */
static bool pdpte_bit_reserved(unsigned bit, unsigned maxphyaddr)
{
    static const u8 low[] = {1, 2, 5, 6, 7, 8};

    return bit >= maxphyaddr || memchr(low, (int)bit, sizeof(low));
}

void pae_registers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 63; i++) {
        unsigned maxphyaddr = i & 1 ? 36 : 46, bit = 1 + i / 2;
        bool reserved = pdpte_bit_reserved(bit, maxphyaddr);
        struct walk_case v = pae_vector(maxphyaddr);
        struct memory memory = memory_of(&v);
        struct walk_mode m = mode_of(&v);

        GRADE_CASE("PDPTE %u is present and has bit %u, MAXPHYADDR=%u", TRIED, bit, maxphyaddr);
        memory.entry[TRIED].before |= 1ULL << bit;
        memset(m.pdpte, 0x55, sizeof(m.pdpte));
        GRADE_EQUAL("walk_load_pdptes returns", walk_load_pdptes(&m, &memory_ops, &memory),
                    !reserved, "walk.8: walk_load_pdptes");
        for (unsigned j = 0; j < WALK_PDPTES; j++)
            GRADE_EQUAL("m->pdpte[], which changes only if all of them are good", m.pdpte[j],
                        reserved ? 0x5555555555555555ULL : memory.entry[j].before,
                        "walk.8: walk_load_pdptes");
        GRADE_CASE("PDPTE %u is not present and has bit %u", TRIED, bit);
        memory.entry[TRIED].before &= ~PTE_P;
        GRADE_TRUE("walk_load_pdptes returns true", walk_load_pdptes(&m, &memory_ops, &memory),
                   "walk.8: walk_load_pdptes");
        GRADE_CASE("PDPTE %u lies where there is no memory", TRIED);
        memory.hidden = TRIED;
        GRADE_TRUE("walk_load_pdptes returns false", !walk_load_pdptes(&m, &memory_ops, &memory),
                   "walk.8: walk_load_pdptes");
    }
}

/* 32-bit paging */

enum two_level {
    DIRECTORY = 0x1000,
    TABLE = 0x2000,
    LA = 0xc0407123,
    PDE_GPA = DIRECTORY + 4 * 0x301, /* LA's bits 31:22 */
    PTE_GPA = TABLE + 4 * 0x7,       /* LA's bits 21:12 */
    RIGHTS = PTE_P | PTE_W | PTE_U,
};

static struct walk_mode two_level_mode(u64 cr4, unsigned maxphyaddr)
{
    struct walk_features cpu = {.maxphyaddr = (u8)maxphyaddr, .page1gb = true};
    struct walk_mode m;

    walk_mode_init(&m, CR0_PE | CR0_PG | CR0_WP, DIRECTORY, cr4, EFER_NXE, &cpu);
    return m;
}

static struct memory two_entries(u64 pde, u64 pte)
{
    return (struct memory){.entry = {{PDE_GPA, pde, 0}, {PTE_GPA, pte, 0}},
                           .count = 2,
                           .size = 4,
                           .hidden = VECTOR_ENTRIES};
}

/* Walks to LA, with bits above 31 that do not count. */
static struct walk_result walk_there(const struct walk_mode *m, struct memory *memory,
                                     unsigned access)
{
    struct walk_result r;

    memset(&r, 0, sizeof(r));
    walk(m, 0xabcd00000000ULL | LA, access, &memory_ops, memory, &r);
    GRADE_EQUAL("reads of what is no entry of the walk", memory->strays, 0, "walk.9: init_32bit");
    return r;
}

void two_level(void **state)
{
    const char *where = "walk.9: init_32bit";
    struct memory memory = two_entries(TABLE | RIGHTS, 0xfffff000u | RIGHTS);
    struct walk_mode m = two_level_mode(CR4_PSE, 40);
    struct walk_result r;

    (void)state;
    GRADE_CASE("a user's write at 0x%x through two tables of 4-byte entries", (unsigned)LA);
    r = walk_there(&m, &memory, WALK_WRITE | WALK_USER);
    GRADE_SAME("the walk ends with", status_text(r.status), "WALK_OK", where);
    GRADE_EQUAL("r->gpa, the translation", r.gpa, 0xfffff123u, where);
    GRADE_EQUAL("r->page_shift", r.page_shift, PAGE_SHIFT, where);
    GRADE_EQUAL("the PDE afterwards", memory.entry[0].before, TABLE | RIGHTS | PTE_A, where);
    GRADE_EQUAL("the PTE afterwards", memory.entry[1].before, 0xfffff000u | RIGHTS | PTE_A | PTE_D,
                where);
    GRADE_CASE("a fetch where no PDE is present, NXE=1 without PAE");
    memory = two_entries(0, 0);
    r = walk_there(&m, &memory, WALK_FETCH);
    GRADE_SAME("the walk ends with", status_text(r.status), "WALK_FAULT", where);
    GRADE_EQUAL("the error code", r.error, 0, where);
    GRADE_CASE("PS is set in the PDE, but CR4.PSE=0");
    m = two_level_mode(0, 40);
    memory = two_entries(TABLE | RIGHTS | PTE_PS, 0xfffff000u | RIGHTS);
    r = walk_there(&m, &memory, WALK_READ);
    GRADE_SAME("the walk ends with", status_text(r.status), "WALK_OK", where);
    GRADE_EQUAL("r->level", r.level, 1, where);
}

/* A PDE that maps 4 MiB, and what it should come to: a page at this address, or a reserved bit. */
static const struct {
    u32 pde;             /* besides RIGHTS | PTE_PS */
    unsigned maxphyaddr; /* the processor's */
    u64 base;            /* the page's first address; 0: a reserved bit is set */
} four_mib[] = {
    {0x40000000, 40, 0x40000000},
    {0xffc00000, 40, 0xffc00000},
    {0x40000000 | 0xff << 13, 40, 0xff40000000},
    {0x40000000 | 0x81 << 13, 52, 0x8140000000},
    {0x40000000 | 0xf << 13, 36, 0xf40000000},
    {0x40000000 | 0x10 << 13, 36, 0},
    {0x40000000 | 0x80 << 13, 36, 0},
    {0x40000000 | 0x80 << 13, 39, 0},
    {0x40000000 | 1 << 21, 40, 0},
    {0x40000000 | 1 << 21, 52, 0},
    {0x40000000 | 1 << 21, 36, 0},
    {0x40000000 | 1 << 12, 36, 0x40000000},
};

void two_level_4m(void **state)
{
    const char *where = "walk.9: init_32bit, pse36_base";

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(four_mib); i++) {
        struct walk_mode m = two_level_mode(CR4_PSE, four_mib[i].maxphyaddr);
        struct memory memory = two_entries(four_mib[i].pde | RIGHTS | PTE_PS, 0);
        struct walk_result r;

        GRADE_CASE("a PDE 0x%llx, CR4.PSE=1, MAXPHYADDR=%u", four_mib[i].pde | RIGHTS | PTE_PS,
                   four_mib[i].maxphyaddr);
        r = walk_there(&m, &memory, WALK_READ);
        GRADE_SAME("the walk ends with", status_text(r.status),
                   four_mib[i].base ? "WALK_OK" : "WALK_FAULT", where);
        GRADE_EQUAL("r->level", r.level, 2, where);
        if (!four_mib[i].base) {
            GRADE_EQUAL("the error code", r.error, PF_P | PF_RSVD, where);
            continue;
        }
        GRADE_EQUAL("r->page_shift", r.page_shift, 22, where);
        GRADE_EQUAL("r->gpa, the translation", r.gpa, four_mib[i].base | (LA & 0x3fffff), where);
    }
}
