/*
 * What the boot code found, whichever way the hypervisor was entered (multiboot2 or PVH).
 */
#ifndef BOOT_H
#define BOOT_H

#include "types.h"

enum boot_limits { BOOT_RANGES = 64, BOOT_MODULES = 32, BOOT_CMDLINE = 512, BOOT_TEXT = 4096 };

struct memory_range {
    u64 start, end; /* machine addresses, end exclusive */
    bool usable;    /* RAM that nobody reserves */
};

struct module {
    u64 start, end;      /* machine addresses of its bytes, end exclusive */
    const char *cmdline; /* the domain's configuration */
};

struct boot_info {
    char cmdline[BOOT_CMDLINE];             /* the hypervisor's own */
    struct memory_range range[BOOT_RANGES]; /* the machine's memory map */
    u32 ranges;                             /* entries used */
    struct module module[BOOT_MODULES];     /* the domain images */
    u32 modules;                            /* entries used */
    u32 text_used;                          /* bytes of text */
    char text[BOOT_TEXT];                   /* the modules' command lines */
};

extern struct boot_info boot_info;

/* Value of `key=` among the words of the hypervisor's command line, copied to out; false if absent.
 */
bool boot_option(const char *key, char *out, size_t size);
static inline const void *module_bytes(const struct module *m);

#include "layout.h"
static inline const void *module_bytes(const struct module *m)
{
    return mpa_to_va(mpa_of(m->start));
}

/* Linker symbols. */
extern char loaded_start[], image_start[], image_end[], text_start[], text_end[], rodata_end[];

#endif
