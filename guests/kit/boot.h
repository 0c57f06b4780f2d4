/* What the loader handed over, the same for every entry. */
#ifndef KIT_BOOT_H
#define KIT_BOOT_H

#include "kit/types.h"

enum boot_limits { BOOT_COMMAND_LINE = 512 };

struct boot_info {
    char arguments[BOOT_COMMAND_LINE]; /* the guest's own: what follows `--` */
    u64 free_start;                    /* guest-physical: first byte that nothing uses */
    u64 free_end;                      /* the byte after the last */
    u64 memory_bytes;                  /* of RAM altogether */
};
extern struct boot_info boot_info;

/* Fill boot_info from the loader's structures; multiboot2 and PVH. Called once, by kit_main. */
void boot_read_multiboot2(u64 information);
void boot_read_pvh(u64 information);
/* Counts a range of RAM; the one that holds the image is where free pages come from. */
void boot_add_ram(u64 start, u64 bytes);
/* Keeps what follows `--` in a command line, or all of it if there is no `--` and whole is set. */
void boot_keep_arguments(const char *line, bool whole);
/* Whether `word` is among the arguments. */
bool boot_has_argument(const char *word);
/* The number after `key=`, or otherwise. */
u64 boot_number(const char *key, u64 otherwise);

#endif
