/*
 * A guest's first C: finds out where it is, sets the platform up, and runs the guest.
 */
#include "kit/kit.h"
#include "kit/pv.h"

#include "public/trivisor.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>

enum multiboot2 { MULTIBOOT2_LOADER = 0x36d76289 };
enum cpuid_features { LEAF_FEATURES = 1 };
#define FEATURE_HYPERVISOR (1u << 31)

const struct platform *platform;

/* From start.asm: the loader's structure and its magic number, 0 under PV. */
void kit_main(u64 information, u64 magic) __attribute__((noreturn));

/* Which platform a PVH entry leads to. */
static const struct platform *find_pvh(void)
{
    struct cpuid_result r;

    if (!(cpuid(LEAF_FEATURES, 0).ecx & FEATURE_HYPERVISOR))
        return &platform_native;
    r = cpuid(TRIVISOR_CPUID_LEAF, 0);
    if (r.ebx == TRIVISOR_CPUID_EBX && r.ecx == TRIVISOR_CPUID_ECX && r.edx == TRIVISOR_CPUID_EDX)
        return &platform_full;
    if (r.ebx == XEN_CPUID_SIGNATURE_EBX && r.ecx == XEN_CPUID_SIGNATURE_ECX &&
        r.edx == XEN_CPUID_SIGNATURE_EDX)
        return &platform_xen_pvh;
    return &platform_native;
}

/*
 * Tour 18: the guest finds out where it is. From the magic number and one CPUID leaf. A bare
 * machine, a full virtualizer and a paravirtualizer are all the guest's `platform` from here on.
 * That the same bytes run on all of them is what makes their costs comparable.
 */
void kit_main(u64 information, u64 magic)
{
    if (magic == MULTIBOOT2_LOADER) {
        boot_read_multiboot2(information);
        platform = &platform_native;
    } else if (magic == XEN_HVM_START_MAGIC_VALUE) {
        boot_read_pvh(information);
        platform = find_pvh();
    } else {
        pv_boot(information);
        platform = pv_is_trivisor() ? &platform_pv : &platform_xen_pv;
    }
    platform->init();
    print("@guest {\"name\":\"%s\",\"platform\":\"%s\",\"tsc_khz\":%u}\n", guest_name,
          platform->name, platform->tsc_khz());
    trap_init();
    space_init();
    memory_init();
    guest_main();
    finish();
}
