/*
 * pagetable: what a change of the page tables costs: map, unmap and change the rights of a page,
 * one at a time and 32 at once; flush a page and everything; the first touch after a mapping; 2 MiB
 * pages; and (fill.c) 16 MiB filled on demand. Everything in a live space, from kernel mode.
 */
#include "fill.h"
#include "kit/kit.h"

const char guest_name[] = "pagetable";
u64 guest_memory_wanted = 26 << 20;

enum batch { BATCH = 32 };
#define ENTRY_IGNORED (1ULL << 9) /* by the processor */
#define CR0_WP        (1ULL << 16)
#define CR4_PGE       (1ULL << 7)
#define WINDOW        USER_BASE                  /* BATCH pages, within one L1 table */
#define LARGE_PAGE    (USER_BASE + (1ULL << 30)) /* where the 2 MiB page goes */
#define PATTERN       0x5472697669736f72ULL

static struct space space;
static u64 *entry[BATCH];
static u64 mapped[BATCH], readonly[BATCH];
static struct entry_change map_all[BATCH], unmap_all[BATCH], protect_all[BATCH];
static volatile u64 faults, fault_error;

static volatile u64 *window(unsigned page)
{
    return (volatile u64 *)(WINDOW + page * PAGE_SIZE);
}

static void prepare(void)
{
    space_create(&space);
    for (unsigned i = 0; i < BATCH; i++) {
        u64 *page = page_alloc_zeroed();

        *page = PATTERN + i;
        entry[i] = space_entry(&space, WINDOW + i * PAGE_SIZE, 1, true);
        mapped[i] = platform->entry((u64)page, ENTRY_USER_RW | ENTRY_ACCESSED | ENTRY_DIRTY);
        readonly[i] = mapped[i] & ~ENTRY_WRITE;
        map_all[i] = (struct entry_change){entry[i], mapped[i]};
        unmap_all[i] = (struct entry_change){entry[i], 0};
        protect_all[i] = (struct entry_change){entry[i], readonly[i]};
    }
    space_publish(&space);
    platform->space_load(&space);
}

static void map_one(void)
{
    platform->set_entry(entry[0], mapped[0]);
}
static void unmap_one(void)
{
    platform->set_mapping(WINDOW, entry[0], 0);
}
static void protect_one(void)
{
    platform->set_mapping(WINDOW, entry[0], readonly[0]);
}
static void unprotect_one(void)
{
    platform->set_mapping(WINDOW, entry[0], mapped[0]);
}
static void map_batched(void)
{
    platform->set_entries(map_all, BATCH);
}
static void unmap_batched(void)
{
    platform->set_entries(unmap_all, BATCH);
    platform->flush_all();
}
static void protect_batched(void)
{
    platform->set_entries(protect_all, BATCH);
    platform->flush_all();
}
static void touch(void)
{
    *window(0);
}
static void write_window(void)
{
    *window(0) = PATTERN;
}
static void map_and_touch(void)
{
    map_one();
    touch();
}
static void unprotect_and_write(void)
{
    unprotect_one();
    write_window();
}
static void protect_and_read(void)
{
    protect_one();
    touch();
}
static void flush_one(void)
{
    platform->flush_page(WINDOW);
}
static void map_same(void)
{
    touch();
    map_one();
}
static void flush_everything(void)
{
    platform->flush_all();
}
static void touch_batch(void)
{
    for (unsigned i = 0; i < BATCH; i++)
        *window(i);
}
static void map_and_touch_batch(void)
{
    map_batched();
    touch_batch();
}

static struct trap_frame *on_page_fault(struct trap_frame *frame)
{
    faults++;
    fault_error = frame->error & ~(u64)FAULT_USER;
    frame->rip = probe_resume;
    return frame;
}

/* Whether the tables mean what was written into them. */
static void check_rights(void)
{
    trap_handle(TRAP_PAGE_FAULT, on_page_fault);
    map_batched();
    for (unsigned i = 0; i < BATCH; i++)
        check_equal("a mapped page's contents", PATTERN + i, *window(i));
    faults = 0;
    probe_write((u64)window(0));
    check_equal("a writable page is written", 0, faults);
    protect_one();
    probe_read((u64)window(0));
    check_equal("a read-only page is read", 0, faults);
    probe_write((u64)window(0));
    check_equal("a read-only page is not written", 1, faults);
    check_equal("the error code", FAULT_PRESENT | FAULT_WRITE, fault_error);
    unmap_one();
    probe_read((u64)window(0));
    check_equal("an unmapped page is not read", 2, faults);
    check_equal("the error code", 0, fault_error);
    protect_batched();
    probe_write((u64)window(BATCH - 1));
    check_equal("the last page of a batch is not written", 3, faults);
    unmap_batched();
    probe_read((u64)window(BATCH - 1));
    check_equal("the last page of a batch is not read", 4, faults);
    trap_handle(TRAP_PAGE_FAULT, NULL);
}

static void measure_single(void)
{
    figure(&(struct figure){.name = "map_one", .op = map_one, .after = unmap_one});
    figure(&(struct figure){
        .name = "touch_mapped", .before = map_one, .op = touch, .after = unmap_one});
    figure(&(struct figure){.name = "unmap_one", .before = map_and_touch, .op = unmap_one});
    map_one();
    figure(
        &(struct figure){.name = "protect_one", .before = unprotect_and_write, .op = protect_one});
    figure(&(struct figure){
        .name = "protect_and_read", .before = unprotect_and_write, .op = protect_and_read});
    unprotect_one();
    flush_everything(); /* so that no table is written to and not flushed */
    figure(&(struct figure){.name = "flush_one", .before = touch, .op = flush_one});
    figure(&(struct figure){.name = "flush_written", .before = map_same, .op = flush_one});
    figure(&(struct figure){.name = "flush_all", .before = touch, .op = flush_everything});
    unmap_one();
}

static void measure_batched(void)
{
    figure(&(struct figure){
        .name = "map_batched", .op = map_batched, .after = unmap_batched, .per = BATCH});
    figure(&(struct figure){
        .name = "unmap_batched", .before = map_and_touch_batch, .op = unmap_batched, .per = BATCH});
    figure(&(struct figure){.name = "protect_batched",
                            .before = map_and_touch_batch,
                            .op = protect_batched,
                            .after = unmap_batched,
                            .per = BATCH});
}

static u64 *upper_entry;

static void write_upper(void)
{
    platform->set_entry(upper_entry, *upper_entry ^ ENTRY_IGNORED);
}

/* An entry above the last level, in tables that are in use. */
static void measure_upper(void)
{
    upper_entry = space_entry(&space, WINDOW, 2, false);
    figure(&(struct figure){.name = "write_upper", .op = write_upper});
}

static void toggle_pge(void)
{
    write_cr4(read_cr4() ^ CR4_PGE);
}
static void toggle_wp(void)
{
    write_cr0(read_cr0() ^ CR0_WP);
}

/* What a kernel does to flush everything, and to write where it must not. */
static void measure_modes(void)
{
    if (platform->pv) {
        figure_none("toggle_pge", "a paravirtual guest does not choose CR4");
        figure_none("toggle_wp", "a paravirtual guest does not choose CR0.WP");
        return;
    }
    map_and_touch();
    figure(&(struct figure){.name = "toggle_pge", .op = toggle_pge, .after = toggle_pge});
    figure(&(struct figure){.name = "toggle_wp", .op = toggle_wp, .after = toggle_wp});
    unmap_one();
}

static u64 *large_entry, large_value;

static void map_large(void)
{
    platform->set_entry(large_entry, large_value);
    *(volatile u64 *)LARGE_PAGE;
}
static void unmap_large(void)
{
    platform->set_mapping(LARGE_PAGE, large_entry, 0);
}

static void measure_large(void)
{
    u64 *memory;

    if (!platform->large_pages) {
        figure_none("map_large", "a paravirtual guest has no 2 MiB pages");
        return;
    }
    memory = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);
    memory[LARGE_PAGE_SIZE / sizeof(u64) - 1] = PATTERN;
    large_entry = space_entry(&space, LARGE_PAGE, 2, true);
    large_value = platform->entry((u64)memory, ENTRY_USER_RW | ENTRY_LARGE);
    map_large();
    check_equal("the end of a large page", PATTERN,
                ((volatile u64 *)LARGE_PAGE)[LARGE_PAGE_SIZE / sizeof(u64) - 1]);
    unmap_large();
    figure(&(struct figure){.name = "map_large", .op = map_large, .after = unmap_large});
}

void guest_main(void)
{
    prepare();
    check_rights();
    measure_single();
    measure_batched();
    measure_upper();
    measure_modes();
    fill_measure(&space);
    measure_large();
    platform->space_load(&kernel_space);
    space_destroy(&space);
}
