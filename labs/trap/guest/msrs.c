/*
 * RDMSR and WRMSR: values in two halves, and #GP for what is not there, which leaves the guest as
 * and where it was.
 */
#include "judge.h"

#include "grade_guest.h"
#include "kit/kit.h"

enum msr { MSR_APIC_BASE = 0x1b, MSR_NOBODY = 0x1234, MSR_PAT = 0x277 };
enum { INSTRUCTION_BYTES = 2 }; /* of RDMSR, and of WRMSR */
/* Memory types 6, 4, 7, 0, 5, 1, 6, 0 from bit 0 on, and one with the reserved type 2. */
#define PAT_GOOD 0x0006010500070406ULL
#define PAT_BAD  0x0006010502070406ULL

/* One instruction: registers before and after, and how it went. */
struct access {
    u64 rax, rcx, rdx; /* in and out */
    u64 at;            /* the instruction's address */
};
static volatile u64 fault_rip, fault_error, resume_at;

static struct trap_frame *on_fault(struct trap_frame *frame)
{
    fault_rip = frame->rip;
    fault_error = frame->error;
    frame->rip = resume_at;
    return frame;
}

#define MSR_ACCESS(name, instruction)                                                              \
    static bool name(struct access *a)                                                             \
    {                                                                                              \
        fault_rip = 0;                                                                             \
        __asm__ volatile("lea 1f(%%rip), %[at]\n\t"                                                \
                         "lea 2f(%%rip), %%r8\n\t"                                                 \
                         "mov %%r8, %[resume]\n\t"                                                 \
                         "1: " instruction "\n\t"                                                  \
                         "2:"                                                                      \
                         : "+a"(a->rax), "+c"(a->rcx),                                             \
                           "+d"(a->rdx), [at] "=&r"(a->at), [resume] "=m"(resume_at)               \
                         :                                                                         \
                         : "r8", "memory");                                                        \
        return !fault_rip;                                                                         \
    }
MSR_ACCESS(read_msr, "rdmsr")
MSR_ACCESS(write_msr, "wrmsr")

static void reads(void)
{
    u64 dirt = random_u64() << 32;
    struct access a = {.rax = ~0ULL, .rcx = dirt | MSR_APIC_BASE, .rdx = ~0ULL};

    judge_begin("rdmsr", "src/cpu/exits.c: on_rdmsr");
    judge_equal("IA32_APIC_BASE can be read", true, read_msr(&a));
    judge_equal("RAX behind RDMSR of IA32_APIC_BASE", 0xfee00900ULL, a.rax);
    judge_equal("RDX behind RDMSR of IA32_APIC_BASE", 0, a.rdx);
    a = (struct access){.rcx = MSR_PAT};
    judge_equal("IA32_PAT can be read", true, read_msr(&a));
    judge_equal("RAX behind RDMSR of IA32_PAT", 0x00070406, a.rax);
    judge_equal("RDX behind RDMSR of IA32_PAT", 0x00070406, a.rdx);
    grade_end();
}

static void writes(void)
{
    u64 dirt = random_u64() << 32;
    struct access a = {
        .rax = dirt | (u32)PAT_GOOD, .rcx = dirt | MSR_PAT, .rdx = dirt | PAT_GOOD >> 32};
    struct access b = {.rcx = MSR_PAT};

    judge_begin("wrmsr", "src/cpu/exits.c: on_wrmsr");
    judge_equal("IA32_PAT can be written", true, write_msr(&a));
    read_msr(&b);
    judge_equal("IA32_PAT reads as written", PAT_GOOD, b.rax | b.rdx << 32);
    grade_end();
}

/* A refused access is #GP(0) at the instruction, and changes nothing. */
static void refused(const char *what, bool (*access)(struct access *), u32 msr, u64 value)
{
    u64 dirt = random_u64() << 32;
    const struct access before = {.rax = dirt | (u32)value, .rcx = msr, .rdx = dirt | value >> 32};
    struct access a = before;

    judge_equal(what, false, access(&a));
    judge_equal("the address that #GP reports", a.at, fault_rip);
    judge_equal("its error code", 0, fault_error);
    judge_equal("RAX behind it", before.rax, a.rax);
    judge_equal("RDX behind it", before.rdx, a.rdx);
}

static void faults(void)
{
    struct access a = {.rcx = MSR_PAT};

    judge_begin("msr_fault", "src/cpu/exits.c: on_rdmsr and on_wrmsr where there is no such MSR");
    refused("RDMSR of an MSR that does not exist goes through", read_msr, MSR_NOBODY, 0);
    refused("WRMSR of an MSR that does not exist goes through", write_msr, MSR_NOBODY, 0);
    refused("WRMSR of a reserved memory type to IA32_PAT goes through", write_msr, MSR_PAT,
            PAT_BAD);
    read_msr(&a);
    judge_equal("IA32_PAT behind the refused write", PAT_GOOD, a.rax | a.rdx << 32);
    grade_end();
}

void test_msrs(void)
{
    trap_handle(TRAP_GENERAL_PROTECTION, on_fault);
    reads();
    writes();
    faults();
    trap_handle(TRAP_GENERAL_PROTECTION, NULL);
}
