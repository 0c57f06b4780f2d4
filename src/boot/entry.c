/*
 * The first C: reads what the loader handed over, then sets the processor up and starts the core.
 */
#include "boot.h"
#include "boot_steps.h"
#include "console.h"
#include "log.h"

struct boot_info boot_info;

/* From boot.asm: the loader's information (a machine address) and its magic number. */
void boot_main(u64 information, u64 magic) __attribute__((noreturn));

/*
 * Tour 3: the first C. Everything here has to happen in this order: first descriptor tables, so
 * that a mistake ends in a report instead of a reset; then the console, to have somewhere to report
 * to; then what the loader said; then memory. The function never returns.
 */
void boot_main(u64 information, u64 magic)
{
    descriptors_init();
    console_init();
    switch (magic) {
    case MULTIBOOT2_LOADER_MAGIC:
        multiboot2_read(information, &boot_info);
        break;
    case PVH_MAGIC:
        pvh_read(information, &boot_info);
        break;
    default:
        refuse("Trivisor was started by something that is neither a multiboot2 nor a PVH loader "
               "(magic %lx): boot it with GRUB's `multiboot2`, or with QEMU's -kernel.",
               magic);
    }
    console_configure();
    memory_init();
    core_main();
}

bool boot_option(const char *key, char *out, size_t size)
{
    return command_line_option(boot_info.cmdline, key, out, size);
}
