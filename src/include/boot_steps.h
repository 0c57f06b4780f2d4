/*
 * The steps of the boot, in order: src/boot/entry.c calls them.
 */
#ifndef BOOT_STEPS_H
#define BOOT_STEPS_H

#include "types.h"

struct boot_info;

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u /* Multiboot2: "Machine state" */
#define PVH_MAGIC               0x336ec578u /* XEN_HVM_START_MAGIC_VALUE */

/* Descriptor tables, interrupt stubs and the first processor's pcpu; traps are reported from here
 * on. */
void descriptors_init(void);
/* Fill in *info from what the loader left at this machine address. */
void multiboot2_read(u64 information, struct boot_info *info);
void pvh_read(u64 information, struct boot_info *info);
/* Splits a newc cpio archive of NAME.elf and NAME.cfg at [start, end) into modules. */
void cpio_modules(u64 start, u64 end, struct boot_info *info);
/* Adds entries; more than there is room for are dropped with a message. */
void boot_add_range(struct boot_info *info, u64 start, u64 end, bool usable);
struct module *boot_add_module(struct boot_info *info, u64 start, u64 end);
/* Keeps the first line of text, of at most size bytes, as a module's command line; refuses to start
 * if all of them are longer than BOOT_TEXT. */
void boot_set_line(struct boot_info *info, struct module *m, const char *text, u64 size);
/* Console options of the command line. */
void console_configure(void);
/* The lasting page tables, the frame table, the allocator. */
void memory_init(void);
/* Adds a range of machine memory that is no RAM (a device) to the direct map, uncached. */
void map_device(u64 start, u64 bytes);
/* The hypervisor's own L4 table: entries 256..271 are copied into every guest L4 (pv). */
extern u64 *hypervisor_l4;
/* src/core/main.c: everything after the boot. */
void core_main(void) __attribute__((noreturn));
/* src/core/command_line.c: value of key= among the words of line, up to ` -- `. */
bool command_line_option(const char *line, const char *key, char *out, size_t size);
/* What follows ` -- ` in line; "" if nothing does. */
const char *command_line_rest(const char *line);

#endif
