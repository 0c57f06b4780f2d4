/*
 * The virtual-machine control structure: field encodings, control bits and exit reasons, in the
 * grouping and order of the Intel SDM. Nothing here executes.
 */
#ifndef VMCS_H
#define VMCS_H

#include "types.h"

/* "Field Encoding in VMCS": bits 11:10 of an encoding */
enum vmcs_field_type { FIELD_CONTROL, FIELD_EXIT_INFORMATION, FIELD_GUEST, FIELD_HOST };
static inline enum vmcs_field_type vmcs_field_type(u32 field)
{
    return (enum vmcs_field_type)(field >> 10 & 3);
}

/* "Field Encoding in VMCS" */
enum vmcs_field {
    /* "16-Bit Control Fields" */
    VMCS_VPID = 0x0000,
    VMCS_POSTED_VECTOR = 0x0002,
    /* "16-Bit Guest-State Fields": in the order of enum seg, two apart */
    VMCS_GUEST_ES_SELECTOR = 0x0800,
    VMCS_GUEST_CS_SELECTOR = 0x0802,
    VMCS_GUEST_SS_SELECTOR = 0x0804,
    VMCS_GUEST_LDTR_SELECTOR = 0x080c,
    VMCS_GUEST_TR_SELECTOR = 0x080e,
    VMCS_PML_INDEX = 0x0812,
    /* "16-Bit Host-State Fields" */
    VMCS_HOST_ES_SELECTOR = 0x0c00,
    VMCS_HOST_CS_SELECTOR = 0x0c02,
    VMCS_HOST_SS_SELECTOR = 0x0c04,
    VMCS_HOST_DS_SELECTOR = 0x0c06,
    VMCS_HOST_FS_SELECTOR = 0x0c08,
    VMCS_HOST_GS_SELECTOR = 0x0c0a,
    VMCS_HOST_TR_SELECTOR = 0x0c0c,
    /* "64-Bit Control Fields" */
    VMCS_IO_BITMAP_A = 0x2000,
    VMCS_IO_BITMAP_B = 0x2002,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_EXIT_MSR_STORE_ADDRESS = 0x2006,
    VMCS_EXIT_MSR_LOAD_ADDRESS = 0x2008,
    VMCS_ENTRY_MSR_LOAD_ADDRESS = 0x200a,
    VMCS_PML_ADDRESS = 0x200e,
    VMCS_TSC_OFFSET = 0x2010,
    VMCS_VIRTUAL_APIC_ADDRESS = 0x2012,
    VMCS_APIC_ACCESS_ADDRESS = 0x2014,
    VMCS_POSTED_DESCRIPTOR = 0x2016,
    VMCS_VM_FUNCTIONS = 0x2018,
    VMCS_EPT_POINTER = 0x201a,
    VMCS_EPTP_LIST_ADDRESS = 0x2024,
    VMCS_VMREAD_BITMAP = 0x2026,
    VMCS_VMWRITE_BITMAP = 0x2028,
    VMCS_VE_INFORMATION = 0x202a,
    /* "64-Bit Read-Only Data Field" */
    VMCS_GUEST_PHYSICAL_ADDRESS = 0x2400,
    /* "64-Bit Guest-State Fields" */
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_GUEST_PDPTE0 = 0x280a, /* four, two apart */
    /* "64-Bit Host-State Fields" */
    VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02,
    /* "32-Bit Control Fields" */
    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_PROC_CONTROLS = 0x4002,
    VMCS_EXCEPTION_BITMAP = 0x4004,
    VMCS_PF_ERROR_MASK = 0x4006,
    VMCS_PF_ERROR_MATCH = 0x4008,
    VMCS_CR3_TARGET_COUNT = 0x400a,
    VMCS_EXIT_CONTROLS = 0x400c,
    VMCS_EXIT_MSR_STORE_COUNT = 0x400e,
    VMCS_EXIT_MSR_LOAD_COUNT = 0x4010,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_MSR_LOAD_COUNT = 0x4014,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_EVENT_ERROR = 0x4018,
    VMCS_ENTRY_INSN_LENGTH = 0x401a,
    VMCS_TPR_THRESHOLD = 0x401c,
    VMCS_PROC_CONTROLS2 = 0x401e,
    /* "32-Bit Read-Only Data Fields" */
    VMCS_INSTRUCTION_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_EVENT_ERROR = 0x4406,
    VMCS_IDT_VECTORING = 0x4408,
    VMCS_IDT_VECTORING_ERROR = 0x440a,
    VMCS_EXIT_INSN_LENGTH = 0x440c,
    /* "32-Bit Guest-State Fields" */
    VMCS_GUEST_ES_LIMIT = 0x4800, /* in the order of enum seg, two apart */
    VMCS_GUEST_LDTR_LIMIT = 0x480c,
    VMCS_GUEST_TR_LIMIT = 0x480e,
    VMCS_GUEST_GDTR_LIMIT = 0x4810,
    VMCS_GUEST_IDTR_LIMIT = 0x4812,
    VMCS_GUEST_ES_RIGHTS = 0x4814, /* in the order of enum seg, two apart */
    VMCS_GUEST_CS_RIGHTS = 0x4816,
    VMCS_GUEST_SS_RIGHTS = 0x4818,
    VMCS_GUEST_LDTR_RIGHTS = 0x4820,
    VMCS_GUEST_TR_RIGHTS = 0x4822,
    VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
    VMCS_GUEST_ACTIVITY = 0x4826,
    VMCS_GUEST_SYSENTER_CS = 0x482a,
    VMCS_PREEMPTION_TIMER = 0x482e,
    /* "32-Bit Host-State Field" */
    VMCS_HOST_SYSENTER_CS = 0x4c00,
    /* "Natural-Width Control Fields" */
    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    /* "Natural-Width Read-Only Data Fields" */
    VMCS_EXIT_QUALIFICATION = 0x6400,
    VMCS_GUEST_LINEAR_ADDRESS = 0x640a,
    /* "Natural-Width Guest-State Fields" */
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_ES_BASE = 0x6806, /* in the order of enum seg, two apart */
    VMCS_GUEST_CS_BASE = 0x6808,
    VMCS_GUEST_FS_BASE = 0x680e,
    VMCS_GUEST_GS_BASE = 0x6810,
    VMCS_GUEST_LDTR_BASE = 0x6812,
    VMCS_GUEST_TR_BASE = 0x6814,
    VMCS_GUEST_GDTR_BASE = 0x6816,
    VMCS_GUEST_IDTR_BASE = 0x6818,
    VMCS_GUEST_DR7 = 0x681a,
    VMCS_GUEST_RSP = 0x681c,
    VMCS_GUEST_RIP = 0x681e,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    /* "Natural-Width Host-State Fields" */
    VMCS_HOST_CR0 = 0x6c00,
    VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04,
    VMCS_HOST_FS_BASE = 0x6c06,
    VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a,
    VMCS_HOST_GDTR_BASE = 0x6c0c,
    VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_ESP = 0x6c10,
    VMCS_HOST_SYSENTER_EIP = 0x6c12,
    VMCS_HOST_RSP = 0x6c14,
    VMCS_HOST_RIP = 0x6c16,
};

/* "Pin-Based VM-Execution Controls" */
enum vmx_pin_control {
    PIN_EXTERNAL_INTERRUPT_EXITING = 1 << 0,
    PIN_NMI_EXITING = 1 << 3,
    PIN_VIRTUAL_NMIS = 1 << 5,
    PIN_PREEMPTION_TIMER = 1 << 6,
    PIN_POSTED_INTERRUPTS = 1 << 7,
};

/* "Processor-Based VM-Execution Controls" */
enum vmx_proc_control {
    PROC_INTERRUPT_WINDOW = 1 << 2,
    PROC_TSC_OFFSETTING = 1 << 3,
    PROC_HLT_EXITING = 1 << 7,
    PROC_INVLPG_EXITING = 1 << 9,
    PROC_MWAIT_EXITING = 1 << 10,
    PROC_RDPMC_EXITING = 1 << 11,
    PROC_CR3_LOAD_EXITING = 1 << 15,
    PROC_CR3_STORE_EXITING = 1 << 16,
    PROC_CR8_LOAD_EXITING = 1 << 19,
    PROC_CR8_STORE_EXITING = 1 << 20,
    PROC_TPR_SHADOW = 1 << 21,
    PROC_NMI_WINDOW = 1 << 22,
    PROC_MOV_DR_EXITING = 1 << 23,
    PROC_UNCONDITIONAL_IO_EXITING = 1 << 24,
    PROC_IO_BITMAPS = 1 << 25,
    PROC_MSR_BITMAPS = 1 << 28,
    PROC_MONITOR_EXITING = 1 << 29,
};
#define PROC_SECONDARY (1u << 31)

/* "Secondary Processor-Based VM-Execution Controls" */
enum vmx_proc_control2 {
    PROC2_APIC_ACCESSES = 1 << 0,
    PROC2_EPT = 1 << 1,
    PROC2_RDTSCP = 1 << 3,
    PROC2_X2APIC = 1 << 4,
    PROC2_VPID = 1 << 5,
    PROC2_WBINVD_EXITING = 1 << 6,
    PROC2_UNRESTRICTED_GUEST = 1 << 7,
    PROC2_APIC_REGISTERS = 1 << 8,
    PROC2_VIRTUAL_INTERRUPTS = 1 << 9,
    PROC2_INVPCID = 1 << 12,
    PROC2_VM_FUNCTIONS = 1 << 13,
    PROC2_VMCS_SHADOWING = 1 << 14,
    PROC2_PML = 1 << 17,
    PROC2_VE = 1 << 18,
    PROC2_MODE_BASED_EXECUTE = 1 << 22,
};

/* "VM-Exit Controls" */
enum vmx_exit_control {
    EXITC_SAVE_DEBUG = 1 << 2,
    EXITC_HOST_64BIT = 1 << 9,
    EXITC_ACKNOWLEDGE_INTERRUPT = 1 << 15,
    EXITC_LOAD_PAT = 1 << 19,
    EXITC_SAVE_EFER = 1 << 20,
    EXITC_LOAD_EFER = 1 << 21,
    EXITC_SAVE_TIMER = 1 << 22,
};

/* "VM-Entry Controls" */
enum vmx_entry_control {
    ENTRYC_LOAD_DEBUG = 1 << 2,
    ENTRYC_IA32E_GUEST = 1 << 9,
    ENTRYC_TO_SMM = 1 << 10,
    ENTRYC_DEACTIVATE_DUAL = 1 << 11,
    ENTRYC_LOAD_PAT = 1 << 14,
    ENTRYC_LOAD_EFER = 1 << 15,
};

/* "VM-Entry Controls for Event Injection", "Information for VM Exits Due to Vectored Events" and
 * "... That Occur During Event Delivery": the same layout */
enum vmx_event_bits {
    EVENT_VECTOR = 0xff,
    EVENT_TYPE_SHIFT = 8, /* enum virt_event_type has the same numbers */
    EVENT_TYPE_MASK = 7,
    EVENT_HAS_ERROR = 1 << 11,
    EVENT_NMI_UNBLOCKED = 1 << 12, /* exits only */
};
#define EVENT_VALID (1u << 31)

/* "Guest Non-Register State": interruptibility */
enum vmx_interruptibility {
    BLOCKED_BY_STI = 1 << 0,
    BLOCKED_BY_MOV_SS = 1 << 1,
    BLOCKED_BY_SMI = 1 << 2,
    BLOCKED_BY_NMI = 1 << 3,
    ENCLAVE_INTERRUPTION = 1 << 4,
};

/* "Guest Non-Register State": activity */
enum vmx_activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_FOR_SIPI };

/* "Guest Non-Register State": pending debug exceptions */
enum vmx_pending_debug { PENDING_DEBUG_BS = 1 << 14 };

/* "Exit Qualification for Control-Register Accesses" */
enum vmx_cr_qualification {
    CRQ_REGISTER = 0xf,
    CRQ_TYPE_SHIFT = 4, /* 2 bits: enum cr_operation in the same order */
    CRQ_TYPE_MASK = 3,
    CRQ_GPR_SHIFT = 8,
    CRQ_LMSW_SHIFT = 16,
};

/* "Exit Qualification for Task Switches" */
enum vmx_task_qualification {
    TASKQ_SELECTOR = 0xffff,
    TASKQ_SOURCE_SHIFT = 30, /* enum emulate_task has the same numbers */
    TASKQ_SOURCE_MASK = 3,
};

/* "Exit Qualification for MOV DR" */
enum vmx_dr_qualification { DRQ_REGISTER = 7, DRQ_READ = 1 << 4, DRQ_GPR_SHIFT = 8 };

/* "Exit Qualification for I/O Instructions" */
enum vmx_io_qualification {
    IOQ_SIZE = 7, /* bytes - 1 */
    IOQ_IN = 1 << 3,
    IOQ_STRING = 1 << 4,
    IOQ_REP = 1 << 5,
    IOQ_PORT_SHIFT = 16,
};

/* "Exit Qualification for EPT Violations" */
enum vmx_ept_qualification {
    EPTQ_READ = 1 << 0,
    EPTQ_WRITE = 1 << 1,
    EPTQ_FETCH = 1 << 2,
    EPTQ_WAS_ALLOWED = 7 << 3, /* read, write or execute was allowed there */
    EPTQ_LINEAR_VALID = 1 << 7,
    EPTQ_NMI_UNBLOCKED = 1 << 12,
    EPTQ_FINAL = 1 << 8, /* the translation itself; 0: a guest paging-structure entry */
};

/* "VMX Basic Exit Reasons" */
enum vmx_exit_reason {
    VMX_EXCEPTION_NMI = 0,
    VMX_EXTERNAL_INTERRUPT = 1,
    VMX_TRIPLE_FAULT = 2,
    VMX_INIT = 3,
    VMX_SIPI = 4,
    VMX_INTERRUPT_WINDOW = 7,
    VMX_NMI_WINDOW = 8,
    VMX_TASK_SWITCH = 9,
    VMX_CPUID = 10,
    VMX_GETSEC = 11,
    VMX_HLT = 12,
    VMX_INVD = 13,
    VMX_INVLPG = 14,
    VMX_RDPMC = 15,
    VMX_RSM = 17,
    VMX_VMCALL = 18,
    VMX_VMCLEAR = 19,
    VMX_VMLAUNCH = 20,
    VMX_VMPTRLD = 21,
    VMX_VMPTRST = 22,
    VMX_VMREAD = 23,
    VMX_VMRESUME = 24,
    VMX_VMWRITE = 25,
    VMX_VMXOFF = 26,
    VMX_VMXON = 27,
    VMX_CR_ACCESS = 28,
    VMX_MOV_DR = 29,
    VMX_IO = 30,
    VMX_RDMSR = 31,
    VMX_WRMSR = 32,
    VMX_INVALID_GUEST_STATE = 33,
    VMX_MSR_LOADING = 34,
    VMX_MWAIT = 36,
    VMX_MONITOR = 39,
    VMX_MACHINE_CHECK_AT_ENTRY = 41,
    VMX_EPT_VIOLATION = 48,
    VMX_EPT_MISCONFIGURATION = 49,
    VMX_INVEPT = 50,
    VMX_PREEMPTION_TIMER = 52,
    VMX_INVVPID = 53,
    VMX_WBINVD = 54,
    VMX_XSETBV = 55,
    VMX_INVPCID = 58,
    VMX_VMFUNC = 59,
    VMX_PML_FULL = 62,
    VMX_EXIT_REASONS_KNOWN = 80, /* those of exit_answers.inc */
    VMX_EXIT_REASONS = 128,      /* more than there are: a power of two */
};
enum { EXIT_BASIC_REASON = 0xffff, VMX_ENTRY_FAILED_BIT = 31 };
#define VMX_ENTRY_FAILED (1u << VMX_ENTRY_FAILED_BIT)

/* "Extended-Page-Table Pointer (EPTP)" */
enum ept_pointer_bits {
    EPTP_WRITE_BACK = 6,
    EPTP_LEVELS_4 = (4 - 1) << 3,
    EPTP_ACCESSED_DIRTY = 1 << 6, /* the processor keeps accessed and dirty flags */
};
static inline u64 vmx_ept_pointer(mfn_t root)
{
    return mfn_to_mpa(root).v | EPTP_LEVELS_4 | EPTP_WRITE_BACK;
}

/* "VPID and EPT Capabilities" (IA32_VMX_EPT_VPID_CAP) */
#define EPTCAP_EXECUTE_ONLY (1ULL << 0)
#define EPTCAP_WALK_4       (1ULL << 6)
#define EPTCAP_WRITE_BACK   (1ULL << 14)
#define EPTCAP_2M           (1ULL << 16)
#define EPTCAP_1G           (1ULL << 17)
#define EPTCAP_INVEPT       (1ULL << 20)
#define EPTCAP_FLAGS        (1ULL << 21) /* accessed and dirty */
#define EPTCAP_INVEPT_ONE   (1ULL << 25)
#define EPTCAP_INVEPT_ALL   (1ULL << 26)
#define EPTCAP_INVVPID      (1ULL << 32)
#define EPTCAP_INVVPID_ADDR (1ULL << 40)
#define EPTCAP_INVVPID_ONE  (1ULL << 41)
#define EPTCAP_INVVPID_ALL  (1ULL << 42)

/* "Basic VMX Information" (IA32_VMX_BASIC) */
#define VMX_BASIC_REVISION(v)   ((u32)((v)&0x7fffffff))
#define VMX_BASIC_SIZE(v)       ((u32)((v) >> 32) & 0x1fff)
#define VMX_BASIC_MEMORY(v)     ((u32)((v) >> 50) & 0xf)
#define VMX_BASIC_TRUE          (1ULL << 55)
#define VMX_MEMORY_WRITE_BACK   6u
#define VMX_MISC_TIMER_SHIFT(v) ((u32)((v)&0x1f))

/* "IA32_FEATURE_CONTROL" */
enum feature_control { FEATURE_LOCKED = 1 << 0, FEATURE_VMX_OUTSIDE_SMX = 1 << 2 };

/* "INVEPT", "INVVPID": types */
enum invept_type { INVEPT_ONE = 1, INVEPT_ALL = 2 };
enum invvpid_type { INVVPID_ADDRESS = 0, INVVPID_ONE = 1, INVVPID_ALL = 2 };

/* "VM-Instruction Error Numbers": a name, or NULL */
const char *vmx_instruction_error(u32 number);
/* A field's name, or "unknown field". */
const char *vmcs_field_name(u32 field);
/* The next field with a name, by encoding; VMCS_NO_FIELD after the last. The first is VMCS_VPID. */
enum { VMCS_NO_FIELD = 0xffff };
u32 vmcs_next_field(u32 after);
/* A basic exit reason's name, or "reserved". */
const char *vmx_exit_name(u32 basic);

#endif
