/*
 * Where an address leads through tables that the processor itself walks, for reports: the
 * hypervisor's own, and under pv the guest's.
 */
#include "frame.h"
#include "layout.h"
#include "log.h"
#include "table_report.h"
#include "x86.h"

enum { TOP_LEVEL = 4, TEXT = 200 };

void report_tables(const char *name, u64 la, u64 root)
{
    u64 table = root & PTE_ADDR, entry = 0;
    unsigned level;
    char text[TEXT] = "";
    size_t n = 0;

    log_line("  %s %lx:%s", name, la, canonical(la) ? "" : " not canonical");
    if (!canonical(la))
        return;
    for (level = TOP_LEVEL; n < sizeof(text); level--) {
        if (table >> PAGE_SHIFT >= frame_limit()) {
            log_line("    no memory where the table of level %u should be", level);
            return;
        }
        u64 at = table + pt_index(la, level) * sizeof(u64);
        entry = *(const u64 *)mpa_to_va(mpa_of(at));
        n += (size_t)format_text(text + n, sizeof(text) - n, "  L%u %lx at %lx", level, entry, at);
        if (!(entry & PTE_P) || level == 1 || (level < TOP_LEVEL && entry & PTE_PS))
            break;
        table = entry & PTE_ADDR;
    }
    log_line("    tables:%s", text);
    if (entry & PTE_P) {
        u64 offset = (1ULL << (PAGE_SHIFT + 9 * (level - 1))) - 1;
        log_line("    machine address %llx", ((entry & PTE_ADDR) & ~offset) + (la & offset));
    } else {
        log_line("    the entry of level %u is not present", level);
    }
}
