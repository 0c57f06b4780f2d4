/*
 * torture32 and torturepae: torture for the formats outside long mode (see guests/torture/main.c).
 * A Multiboot kernel in 32-bit code: descriptor tables, page tables of its own for itself, and the
 * two entries that are tried.
 *
 * Words of its command line, hexadecimal: cases=N in all; first=N, the number to begin with.
 */
#include "access.h"
#include "format.h"
#include "plain.h"
#include "torture.h"

enum memory_map {
    OWN_BYTES = 0x800000,     /* mapped where it is: the kernel */
    OWN_TABLES = 4,           /* at most, for that */
    LARGE_AT = 0x1000000,     /* physical: the large page */
    LARGE_BYTES = 0x400000,   /* at most */
    REGION = 0x40000000,      /* linear: what the upper entry maps */
    USER_REGION = 0x40400000, /* linear: where user mode sees the kernel's code */
    USER_PAGES = 2,
};
enum processor {
    LEAF_EXTENDED = 7,
    CPUID_SMEP = 1 << 7,
    CPUID_SMAP = 1 << 20,
    CR0_WP = 1 << 16,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    VECTOR_PF = 14,
    VECTOR_INT80 = 0x80,
    VECTORS = 129,
};
#define CR0_PG (1u << 31)

void multiboot_main(u32 magic, u32 information);
void trap_unexpected(void);

/* access.asm */
void descriptors_load(void *idt, u32 bytes);
extern u8 trap_other[];

struct gate {
    u16 low, selector, attributes, high; /* an interrupt gate's */
};
enum gate_fields { KERNEL_CS = 0x08, GATE_INTERRUPT = 0x8e00, GATE_DPL3 = 0x6000 };

static u8 low_directory[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 high_directory[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 own_table[OWN_TABLES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 lower_table[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 user_table[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct gate idt[VECTORS];
static struct target target;
static volatile void *upper, *lower;

static u32 address_of(const volatile void *p)
{
    return (u32)(uintptr_t)p;
}

static void gate_set(unsigned vector, const void *handler, u16 attributes)
{
    idt[vector] = (struct gate){(u16)address_of(handler), KERNEL_CS, attributes,
                                (u16)(address_of(handler) >> 16)};
}

/* The entry for an address in a table of level 1 or 2. */
static u8 *entry_in(u8 *table, u32 address, unsigned level)
{
    u32 index = address >> (PAGE_SHIFT + format.index_bits * (level - 1));

    return table + (index & ((1u << format.index_bits) - 1)) * format.entry_size;
}

/* The directory's entry for an address. */
static u8 *directory_entry(u32 address)
{
    bool high = format.entry_size == 8 && address >= REGION;

    return entry_in(high ? high_directory : low_directory, address, 2);
}

static void map_itself(void)
{
    u32 bytes = PAGE_SIZE << format.index_bits; /* that a table maps */

    for (u32 at = 0; at < OWN_BYTES; at += PAGE_SIZE) {
        u8 *table = own_table[at / bytes];
        format_store(directory_entry(at), address_of(table) | BIT_P | BIT_W);
        format_store(entry_in(table, at, 1), at | BIT_P | BIT_W);
    }
}

/* The page of access_user, and the next one, for user mode. */
static uintptr_t map_user(void)
{
    u32 code = address_of((const void *)(uintptr_t)access_user), first = code & ~(PAGE_SIZE - 1u);

    format_store(directory_entry(USER_REGION), address_of(user_table) | BIT_P | BIT_U);
    for (u32 i = 0; i < USER_PAGES; i++)
        format_store(entry_in(user_table, USER_REGION + i * PAGE_SIZE, 1),
                     (first + i * PAGE_SIZE) | BIT_P | BIT_U);
    return USER_REGION + (code - first);
}

static void prepare_target(void)
{
    u32 page_at = LARGE_AT + PAGE_INDEX * PAGE_SIZE;
    u8 *page = (u8 *)(uintptr_t)page_at;

    page[AT_RETURN] = CODE_RET;
    page[AT_INTERRUPT] = CODE_INT;
    page[AT_INTERRUPT + 1] = VECTOR_INT80;
    target = format.bits;
    target.table = address_of(lower_table);
    target.page = page_at;
    target.large = LARGE_AT;
    upper = directory_entry(REGION);
    lower = entry_in(lower_table, REGION + PAGE_INDEX * PAGE_SIZE, 1);
}

static void start_paging(void)
{
    u32 cr0, root = format_root(low_directory, high_directory);

    write_cr4(read_cr4() | format.cr4);
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_PG) : "memory");
}

void subject_set_mode(unsigned number, struct mode *m)
{
    u32 cr0, cr3;

    *m = (struct mode){
        .wp = number & MODE_WP, .smep = number & MODE_SMEP, .smap = number & MODE_SMAP};
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"((cr0 & ~(u32)CR0_WP) | (m->wp ? CR0_WP : 0)));
    write_cr4((read_cr4() & ~(u32)(CR4_SMEP | CR4_SMAP)) | (m->smep ? CR4_SMEP : 0) |
              (m->smap ? CR4_SMAP : 0));
    format_set(number & MODE_FORMAT, m);
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

void subject_store(const struct pair *entries)
{
    format_store(upper, entries->upper);
    format_store(lower, entries->lower);
}

static u64 load(const volatile void *entry)
{
    return format.entry_size == 8 ? *(const volatile u64 *)entry : *(const volatile u32 *)entry;
}

struct pair subject_load(void)
{
    return (struct pair){load(upper), load(lower)};
}

void subject_flush(void)
{
    __asm__ volatile("invlpg (%0)" : : "r"(REGION + PAGE_INDEX * PAGE_SIZE) : "memory");
}

void subject_report(const char *what, const struct mode *m, unsigned kind,
                    const struct pair *entries, const struct seen *s)
{
    plain_text("# ");
    plain_text(what);
    plain_number(": mode (WP, NXE, PSE, SMEP, SMAP) ",
                 m->wp | m->nxe << 1 | (m->large && !m->wide) << 2 | m->smep << 3 | m->smap << 4);
    plain_number(", kind ", kind);
    plain_number(", entries ", entries->upper);
    plain_number(" ", entries->lower);
    plain_number(": fault ", s->fault);
    plain_number(" error ", s->error);
    plain_number(" cr2 ", s->cr2);
    plain_number(", entries ", s->after.upper);
    plain_number(" ", s->after.lower);
    plain_text("\n");
}

unsigned subject_modes(void)
{
    u32 a = 0, b, c, d;

    __asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    if (a < LEAF_EXTENDED)
        return MODE_WP | MODE_FORMAT;
    a = LEAF_EXTENDED;
    c = 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return MODE_WP | MODE_FORMAT | (b & CPUID_SMEP ? MODE_SMEP : 0) |
           (b & CPUID_SMAP ? MODE_SMAP : 0);
}

/* An exception that no case makes: access.asm. */
void trap_unexpected(void)
{
    plain_check("exceptions that are no page fault", 0, 1);
    plain_end();
}

void multiboot_main(u32 magic, u32 information)
{
    const struct {
        u32 flags, lower, upper, device, line;
    } *info = plain_at(information);
    u32 cases = SHARE, first = 0;
    struct tally tally;
    uintptr_t user;

    (void)magic;
    plain_begin(format.name);
    plain_option(plain_at(info->line), "cases=", &cases);
    plain_option(plain_at(info->line), "first=", &first);
    for (unsigned vector = 0; vector < VECTORS; vector++)
        gate_set(vector, trap_other, GATE_INTERRUPT);
    gate_set(VECTOR_PF, (const void *)(uintptr_t)access_on_fault, GATE_INTERRUPT);
    gate_set(VECTOR_INT80, (const void *)(uintptr_t)access_on_interrupt,
             GATE_INTERRUPT | GATE_DPL3);
    descriptors_load(idt, sizeof(idt));
    prepare_target();
    map_itself();
    user = map_user();
    start_paging();
    torture(&target, cases, first, REGION + PAGE_INDEX * PAGE_SIZE, user, &tally);
    plain_number("# cases: ", tally.tried);
    plain_number(", modes: ", tally.modes);
    plain_number(", faults: ", tally.faulted);
    plain_text("\n");
    plain_check("differences from the manual", 0, tally.differences);
    plain_end();
}
