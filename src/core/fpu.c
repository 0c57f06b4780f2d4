/*
 * Extended processor state of vcpus. Source: SDM, "Managing State Using the XSAVE Feature Set".
 *
 * Invariant: a vcpu starts with the state that reset leaves, and nobody else's registers are ever
 * in the processor while it runs: the whole state is switched, never part of it.
 */
#include "fpu.h"

#include "errno.h"
#include "cpuid_bits.h"
#include "frame.h"
#include "insn.h"
#include "vcpu.h"
#include "x86.h"

#include <string.h>

enum xcr0_bits { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4 };
enum fpu_constants {
    CPUID_FEATURES = 1,
    CPUID_XSAVE = 0xd,
    FXSAVE_BYTES = 512,
    XSAVE_HEADER_BYTES = 64,
    FCW_RESET = 0x37f, /* FINIT */
    MXCSR_RESET = 0x1f80,
    FXSAVE_MXCSR = 24, /* offset */
};

struct fpu_state {
    void *area; /* fpu_area_bytes, aligned to 64 */
    u64 xcr0;   /* the guest's */
};

static u64 features; /* XCR0 bits offered; 0: FXSAVE only */
static u32 area_bytes = FXSAVE_BYTES;

void fpu_init(void)
{
    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    if (!(cpuid(CPUID_FEATURES, 0).ecx & F1C_XSAVE))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    features = cpuid(CPUID_XSAVE, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
    xsetbv(0, features);
    area_bytes = (cpuid(CPUID_XSAVE, 0).ebx + 63) & ~63u;
}

u64 fpu_features(void)
{
    return features;
}

u32 fpu_area_bytes(void)
{
    return area_bytes;
}

int fpu_vcpu_init(struct vcpu *v)
{
    v->fpu = hv_alloc(v->domain, sizeof(*v->fpu));
    if (!v->fpu)
        return -ENOMEM;
    v->fpu->area = hv_alloc(v->domain, area_bytes);
    if (!v->fpu->area) {
        hv_free(v->domain, v->fpu, sizeof(*v->fpu));
        v->fpu = NULL;
        return -ENOMEM;
    }
    fpu_vcpu_reset(v);
    return 0;
}

void fpu_vcpu_destroy(struct vcpu *v)
{
    if (!v->fpu)
        return;
    hv_free(v->domain, v->fpu->area, area_bytes);
    hv_free(v->domain, v->fpu, sizeof(*v->fpu));
    v->fpu = NULL;
}

void fpu_vcpu_reset(struct vcpu *v)
{
    u8 *area = v->fpu->area;

    memset(area, 0, area_bytes);
    *(u16 *)area = FCW_RESET;
    *(u32 *)(area + FXSAVE_MXCSR) = MXCSR_RESET;
    if (features)
        *(u64 *)(area + FXSAVE_BYTES) = XCR0_X87 | XCR0_SSE; /* XSTATE_BV */
    v->fpu->xcr0 = XCR0_X87;
}

void fpu_load(struct vcpu *v)
{
    if (!features) {
        fxrstor64(v->fpu->area);
        return;
    }
    xsetbv(0, features);
    xrstor64(v->fpu->area, features);
    if (v->fpu->xcr0 != features)
        xsetbv(0, v->fpu->xcr0);
}

void fpu_save(struct vcpu *v)
{
    if (!features) {
        fxsave64(v->fpu->area);
        return;
    }
    if (v->fpu->xcr0 != features)
        xsetbv(0, features);
    xsave64(v->fpu->area, features);
}

u64 fpu_xcr0(const struct vcpu *v)
{
    return v->fpu->xcr0;
}

int fpu_set_xcr0(struct vcpu *v, u64 xcr0)
{
    if ((xcr0 & ~features) || !(xcr0 & XCR0_X87) || ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE)))
        return -EINVAL;
    v->fpu->xcr0 = xcr0;
    xsetbv(0, xcr0);
    return 0;
}
