/*
 * Does this processor have what this hypervisor needs of VT-x? Each requirement is checked by
 * itself (capability_rules.h), and a missing one ends in a sentence that names it and says what to
 * do.
 *
 * Invariant: after vmx_capability_init every bit of the controls in vmx_cap is one that the
 * capability MSRs allow ("VMX Capability Reporting Facility").
 */
#include "capability_rules.h"
#include "insn.h"
#include "log.h"
#include "paging.h"
#include "vmx.h"
#include "x86.h"

struct vmx_capability vmx_cap;

/* The controls that go with a capability MSR; refuses a processor that lacks one of `needed`. */
static u32 negotiate(u32 msr, const struct vmx_requirement *needed, size_t count, u32 optional)
{
    u32 controls;
    const char *lacks = vmx_choose_controls(rdmsr(msr), needed, count, optional, &controls);

    if (lacks)
        refuse("This processor's VT-x has no %s: use another model, or build MODE=pv.", lacks);
    return controls;
}

static const struct vmx_requirement pin_needed[] = {
    /* The machine's interrupts are the hypervisor's. */
    {PIN_EXTERNAL_INTERRUPT_EXITING, "external-interrupt exiting"},
    /* NMIs too: the slice clock where there is no preemption timer. */
    {PIN_NMI_EXITING, "NMI exiting"},
    /* A guest's NMIs are not the machine's: it may have one, and block the next, by itself. */
    {PIN_VIRTUAL_NMIS, "virtual NMIs"},
};

static const struct vmx_requirement proc_needed[] = {
    /* A guest that waits gives the processor to others. */
    {PROC_HLT_EXITING, "HLT exiting"},
    /* No guest touches the machine's devices... */
    {PROC_UNCONDITIONAL_IO_EXITING, "unconditional I/O exiting"},
    /* ...nor its MSRs, but the few that are switched with the vcpu may be passed through. */
    {PROC_MSR_BITMAPS, "MSR bitmaps"},
    /* The debug registers are loaded only while a guest uses them. */
    {PROC_MOV_DR_EXITING, "MOV-DR exiting"},
    /* CR8 is the task priority of the emulated local APIC, not the machine's. */
    {PROC_CR8_LOAD_EXITING, "CR8-load exiting"},
    {PROC_CR8_STORE_EXITING, "CR8-store exiting"},
    /* Instructions that the guest is told not to have. */
    {PROC_MWAIT_EXITING, "MWAIT exiting"},
    {PROC_MONITOR_EXITING, "MONITOR exiting"},
    {PROC_RDPMC_EXITING, "RDPMC exiting"},
};

static const struct vmx_requirement exit_needed[] = {
    {EXITC_HOST_64BIT, "64-bit host"},
    /* The vector comes with the exit: nobody needs to open interrupts to learn it. */
    {EXITC_ACKNOWLEDGE_INTERRUPT, "acknowledgement of interrupts on exit"},
};

static const struct vmx_requirement entry_needed[] = {
    /* The guests are 64-bit. */
    {ENTRYC_IA32E_GUEST, "64-bit guests"},
};

static void check_firmware(void)
{
    u64 control = rdmsr(MSR_FEATURE_CONTROL);

    if (!(control & FEATURE_LOCKED))
        wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_LOCKED | FEATURE_VMX_OUTSIDE_SMX);
    else if (!(control & FEATURE_VMX_OUTSIDE_SMX))
        refuse("VT-x is switched off and locked in the firmware (IA32_FEATURE_CONTROL): switch it "
               "on in the firmware's settings, or build MODE=pv.");
}

static void check_basic(void)
{
    u64 basic = rdmsr(MSR_VMX_BASIC);

    vmx_cap.revision = VMX_BASIC_REVISION(basic);
    if (VMX_BASIC_SIZE(basic) > PAGE_SIZE)
        refuse("This processor wants VMCS regions of more than a page (%u bytes): use another "
               "model.",
               VMX_BASIC_SIZE(basic));
    if (VMX_BASIC_MEMORY(basic) != VMX_MEMORY_WRITE_BACK)
        refuse("This processor wants its VMCS regions in uncached memory: use another model.");
}

/* The primary, pin, exit and entry controls. */
static void check_controls(void)
{
    enum { TIMER_QUICK = 0x7fffffff }; /* fits the timer whatever its rate */
    /* The TRUE MSRs tell which of the default-1 controls may be 0 after all. */
    bool fine = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE;

    vmx_cap.pin = negotiate(fine ? MSR_VMX_TRUE_PINBASED : MSR_VMX_PINBASED, pin_needed,
                            ARRAY_SIZE(pin_needed), PIN_PREEMPTION_TIMER);
    vmx_cap.timer = vmx_cap.pin & PIN_PREEMPTION_TIMER;
    vmx_cap.timer_quick = vmx_cap.timer ? TIMER_QUICK : 0;
    vmx_cap.timer_shift = VMX_MISC_TIMER_SHIFT(rdmsr(MSR_VMX_MISC));
    vmx_cap.proc = negotiate(fine ? MSR_VMX_TRUE_PROCBASED : MSR_VMX_PROCBASED, proc_needed,
                             ARRAY_SIZE(proc_needed), PROC_SECONDARY);
    vmx_cap.exit = negotiate(fine ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT, exit_needed,
                             ARRAY_SIZE(exit_needed), EXITC_SAVE_EFER | EXITC_LOAD_EFER);
    vmx_cap.entry = negotiate(fine ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY, entry_needed,
                              ARRAY_SIZE(entry_needed), ENTRYC_LOAD_EFER | ENTRYC_LOAD_DEBUG);
    /* Set for each vcpu, by the mode that its guest is in. */
    vmx_cap.entry &= ~(u32)ENTRYC_IA32E_GUEST;
    /* Default-1 controls that older processors insist on and paging decides. */
    vmx_cap.efer = vmx_cap.exit & EXITC_SAVE_EFER && vmx_cap.exit & EXITC_LOAD_EFER &&
                   vmx_cap.entry & ENTRYC_LOAD_EFER;
    if (!vmx_cap.efer) {
        vmx_cap.exit &= ~(u32)(EXITC_SAVE_EFER | EXITC_LOAD_EFER);
        vmx_cap.entry &= ~(u32)ENTRYC_LOAD_EFER;
    }
}

/* The secondary controls, and with them EPT and VPID. */
static void check_secondary(void)
{
    if (!(vmx_cap.proc & PROC_SECONDARY))
        return;
    u32 wanted = PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD_EXITING | PROC2_INVPCID;
    if (paging_needs_second_stage)
        wanted |= PROC2_EPT | PROC2_UNRESTRICTED_GUEST;
    vmx_cap.proc2 = negotiate(MSR_VMX_PROCBASED2, NULL, 0, wanted);
    if (rdmsr(MSR_VMX_PROCBASED2) >> 32 & (PROC2_EPT | PROC2_VPID))
        vmx_cap.ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);

    /* VPID is of use only if a single tag, and all of them, can be flushed. */
    u64 flushes = EPTCAP_INVVPID | EPTCAP_INVVPID_ONE | EPTCAP_INVVPID_ALL | EPTCAP_INVVPID_ADDR;
    vmx_cap.vpid = vmx_cap.proc2 & PROC2_VPID && (vmx_cap.ept_vpid & flushes) == flushes;
    if (!vmx_cap.vpid)
        vmx_cap.proc2 &= ~(u32)PROC2_VPID;
}

static void check_ept(void)
{
    if (!paging_needs_second_stage)
        return;
    if (!(vmx_cap.proc2 & PROC2_EPT))
        refuse("This processor has no EPT: use a model that has it, or build MODE=shadow.");
    /* The guest starts with paging off, and its page tables are its own affair. */
    if (!(vmx_cap.proc2 & PROC2_UNRESTRICTED_GUEST))
        refuse("This processor has no unrestricted guest: use a model that has it, or build "
               "MODE=shadow.");
    /* The guest enters long mode without an exit, so the processor must keep its EFER. */
    if (!vmx_cap.efer)
        refuse("This processor's VT-x does not switch EFER: use another model, or build "
               "MODE=shadow.");
    const char *lacks = vmx_ept_lacks(vmx_cap.ept_vpid);
    if (lacks)
        refuse("This processor's EPT has no %s: use another model, or build MODE=shadow.", lacks);
    vmx_cap.ept = true;
    /* Switched on for the domains that want it. */
    vmx_cap.log = rdmsr(MSR_VMX_PROCBASED2) >> 32 & PROC2_PML && vmx_cap.ept_vpid & EPTCAP_FLAGS;
}

/* "VMX-Fixed Bits in CR0", "... in CR4" */
static void check_fixed_bits(void)
{
    vmx_cap.cr0_required = rdmsr(MSR_VMX_CR0_FIXED0);
    vmx_cap.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
    vmx_cap.cr4_required = rdmsr(MSR_VMX_CR4_FIXED0);
    vmx_cap.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
    write_cr0(read_cr0() | vmx_cap.cr0_required);
    write_cr4(read_cr4() | vmx_cap.cr4_required | CR4_VMXE);
    if (vmx_cap.ept)
        vmx_cap.cr0_required &= ~(CR0_PE | CR0_PG);
}

/*
 * Tour 21 [Full virtualization with VT-x]: may we at all? VT-x is a family of features, and MSRs
 * say which ones this processor has. A control can be required to be 0, required to be 1, or free;
 * `negotiate` asks for what we need and what we would like. Each thing that is missing ends in a
 * sentence that names it. From here on nothing else in src/cpu/vmx/ asks the processor what it can
 * do.
 */
void vmx_capability_init(void)
{
    check_firmware();
    check_basic();
    check_controls();
    check_secondary();
    check_ept();
    check_fixed_bits();
}
