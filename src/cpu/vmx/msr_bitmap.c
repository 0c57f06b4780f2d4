/*
 * The MSR bitmaps ("MSR-Bitmap Address"): which MSRs a guest reads and writes without an exit,
 * those that msr_policy.h passes. It is the same for every vcpu, so all share one of two pages.
 *
 * Invariant: an MSR that does not exit is in the VMCS's guest-state area or switched in switch.c,
 * so that no value ever passes from one domain to another.
 */
#include "../msr_policy.h"
#include "frame.h"
#include "layout.h"
#include "log.h"
#include "vmx.h"
#include "x86.h"

enum {
    READ_BITMAP = 0, /* a bit for each MSR 0..0x1fff, 1: exit */
    WRITE_BITMAP = 2048,
    HIGH_BITMAP = 1024, /* added for 0xc0000000..0xc0001fff */
    BITMAP_MSRS = 0x2000,
};

static void allow(u8 *bitmap, unsigned what, u32 msr)
{
    unsigned index = msr % BITMAP_MSRS;

    bitmap += what + (msr >= MSR_EFER ? HIGH_BITMAP : 0);
    bitmap[index / 8] &= (u8) ~(1u << index % 8);
}

static u8 *make(bool efer_free)
{
    static const u32 free[] = {
#define PASS(number, name) number,
        MSR_POLICY(PASS, MSR_NOT, MSR_NOT, MSR_NOT, MSR_NOT)
#undef PASS
    };
    u8 *bitmap = hv_alloc_pages(NULL, 0);

    if (!bitmap)
        panic("no memory for an MSR bitmap");
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        bitmap[i] = 0xff;
    for (unsigned i = 0; i < ARRAY_SIZE(free); i++) {
        if (free[i] == MSR_TSC_AUX && !(vmx_cap.proc2 & PROC2_RDTSCP))
            continue;
        allow(bitmap, READ_BITMAP, free[i]);
        allow(bitmap, WRITE_BITMAP, free[i]);
    }
    if (efer_free)
        allow(bitmap, READ_BITMAP, MSR_EFER);
    return bitmap;
}

mpa_t vmx_msr_bitmap(bool efer_free)
{
    static u8 *bitmaps[2];

    if (!bitmaps[efer_free])
        bitmaps[efer_free] = make(efer_free);
    return va_to_mpa(bitmaps[efer_free]);
}
