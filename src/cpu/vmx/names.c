/*
 * Names of VT-x numbers, for reports.
 */
#include "vmcs.h"

/* "VM-Instruction Error Numbers" */
static const char *const instruction_errors[] = {
    [1] = "VMCALL executed in VMX root operation",
    [2] = "VMCLEAR with invalid physical address",
    [3] = "VMCLEAR with VMXON pointer",
    [4] = "VMLAUNCH with non-clear VMCS",
    [5] = "VMRESUME with non-launched VMCS",
    [6] = "VMRESUME after VMXOFF",
    [7] = "VM entry with invalid control fields",
    [8] = "VM entry with invalid host-state fields",
    [9] = "VMPTRLD with invalid physical address",
    [10] = "VMPTRLD with VMXON pointer",
    [11] = "VMPTRLD with incorrect VMCS revision identifier",
    [12] = "VMREAD or VMWRITE of an unsupported VMCS component",
    [13] = "VMWRITE to a read-only VMCS component",
    [15] = "VMXON executed in VMX root operation",
    [20] = "VMCALL with non-clear VMCS",
    [26] = "VM entry with events blocked by MOV SS",
    [28] = "Invalid operand to INVEPT or INVVPID",
};

const char *vmx_instruction_error(u32 number)
{
    const char *name = number < ARRAY_SIZE(instruction_errors) ? instruction_errors[number] : NULL;

    return name ? name : "unknown error";
}

/* "VMX Basic Exit Reasons" */
static const char *const exit_names[] = {
    [VMX_EXCEPTION_NMI] = "exception or NMI",
    [VMX_EXTERNAL_INTERRUPT] = "external interrupt",
    [VMX_TRIPLE_FAULT] = "triple fault",
    [VMX_INIT] = "INIT signal",
    [VMX_SIPI] = "start-up IPI",
    [VMX_INTERRUPT_WINDOW] = "interrupt window",
    [VMX_TASK_SWITCH] = "task switch",
    [VMX_CPUID] = "CPUID",
    [VMX_GETSEC] = "GETSEC",
    [VMX_HLT] = "HLT",
    [VMX_INVD] = "INVD",
    [VMX_INVLPG] = "INVLPG",
    [VMX_RDPMC] = "RDPMC",
    [VMX_RSM] = "RSM",
    [VMX_VMCALL] = "VMCALL",
    [VMX_VMCLEAR] = "VMCLEAR",
    [VMX_VMLAUNCH] = "VMLAUNCH",
    [VMX_VMPTRLD] = "VMPTRLD",
    [VMX_VMPTRST] = "VMPTRST",
    [VMX_VMREAD] = "VMREAD",
    [VMX_VMRESUME] = "VMRESUME",
    [VMX_VMWRITE] = "VMWRITE",
    [VMX_VMXOFF] = "VMXOFF",
    [VMX_VMXON] = "VMXON",
    [VMX_CR_ACCESS] = "control-register access",
    [VMX_MOV_DR] = "MOV DR",
    [VMX_IO] = "I/O instruction",
    [VMX_RDMSR] = "RDMSR",
    [VMX_WRMSR] = "WRMSR",
    [VMX_INVALID_GUEST_STATE] = "entry failed: invalid guest state",
    [VMX_MSR_LOADING] = "entry failed: MSR loading",
    [VMX_MWAIT] = "MWAIT",
    [VMX_MONITOR] = "MONITOR",
    [VMX_MACHINE_CHECK_AT_ENTRY] = "entry failed: machine check",
    [VMX_EPT_VIOLATION] = "EPT violation",
    [VMX_EPT_MISCONFIGURATION] = "EPT misconfiguration",
    [VMX_INVEPT] = "INVEPT",
    [VMX_PREEMPTION_TIMER] = "preemption timer expired",
    [VMX_INVVPID] = "INVVPID",
    [VMX_WBINVD] = "WBINVD",
    [VMX_XSETBV] = "XSETBV",
    [VMX_INVPCID] = "INVPCID",
    [VMX_VMFUNC] = "VMFUNC",
};

const char *vmx_exit_name(u32 basic)
{
    const char *name = basic < ARRAY_SIZE(exit_names) ? exit_names[basic] : NULL;

    return name ? name : "reserved";
}
