/*
 * The start of day under PV: start_info, and the pages that the hypervisor shares with the guest.
 * Source: xen/xen.h, "Start-of-day memory layout".
 */
#include "kit/pv.h"
#include "kit/boot.h"
#include "kit/hypercall.h"
#include "kit/memory.h"

#include "public/trivisor.h"

start_info_t pv_start;
u8 pv_shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

bool pv_is_trivisor(void)
{
    return hypercall2(TRIVISOR_HYPERCALL, TRIVISOR_NULL, 0) == 0;
}

void pv_boot(u64 start_info)
{
    memcpy(&pv_start, (const void *)start_info, sizeof(pv_start));
    boot_keep_arguments((const char *)pv_start.cmd_line, true);
    boot_info.memory_bytes = pv_start.nr_pages << PAGE_SHIFT;
    boot_info.free_start = pv_start.pt_base + (pv_start.nr_pt_frames << PAGE_SHIFT);
    boot_info.free_end = boot_info.memory_bytes;
}
