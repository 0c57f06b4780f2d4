/*
 * What CPUID says, and where it leaves it: the features that a guest may not see, the subleaf, the
 * upper halves of the registers, OSXSAVE.
 */
#include "judge.h"

#include "grade_guest.h"
#include "kit/kit.h"

#include "public/trivisor.h"

enum leaf {
    LEAF_VENDOR = 0,
    LEAF_FEATURES = 1,
    LEAF_EXTENDED = 7,
    LEAF_XSAVE = 0xd,
    LEAF_LAST = 0xd
};
enum features_ecx {
    MONITOR = 1 << 3,
    VMX = 1 << 5,
    SMX = 1 << 6,
    XSAVE = 1 << 26,
    OSXSAVE = 1 << 27,
    HIDDEN_ECX = MONITOR | VMX | SMX,
};
enum extended_ebx { AVX512F = 1 << 16, SGX = 1 << 2, HIDDEN_EBX = AVX512F | SGX };
enum leaf_1_ebx { APIC_ID_SHIFT = 24, PROCESSORS_SHIFT = 16 };
enum cr4 { CR4_OSXSAVE = 1 << 18 };
#define HYPERVISOR (1u << 31)
#define LOW        0xffffffffULL

/* The four registers, all 64 bits of them. */
struct wide {
    u64 rax, rbx, rcx,
        rdx; /* in: leaf in rax, subleaf in rcx; out: as the instruction leaves them */
};

static struct wide ask(u64 rax, u64 rcx)
{
    struct wide r;

    __asm__ volatile("cpuid"
                     : "=a"(r.rax), "=b"(r.rbx), "=c"(r.rcx), "=d"(r.rdx)
                     : "a"(rax), "b"(~0ULL), "c"(rcx), "d"(~0ULL));
    return r;
}

static void registers(void)
{
    u64 dirt = random_u64() & ~LOW;
    struct wide r = ask(LEAF_VENDOR, 0), again = ask(dirt | LEAF_VENDOR, dirt);

    judge_begin("cpuid_registers", "src/cpu/cpuid.c: answer and answer_varying");
    judge_equal("the highest leaf", LEAF_LAST, r.rax);
    judge_equal("EBX of a leaf asked for with dirt above EAX", r.rbx, again.rbx);
    judge_equal("the upper half of RBX behind CPUID", 0, again.rbx >> 32);
    judge_equal("the upper half of RCX behind CPUID", 0, again.rcx >> 32);
    judge_equal("the upper half of RDX behind CPUID", 0, again.rdx >> 32);
    again = ask(dirt | LEAF_FEATURES, dirt);
    judge_equal("the local APIC's number in leaf 1", 0, again.rbx >> APIC_ID_SHIFT);
    judge_equal("the upper half of RAX behind leaf 1", 0, again.rax >> 32);
    r = ask(TRIVISOR_CPUID_LEAF, dirt);
    judge_equal("EBX of the hypervisor's leaf", TRIVISOR_CPUID_EBX, r.rbx);
    judge_equal("ECX of the hypervisor's leaf", TRIVISOR_CPUID_ECX, r.rcx);
    judge_equal("EBX of leaf 7, subleaf 1", 0, ask(LEAF_EXTENDED, dirt | 1).rbx);
    grade_end();
}

static void varying(void)
{
    u64 cr4 = read_cr4();

    judge_begin("cpuid_osxsave", "src/cpu/cpuid.c: answer_varying");
    judge_equal("XSAVE in leaf 1", XSAVE, ask(LEAF_FEATURES, 0).rcx & XSAVE);
    judge_equal("OSXSAVE while CR4 has it not", 0, ask(LEAF_FEATURES, 0).rcx & OSXSAVE);
    write_cr4(cr4 | CR4_OSXSAVE);
    judge_equal("OSXSAVE while CR4 has it", OSXSAVE, ask(LEAF_FEATURES, 0).rcx & OSXSAVE);
    judge_equal("the XSAVE area's bytes with XCR0 1 (leaf 0xd)", 576, ask(LEAF_XSAVE, 0).rbx);
    write_cr4(cr4);
    judge_equal("OSXSAVE when CR4 has it no longer", 0, ask(LEAF_FEATURES, 0).rcx & OSXSAVE);
    grade_end();
}

static void hidden(void)
{
    struct wide one = ask(LEAF_FEATURES, 0), seven = ask(LEAF_EXTENDED, 0);

    judge_begin("cpuid_hidden", "src/cpu/cpuid_policy.c: mask_features");
    judge_equal("leaf 1, ECX: MONITOR, VMX, SMX", 0, one.rcx & HIDDEN_ECX);
    judge_equal("leaf 1, ECX: there is a hypervisor", HYPERVISOR, one.rcx & HYPERVISOR);
    judge_equal("leaf 1, EBX: processors", 1, one.rbx >> PROCESSORS_SHIFT & 0xff);
    judge_equal("leaf 7, EBX: AVX512F, SGX", 0, seven.rbx & HIDDEN_EBX);
    grade_end();
}

void test_cpuid(void)
{
    registers();
    varying();
    hidden();
}
