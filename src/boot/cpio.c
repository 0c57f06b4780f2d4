/*
 * The archive of domains that QEMU's -initrd carries: newc cpio (cpio(5), "New ASCII Format"),
 * for each module a file, and after it one that ends in .cfg, its command line.
 */
#include "boot.h"
#include "boot_steps.h"
#include "log.h"

#include <string.h>

enum cpio_header { HEADER_SIZE = 110, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

/* Field i of the header: eight hexadecimal digits after the six of the magic. */
static u32 field(const char *header, unsigned i)
{
    u32 v = 0;

    for (unsigned k = 0; k < 8; k++) {
        char c = header[6 + i * 8 + k];
        v = v << 4 | (u32)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);

    return n >= e && strcmp(name + n - e, end) == 0;
}

void cpio_modules(u64 start, u64 end, struct boot_info *info)
{
    struct module *last = NULL;
    u64 at = start;

    while (at + HEADER_SIZE <= end) {
        const char *h = mpa_to_va(mpa_of(at));
        if (memcmp(h, "070701", 6) != 0)
            refuse("The archive of domains is not a newc cpio archive.");
        const char *name = h + HEADER_SIZE;
        u64 data = (at + HEADER_SIZE + field(h, FIELD_NAMESIZE) + 3 - start) / 4 * 4 + start;
        u64 size = field(h, FIELD_FILESIZE);
        if (data + size > end)
            refuse("The archive of domains is truncated in %s.", name);
        if (strcmp(name, "TRAILER!!!") == 0)
            return;
        if (!ends_with(name, ".cfg"))
            last = boot_add_module(info, data, data + size);
        else if (last)
            boot_set_line(info, last, mpa_to_va(mpa_of(data)), size);
        at = (data + size + 3 - start) / 4 * 4 + start;
    }
}
