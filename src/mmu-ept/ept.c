/*
 * The entries of Intel's extended page tables. Source: SDM, "EPT Translation Mechanism".
 */
#include "stage2.h"

enum ept_entry {
    EPT_READ = 1 << 0,
    EPT_WRITE = 1 << 1,
    EPT_EXECUTE = 1 << 2,
    EPT_MEMORY_TYPE_SHIFT = 3,
    EPT_WRITE_BACK = 6,
    EPT_IGNORE_PAT = 1 << 6, /* the guest's PAT has no say in the memory type */
    EPT_PAGE = 1 << 7,
    EPT_ACCESSED = 1 << 8,
    EPT_DIRTY = 1 << 9,
    EPT_ALL_RIGHTS = EPT_READ | EPT_WRITE | EPT_EXECUTE,
};

const struct stage2_format ept_format = {
    .present = EPT_ALL_RIGHTS,
    .table = EPT_ALL_RIGHTS,
    .leaf = EPT_ALL_RIGHTS | EPT_WRITE_BACK << EPT_MEMORY_TYPE_SHIFT | EPT_IGNORE_PAT,
    .read = EPT_READ,
    .write = EPT_WRITE,
    .page = EPT_PAGE,
    .accessed = EPT_ACCESSED,
    .dirty = EPT_DIRTY,
    .address = 0x000ffffffffff000ULL,
};

/* Until there is a second format, and a vendor to choose it. */
const struct stage2_format *stage2_format = &ept_format;
