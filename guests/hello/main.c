/*
 * hello: says where it finds itself, how much memory it has, how old its clock is; ends. Its figure
 * is the boot: ticks from power-on to the guest's first line.
 */
#include "kit/kit.h"

const char guest_name[] = "hello";

void guest_main(void)
{
    struct cpuid_result vendor = cpuid(0, 0);
    char name[13];

    memcpy(name, &vendor.ebx, 4);
    memcpy(name + 4, &vendor.edx, 4);
    memcpy(name + 8, &vendor.ecx, 4);
    name[12] = 0;
    print("Hello. Platform %s, processor %s, %lu KiB of memory, %lu KiB of it free, "
          "%lu ms since the clock began.\n",
          platform->name, name, boot_info.memory_bytes >> 10,
          (boot_info.free_end - boot_info.free_start) >> 10, rdtsc() / platform->tsc_khz());
    if (boot_info.arguments[0])
        print("Arguments: %s\n", boot_info.arguments);
    check("memory was found", boot_info.free_end > boot_info.free_start);
    check("the clock's rate is known", platform->tsc_khz() > 0);
    figure_value("boot", rdtsc(), "ticks");
}
