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

enum fpu_constants {
    CPUID_FEATURES = 1,
    CPUID_XSAVE = 0xd,
    FXSAVE_BYTES = 512,
    XSAVE_HEADER_BYTES = 64,
    FCW_RESET = 0x37f, /* FINIT */
    MXCSR_RESET = 0x1f80,
    FXSAVE_MXCSR = 24,   /* offset */
    FXSAVE_XMM = 160,    /* the first of 16 registers, 16 bytes each */
    CPUID_AVX_STATE = 2, /* subleaf: its EBX is where the registers' upper halves are */
    XMM_BYTES = 16,
};

struct fpu_state {
    void *area; /* fpu_area_bytes, aligned to 64 */
    u64 xcr0;   /* the guest's */
};

static u64 features; /* XCR0 bits offered; 0: FXSAVE only */
static u32 area_bytes = FXSAVE_BYTES;
static u32 avx_offset; /* of the vector registers' upper halves in the area */

void fpu_init(void)
{
    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    if (!(cpuid(CPUID_FEATURES, 0).ecx & F1C_XSAVE))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    features = cpuid(CPUID_XSAVE, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
    xsetbv(0, features);
    avx_offset = features & XCR0_AVX ? cpuid(CPUID_XSAVE, CPUID_AVX_STATE).ebx : 0;
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

/* XCR0 is the guest's while its state is in the processor. */
static void fpu_restore_xcr0(const struct vcpu *v)
{
    if (features && v->fpu->xcr0 != features)
        xsetbv(0, v->fpu->xcr0);
}

void fpu_load(struct vcpu *v)
{
    if (!features) {
        fxrstor64(v->fpu->area);
        return;
    }
    xsetbv(0, features);
    xrstor64(v->fpu->area, features);
    fpu_restore_xcr0(v);
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

void fpu_read_vector(struct vcpu *v, unsigned reg, u64 value[4])
{
    const u8 *area = v->fpu->area;

    fpu_save(v);
    fpu_restore_xcr0(v);
    memcpy(value, area + FXSAVE_XMM + reg * XMM_BYTES, XMM_BYTES);
    memset(value + 2, 0, XMM_BYTES);
    if (avx_offset)
        memcpy(value + 2, area + avx_offset + reg * XMM_BYTES, XMM_BYTES);
}

/* A component that is in its initial state is not loaded from the area: it no longer is. */
void fpu_write_vector(struct vcpu *v, unsigned reg, const u64 value[4])
{
    u8 *area = v->fpu->area;

    fpu_save(v);
    memcpy(area + FXSAVE_XMM + reg * XMM_BYTES, value, XMM_BYTES);
    if (avx_offset)
        memcpy(area + avx_offset + reg * XMM_BYTES, value + 2, XMM_BYTES);
    if (features)
        *(u64 *)(area + FXSAVE_BYTES) |= features & (XCR0_SSE | XCR0_AVX);
    fpu_load(v);
}

/* FNINIT leaves the registers' contents and marks them as empty. */
void fpu_x87_init(struct vcpu *v)
{
    u16 *area = v->fpu->area; /* control, status and tag words */

    fpu_save(v);
    area[0] = FCW_RESET;
    area[1] = area[2] = 0;
    if (features)
        *(u64 *)((u8 *)v->fpu->area + FXSAVE_BYTES) |= XCR0_X87;
    fpu_load(v);
}

u16 fpu_x87_word(struct vcpu *v, bool status)
{
    const u16 *area = v->fpu->area;

    fpu_save(v);
    fpu_restore_xcr0(v);
    return area[status];
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
