// sources: src/cpu/control_access.c
/*
 * Which values MOV to CR0, CR3 and CR4 refuses, and what becomes of CR3's bit 63: PCIDs, and the
 * bits that CPUID has to show first. Source: SDM, "Process-Context Identifiers (PCIDs)", "MOV-Move
 * to/from Control Registers".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/cpu.h"
#include "../../src/cpu/cpuid_policy.h"
#include "domain.h"
#include "fpu.h"
#include "lapic.h"

#define ROOT      0x5000ULL
#define LONG_CR4  (CR4_PAE | CR4_OSFXSR)
#define LONG_EFER (EFER_LME | EFER_LMA)

static u64 reg[VREG_COUNT];
static u64 shown;             /* CR4 bits that CPUID shows */
static u64 known_root;        /* paging_switch_root knows this CR3 */
static u64 quickly;           /* CR3 that came by it */
static unsigned loads, drops; /* paging_load_root, paging_flush */
static bool refuse_root;
static struct domain domain;
static struct virt_vcpu virt;
static struct vcpu vcpu = {.domain = &domain, .virt = &virt};
const struct virt_ops *virt_ops;

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    return reg[r];
}
void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    (void)v;
    reg[r] = value;
}
void virt_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    (void)v;
    (void)s;
    *out = (struct segment){0}; /* compatibility mode: PG may be cleared there */
}
unsigned virt_cpl(struct vcpu *v)
{
    (void)v;
    return 0;
}
void virt_inject_fault(struct vcpu *v, u8 vector, u32 error)
{
    (void)v;
    (void)vector;
    (void)error;
}
void virt_skip(struct vcpu *v, unsigned length)
{
    (void)v;
    (void)length;
}
void cpu_look_at_state(struct vcpu *v)
{
    (void)v;
}
void domain_end(struct domain *d, enum end_reason why, u64 code, const char *format, ...)
{
    (void)d;
    (void)why;
    (void)code;
    (void)format;
}
bool cpuid_policy_xsave(void)
{
    return false;
}
u8 cpuid_policy_maxphyaddr(void)
{
    return 40;
}
u64 cpuid_policy_cr4(void)
{
    return shown;
}
int fpu_set_xcr0(struct vcpu *v, u64 value)
{
    (void)v;
    (void)value;
    return 0;
}
void lapic_set_cr8(struct lapic *l, u64 value)
{
    (void)l;
    (void)value;
}
u64 lapic_cr8(const struct lapic *l)
{
    (void)l;
    return 0;
}
void paging_flush(struct vcpu *v)
{
    (void)v;
    drops++;
}
enum paging_result paging_load_root(struct vcpu *v, struct paging_fault *out)
{
    (void)v;
    (void)out;
    loads++;
    return refuse_root ? PAGING_INJECT : PAGING_FIXED;
}
u64 paging_switch_root(struct vcpu *v, u64 cr3)
{
    (void)v;
    return cr3 == known_root ? 0x1000 : 0;
}
static void load_root(struct vcpu *v, u64 cr3, u64 root)
{
    (void)v;
    assert_int_equal(root, 0x1000);
    quickly = reg[VREG_CR3] = cr3;
}

/* 64-bit mode, without PCIDs, on a processor that has all. */
static int setup(void **state)
{
    static const struct virt_ops ops = {.load_root = load_root};

    (void)state;
    virt_ops = &ops;
    memset(reg, 0, sizeof(reg));
    reg[VREG_CR0] = CR0_PE | CR0_PG | CR0_ET;
    reg[VREG_CR3] = ROOT;
    reg[VREG_CR4] = LONG_CR4;
    reg[VREG_EFER] = LONG_EFER;
    shown = CR4_UMIP | CR4_PCIDE | CR4_SMEP | CR4_SMAP;
    known_root = quickly = ~0ULL;
    loads = drops = 0;
    refuse_root = false;
    return 0;
}

static void refused(unsigned cr, u64 value)
{
    u64 before[VREG_COUNT];

    memcpy(before, reg, sizeof(reg));
    assert_false(cpu_write_cr(&vcpu, cr, value));
    assert_memory_equal(before, reg, sizeof(reg));
}

static void pcide_is_set_and_cleared(void **state)
{
    (void)state;
    assert_true(cpu_write_cr(&vcpu, 4, LONG_CR4 | CR4_PCIDE));
    assert_int_equal(reg[VREG_CR4], LONG_CR4 | CR4_PCIDE);
    refused(4, CR4_OSFXSR | CR4_PCIDE); /* PAE */
    reg[VREG_CR3] = ROOT | 7;
    assert_true(cpu_write_cr(&vcpu, 4, LONG_CR4 | CR4_PCIDE | CR4_PGE)); /* it was set */
    loads = drops = 0;
    assert_true(cpu_write_cr(&vcpu, 4, LONG_CR4 | CR4_PGE)); /* whatever the PCID: flushes */
    assert_true(loads == 1 && drops == 1);
    refused(4, LONG_CR4 | CR4_PCIDE);
}

static void pcide_is_refused(void **state)
{
    for (unsigned bit = 0; bit < 12; bit++) {
        setup(state);
        reg[VREG_CR3] = ROOT | 1ULL << bit;
        refused(4, LONG_CR4 | CR4_PCIDE);
    }
    setup(state);
    reg[VREG_EFER] = EFER_LME; /* paging is off */
    reg[VREG_CR0] = CR0_PE | CR0_ET;
    refused(4, LONG_CR4 | CR4_PCIDE);
    setup(state);
    reg[VREG_EFER] = 0; /* PAE paging */
    refused(4, LONG_CR4 | CR4_PCIDE);
    setup(state);
    shown = CR4_SMEP;
    refused(4, LONG_CR4 | CR4_PCIDE);
    refused(4, LONG_CR4 | CR4_UMIP);
    refused(4, LONG_CR4 | CR4_SMAP);
    assert_true(cpu_write_cr(&vcpu, 4, LONG_CR4 | CR4_SMEP));
}

static void paging_stays_on(void **state)
{
    (void)state;
    reg[VREG_CR4] |= CR4_PCIDE;
    refused(0, CR0_PE | CR0_ET);
    reg[VREG_CR4] &= ~CR4_PCIDE;
    assert_true(cpu_write_cr(&vcpu, 0, CR0_PE | CR0_ET));
    assert_int_equal(reg[VREG_EFER], EFER_LME);
}

/* CR3's value is loaded, and is then `expected`; by the quick way, if it is known. */
static void loads_cr3(u64 value, u64 expected)
{
    for (unsigned known = 0; known < 2; known++) {
        reg[VREG_CR3] = ROOT;
        known_root = known ? expected : ~0ULL;
        quickly = ~0ULL;
        loads = 0;
        assert_true(cpu_write_cr(&vcpu, 3, value));
        assert_int_equal(reg[VREG_CR3], expected);
        assert_int_equal(quickly, known_root);
        assert_int_equal(loads, !known);
    }
}

static void cr3_with_pcids(void **state)
{
    (void)state;
    refused(3, ROOT | CR3_NO_FLUSH);
    loads_cr3(ROOT | 0x18, ROOT | 0x18);
    reg[VREG_CR4] |= CR4_PCIDE;
    for (u64 pcid = 0; pcid < 0x1000; pcid += 0x7d) {
        loads_cr3(ROOT | pcid, ROOT | pcid);
        loads_cr3(ROOT | pcid | CR3_NO_FLUSH, ROOT | pcid);
    }
    for (unsigned bit = 40; bit < 63; bit++) {
        refused(3, ROOT | 1ULL << bit);
        refused(3, ROOT | 1ULL << bit | CR3_NO_FLUSH);
    }
    refuse_root = true;
    known_root = ~0ULL;
    refused(3, ROOT | 1 | CR3_NO_FLUSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pcide_is_set_and_cleared, setup),
        cmocka_unit_test_setup(pcide_is_refused, setup),
        cmocka_unit_test_setup(paging_stays_on, setup),
        cmocka_unit_test_setup(cr3_with_pcids, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
