/*
 * Full virtualization: attacks on the processor's state. Each must end as on a bare machine that
 * lacks what CPUID says it lacks.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

#include "public/trivisor.h"

enum cr_bits { CR0_NW_WITHOUT_CD = 1 << 29, CR4_PAE_BIT = 1 << 5, CR4_VMXE_BIT = 1 << 13 };
enum msr {
    MSR_EFER = 0xc0000080,
    MSR_FS_BASE = 0xc0000100,
    EFER_RESERVED = 1 << 1,
    EFER_LME = 1 << 8
};
#define CR0_PE_BIT    (1ULL << 0)
#define NOT_CANONICAL 0x0000800000000000ULL

/* One instruction, then 0. */
#define INSTRUCTION(name, text)                                                                    \
    static s64 name(void)                                                                          \
    {                                                                                              \
        __asm__ volatile(text : : : "rax", "rcx", "rdx", "memory", "cc");                          \
        return 0;                                                                                  \
    }
INSTRUCTION(vmxon, "push $0; vmxon (%%rsp); pop %%rax")
INSTRUCTION(vmlaunch, "vmlaunch")
INSTRUCTION(vmresume, "vmresume")
INSTRUCTION(vmxoff, "vmxoff")
INSTRUCTION(vmread, "xor %%eax, %%eax; vmread %%rax, %%rcx")
INSTRUCTION(vmwrite, "xor %%eax, %%eax; vmwrite %%rax, %%rcx")
INSTRUCTION(vmptrld, "push $0; vmptrld (%%rsp); pop %%rax")
INSTRUCTION(invept, "xor %%eax, %%eax; invept (%%rsp), %%rax")
INSTRUCTION(invvpid, "xor %%eax, %%eax; invvpid (%%rsp), %%rax")
INSTRUCTION(vmrun, "xor %%eax, %%eax; vmrun")
INSTRUCTION(monitor, "mov %%rsp, %%rax; xor %%ecx, %%ecx; xor %%edx, %%edx; monitor")
INSTRUCTION(mwait, "xor %%eax, %%eax; xor %%ecx, %%ecx; mwait")
INSTRUCTION(getsec, "xor %%eax, %%eax; getsec")
INSTRUCTION(xsetbv_none, "xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx; xsetbv")
INSTRUCTION(rdpmc, "xor %%ecx, %%ecx; rdpmc")
INSTRUCTION(ltr_wild, "mov $0xfff8, %%ax; ltr %%ax")
INSTRUCTION(lldt_wild, "mov $0xe008, %%ax; lldt %%ax")
INSTRUCTION(load_ds_wild, "mov $0xe013, %%eax; mov %%eax, %%ds")
INSTRUCTION(load_ss_wild, "mov $0xe010, %%eax; mov %%eax, %%ss")
INSTRUCTION(mov_dr7_high, "mov $1, %%rax; shl $40, %%rax; mov %%rax, %%dr7")
INSTRUCTION(int_without_gate, "int $0xfe")
INSTRUCTION(far_return_wild, "push $0xe008; push $0; lretq")

static s64 cr0_upper(void)
{
    write_cr0(read_cr0() | 1ULL << 32);
    return 0;
}
static s64 cr0_nw(void)
{
    write_cr0(read_cr0() | CR0_NW_WITHOUT_CD);
    return 0;
}
static s64 cr0_no_pe(void)
{
    write_cr0(read_cr0() & ~CR0_PE_BIT);
    return 0;
}
static s64 cr4_vmxe(void)
{
    write_cr4(read_cr4() | CR4_VMXE_BIT);
    return 0;
}
static s64 cr4_no_pae(void)
{
    write_cr4(read_cr4() & ~(u64)CR4_PAE_BIT);
    return 0;
}
static s64 cr4_reserved(void)
{
    write_cr4(read_cr4() | 1ULL << 31);
    return 0;
}
static s64 efer_reserved(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_RESERVED);
    return 0;
}
static s64 efer_no_lme(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_LME);
    return 0;
}
static s64 msr_not_canonical(void)
{
    wrmsr(MSR_FS_BASE, NOT_CANONICAL);
    return 0;
}
static s64 iret_not_canonical(void)
{
    __asm__ volatile("mov %%rsp, %%rax\n"
                     "mov %%ss, %%ecx\n"
                     "push %%rcx; push %%rax; pushfq\n"
                     "mov %%cs, %%ecx; push %%rcx\n"
                     "push %0; iretq"
                     :
                     : "r"(NOT_CANONICAL)
                     : "rax", "rcx", "memory");
    return 0;
}
static s64 jump_not_canonical(void)
{
    __asm__ volatile("jmp *%0" : : "r"(NOT_CANONICAL) : "memory");
    return 0;
}

/* A data breakpoint that becomes due in MOV SS stays pending over the next instruction: one that
 * exits (CPUID), and one that traps (INT3). The guest's #DB must come, and only that. */
static volatile u64 watched;
enum dr7 { DR7_WATCH_READS_WRITES_0 = 0x1 << 0 | 3 << 16 | 1 << 18 };

static void watch(u64 on)
{
    __asm__ volatile("mov %0, %%dr0" : : "r"((u64)&watched));
    __asm__ volatile("mov %0, %%dr7" : : "r"(on ? (u64)DR7_WATCH_READS_WRITES_0 : 0));
    __asm__ volatile("mov %0, %%dr6" : : "r"((u64)0));
}
static s64 movss_cpuid(void)
{
    __asm__ volatile("mov %0, %%ss\n cpuid\n nop"
                     :
                     : "m"(watched), "a"(0)
                     : "rbx", "rcx", "rdx", "memory");
    return 0;
}
static s64 movss_int3(void)
{
    __asm__ volatile("mov %0, %%ss\n int3\n nop" : : "m"(watched) : "memory");
    return 0;
}
static s64 movss_vmcall(void)
{
    __asm__ volatile("mov %0, %%ss\n vmcall\n nop" : : "m"(watched), "a"(0) : "memory");
    return 0;
}
static struct outcome with_breakpoint(s64 (*code)(void))
{
    u16 ss;

    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    watched = ss;
    watch(1);
    struct outcome o = probe(code);
    watch(0);
    return o;
}
static struct outcome try_movss_cpuid(void)
{
    return with_breakpoint(movss_cpuid);
}
static struct outcome try_movss_vmcall(void)
{
    return with_breakpoint(movss_vmcall);
}
/* On real processors #DB comes at the breakpoint handler's first instruction, on others INT3 wins:
 * either is the guest's own trap. What must not happen is that it reaches the hypervisor. */
static struct outcome try_movss_int3(void)
{
    struct outcome o = with_breakpoint(movss_int3);

    if (o.kind == TRAPPED && o.vector == TRAP_DEBUG)
        o.vector = TRAP_BREAKPOINT;
    return o;
}

/* TF set and MOV SS before an instruction that exits: the entry after it must be a legal one. */
static s64 single_step_movss_cpuid(void)
{
    __asm__ volatile("pushfq; orl $0x100, (%%rsp)\n"
                     "mov %%ss, %%esi\n"
                     "popfq\n mov %%esi, %%ss\n cpuid\n nop"
                     :
                     : "a"(0)
                     : "rbx", "rcx", "rdx", "rsi", "memory", "cc");
    return 0;
}

static s64 wild_vmcall(void)
{
    return vmcall(0, 0, 0, 0);
}
static s64 vmcall_wild_command(void)
{
    return vmcall(TRIVISOR_HYPERCALL, ~0ULL, ~0ULL, ~0ULL);
}
static s64 vmcall_wild_region(void)
{
    return vmcall(TRIVISOR_HYPERCALL, TRIVISOR_MARK_BEGIN, TRIVISOR_REGIONS, 0);
}
static s64 vmcall_region_not_open(void)
{
    return vmcall(TRIVISOR_HYPERCALL, TRIVISOR_MARK_END, TRIVISOR_REGIONS - 1, 0);
}

/* The IDT is gone: the first trap brings the machine down. */
static s64 triple_fault(void)
{
    const struct table_register none = {0};

    lidt(&none);
    __asm__ volatile("int3");
    return 0;
}
static s64 halt_for_ever(void)
{
    cli();
    hlt();
    return 0;
}

#define ATTEMPT(f)                                                                                 \
    static struct outcome try_##f(void)                                                            \
    {                                                                                              \
        return probe(f);                                                                           \
    }
/* clang-format off */
ATTEMPT(vmxon)
ATTEMPT(vmlaunch)
ATTEMPT(vmresume)
ATTEMPT(vmxoff)
ATTEMPT(vmread)
ATTEMPT(vmwrite)
ATTEMPT(vmptrld)
ATTEMPT(invept)
ATTEMPT(invvpid)
ATTEMPT(vmrun)
ATTEMPT(monitor)
ATTEMPT(mwait)
ATTEMPT(getsec)
ATTEMPT(xsetbv_none)
ATTEMPT(rdpmc)
ATTEMPT(ltr_wild)
ATTEMPT(lldt_wild)
ATTEMPT(load_ds_wild)
ATTEMPT(load_ss_wild)
ATTEMPT(mov_dr7_high)
ATTEMPT(int_without_gate)
ATTEMPT(far_return_wild)
ATTEMPT(cr0_upper)
ATTEMPT(cr0_nw)
ATTEMPT(cr0_no_pe)
ATTEMPT(cr4_vmxe)
ATTEMPT(cr4_no_pae)
ATTEMPT(cr4_reserved)
ATTEMPT(efer_reserved)
ATTEMPT(efer_no_lme)
ATTEMPT(msr_not_canonical)
ATTEMPT(iret_not_canonical)
ATTEMPT(jump_not_canonical)
ATTEMPT(single_step_movss_cpuid)
ATTEMPT(wild_vmcall)
ATTEMPT(vmcall_wild_command)
ATTEMPT(vmcall_wild_region)
ATTEMPT(vmcall_region_not_open)
ATTEMPT(triple_fault)
ATTEMPT(halt_for_ever)
/* clang-format on */

#define GP(e)  FAULTS(TRAP_GENERAL_PROTECTION, e)
#define UD     FAULTS(TRAP_UNDEFINED, 0)
#define ENOSYS 38
#define EINVAL 22

static const struct attack attacks[] = {
    {"VMXON", SURVIVES, try_vmxon, UD, 0},
    {"VMLAUNCH", SURVIVES, try_vmlaunch, UD, 0},
    {"VMRESUME", SURVIVES, try_vmresume, UD, 0},
    {"VMXOFF", SURVIVES, try_vmxoff, UD, 0},
    {"VMREAD", SURVIVES, try_vmread, UD, 0},
    {"VMWRITE", SURVIVES, try_vmwrite, UD, 0},
    {"VMPTRLD", SURVIVES, try_vmptrld, UD, 0},
    {"INVEPT", SURVIVES, try_invept, UD, 0},
    {"INVVPID", SURVIVES, try_invvpid, UD, 0},
    {"VMRUN", SURVIVES, try_vmrun, UD, 0},
    {"MONITOR", SURVIVES, try_monitor, UD, 0},
    {"MWAIT", SURVIVES, try_mwait, UD, 0},
    {"GETSEC", SURVIVES, try_getsec, UD, 0},
    {"XSETBV without x87", SURVIVES, try_xsetbv_none, UD, 0},
    {"RDPMC", SURVIVES, try_rdpmc, UD, 0},
    {"LTR beyond the GDT", SURVIVES, try_ltr_wild, GP(0xfff8), 0},
    {"LLDT of the hypervisor's selector", SURVIVES, try_lldt_wild, GP(0xe008), 0},
    {"DS = a selector of the hypervisor's", SURVIVES, try_load_ds_wild, GP(0xe010), 0},
    {"SS = a selector of the hypervisor's", SURVIVES, try_load_ss_wild, GP(0xe010), 0},
    {"DR7, upper half", SURVIVES, try_mov_dr7_high, GP(0), 0},
    {"INT without a gate", SURVIVES, try_int_without_gate, GP(0xfe * 8 + 2), 0},
    {"far return to the hypervisor's selector", SURVIVES, try_far_return_wild, GP(0xe008), 0},
    {"CR0, upper half", SURVIVES, try_cr0_upper, GP(0), 0},
    {"CR0.NW without CD", SURVIVES, try_cr0_nw, GP(0), 0},
    {"CR0.PE off while paging", SURVIVES, try_cr0_no_pe, GP(0), 0},
    {"CR4.VMXE", SURVIVES, try_cr4_vmxe, GP(0), 0},
    {"CR4.PAE off in long mode", SURVIVES, try_cr4_no_pae, GP(0), 0},
    {"CR4, a reserved bit", SURVIVES, try_cr4_reserved, GP(0), 0},
    {"EFER, a reserved bit", SURVIVES, try_efer_reserved, GP(0), 0},
    {"EFER.LME off while paging", SURVIVES, try_efer_no_lme, GP(0), 0},
    {"FS base that is not canonical", SURVIVES, try_msr_not_canonical, GP(0), 0},
    {"IRET to an address that is not canonical", SURVIVES, try_iret_not_canonical, GP(0), 0},
    {"jump to an address that is not canonical", SURVIVES, try_jump_not_canonical, GP(0), 0},
    {"breakpoint due in MOV SS, then CPUID", SURVIVES, try_movss_cpuid, FAULTS(TRAP_DEBUG, 0), 0},
    {"breakpoint due in MOV SS, then VMCALL", SURVIVES, try_movss_vmcall, FAULTS(TRAP_DEBUG, 0), 0},
    {"breakpoint due in MOV SS, then INT3", SURVIVES, try_movss_int3, FAULTS(TRAP_BREAKPOINT, 0),
     0},
    {"single step, MOV SS, then CPUID", SURVIVES, try_single_step_movss_cpuid,
     FAULTS(TRAP_DEBUG, 0), 0},
    {"VMCALL with a wild number", SURVIVES, try_wild_vmcall, RETURNS(-ENOSYS), 0},
    {"VMCALL with a wild command", SURVIVES, try_vmcall_wild_command, RETURNS(-ENOSYS), 0},
    {"opening a region that does not exist", SURVIVES, try_vmcall_wild_region, RETURNS(-EINVAL), 0},
    {"closing a region that is not open", SURVIVES, try_vmcall_region_not_open, RETURNS(-EINVAL),
     0},
    {"a triple fault", CRASHES, try_triple_fault, {0}, "triple fault"},
    {"HLT with interrupts off", CRASHES, try_halt_for_ever, {0}, "halted with interrupts off"},
};
const struct attack_list full_processor_attacks = {attacks, ARRAY_SIZE(attacks)};
