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
#define EXIT_ANSWER(number, name, what, how) [number] = name,
#include "exit_answers.inc"
#undef EXIT_ANSWER
};

const char *vmx_exit_name(u32 basic)
{
    const char *name = basic < ARRAY_SIZE(exit_names) ? exit_names[basic] : NULL;

    return name ? name : "reserved";
}
