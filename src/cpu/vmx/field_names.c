/*
 * The fields of a VMCS by name, in the order of their encodings ("Field Encoding in VMCS").
 */
#include "vmcs.h"

/* clang-format off */
#define FIELDS(FIELD)                                                                              \
    FIELD(VMCS_VPID, "VPID")                                                                       \
    FIELD(VMCS_POSTED_VECTOR, "posted-interrupt notification vector")                              \
    FIELD(VMCS_GUEST_ES_SELECTOR, "guest ES selector")                                             \
    FIELD(VMCS_GUEST_ES_SELECTOR + 2, "guest CS selector")                                         \
    FIELD(VMCS_GUEST_ES_SELECTOR + 4, "guest SS selector")                                         \
    FIELD(VMCS_GUEST_ES_SELECTOR + 6, "guest DS selector")                                         \
    FIELD(VMCS_GUEST_ES_SELECTOR + 8, "guest FS selector")                                         \
    FIELD(VMCS_GUEST_ES_SELECTOR + 10, "guest GS selector")                                        \
    FIELD(VMCS_GUEST_ES_SELECTOR + 12, "guest LDTR selector")                                      \
    FIELD(VMCS_GUEST_ES_SELECTOR + 14, "guest TR selector")                                        \
    FIELD(VMCS_PML_INDEX, "PML index")                                                             \
    FIELD(VMCS_HOST_ES_SELECTOR, "host ES selector")                                               \
    FIELD(VMCS_HOST_CS_SELECTOR, "host CS selector")                                               \
    FIELD(VMCS_HOST_SS_SELECTOR, "host SS selector")                                               \
    FIELD(VMCS_HOST_DS_SELECTOR, "host DS selector")                                               \
    FIELD(VMCS_HOST_FS_SELECTOR, "host FS selector")                                               \
    FIELD(VMCS_HOST_GS_SELECTOR, "host GS selector")                                               \
    FIELD(VMCS_HOST_TR_SELECTOR, "host TR selector")                                               \
    FIELD(VMCS_IO_BITMAP_A, "I/O-bitmap A address")                                                \
    FIELD(VMCS_IO_BITMAP_B, "I/O-bitmap B address")                                                \
    FIELD(VMCS_MSR_BITMAP, "MSR-bitmap address")                                                   \
    FIELD(VMCS_EXIT_MSR_STORE_ADDRESS, "VM-exit MSR-store address")                                \
    FIELD(VMCS_EXIT_MSR_LOAD_ADDRESS, "VM-exit MSR-load address")                                  \
    FIELD(VMCS_ENTRY_MSR_LOAD_ADDRESS, "VM-entry MSR-load address")                                \
    FIELD(VMCS_PML_ADDRESS, "PML address")                                                         \
    FIELD(VMCS_TSC_OFFSET, "TSC offset")                                                           \
    FIELD(VMCS_VIRTUAL_APIC_ADDRESS, "virtual-APIC address")                                       \
    FIELD(VMCS_APIC_ACCESS_ADDRESS, "APIC-access address")                                         \
    FIELD(VMCS_POSTED_DESCRIPTOR, "posted-interrupt descriptor address")                           \
    FIELD(VMCS_VM_FUNCTIONS, "VM-function controls")                                               \
    FIELD(VMCS_EPT_POINTER, "EPT pointer")                                                         \
    FIELD(VMCS_EPTP_LIST_ADDRESS, "EPTP-list address")                                             \
    FIELD(VMCS_VMREAD_BITMAP, "VMREAD-bitmap address")                                             \
    FIELD(VMCS_VMWRITE_BITMAP, "VMWRITE-bitmap address")                                           \
    FIELD(VMCS_VE_INFORMATION, "virtualization-exception information address")                     \
    FIELD(VMCS_GUEST_PHYSICAL_ADDRESS, "guest-physical address")                                   \
    FIELD(VMCS_LINK_POINTER, "VMCS link pointer")                                                  \
    FIELD(VMCS_GUEST_DEBUGCTL, "guest IA32_DEBUGCTL")                                              \
    FIELD(VMCS_GUEST_PAT, "guest IA32_PAT")                                                        \
    FIELD(VMCS_GUEST_EFER, "guest IA32_EFER")                                                      \
    FIELD(VMCS_GUEST_PDPTE0, "guest PDPTE0")                                                       \
    FIELD(VMCS_GUEST_PDPTE0 + 2, "guest PDPTE1")                                                   \
    FIELD(VMCS_GUEST_PDPTE0 + 4, "guest PDPTE2")                                                   \
    FIELD(VMCS_GUEST_PDPTE0 + 6, "guest PDPTE3")                                                   \
    FIELD(VMCS_HOST_PAT, "host IA32_PAT")                                                          \
    FIELD(VMCS_HOST_EFER, "host IA32_EFER")                                                        \
    FIELD(VMCS_PIN_CONTROLS, "pin-based controls")                                                 \
    FIELD(VMCS_PROC_CONTROLS, "primary processor-based controls")                                  \
    FIELD(VMCS_EXCEPTION_BITMAP, "exception bitmap")                                               \
    FIELD(VMCS_PF_ERROR_MASK, "page-fault error-code mask")                                        \
    FIELD(VMCS_PF_ERROR_MATCH, "page-fault error-code match")                                      \
    FIELD(VMCS_CR3_TARGET_COUNT, "CR3-target count")                                               \
    FIELD(VMCS_EXIT_CONTROLS, "VM-exit controls")                                                  \
    FIELD(VMCS_EXIT_MSR_STORE_COUNT, "VM-exit MSR-store count")                                    \
    FIELD(VMCS_EXIT_MSR_LOAD_COUNT, "VM-exit MSR-load count")                                      \
    FIELD(VMCS_ENTRY_CONTROLS, "VM-entry controls")                                                \
    FIELD(VMCS_ENTRY_MSR_LOAD_COUNT, "VM-entry MSR-load count")                                    \
    FIELD(VMCS_ENTRY_EVENT, "VM-entry interruption information")                                   \
    FIELD(VMCS_ENTRY_EVENT_ERROR, "VM-entry exception error code")                                 \
    FIELD(VMCS_ENTRY_INSN_LENGTH, "VM-entry instruction length")                                   \
    FIELD(VMCS_TPR_THRESHOLD, "TPR threshold")                                                     \
    FIELD(VMCS_PROC_CONTROLS2, "secondary processor-based controls")                               \
    FIELD(VMCS_INSTRUCTION_ERROR, "VM-instruction error")                                          \
    FIELD(VMCS_EXIT_REASON, "exit reason")                                                         \
    FIELD(VMCS_EXIT_EVENT, "VM-exit interruption information")                                     \
    FIELD(VMCS_EXIT_EVENT_ERROR, "VM-exit interruption error code")                                \
    FIELD(VMCS_IDT_VECTORING, "IDT-vectoring information")                                         \
    FIELD(VMCS_IDT_VECTORING_ERROR, "IDT-vectoring error code")                                    \
    FIELD(VMCS_EXIT_INSN_LENGTH, "VM-exit instruction length")                                     \
    FIELD(VMCS_GUEST_ES_LIMIT, "guest ES limit")                                                   \
    FIELD(VMCS_GUEST_ES_LIMIT + 2, "guest CS limit")                                               \
    FIELD(VMCS_GUEST_ES_LIMIT + 4, "guest SS limit")                                               \
    FIELD(VMCS_GUEST_ES_LIMIT + 6, "guest DS limit")                                               \
    FIELD(VMCS_GUEST_ES_LIMIT + 8, "guest FS limit")                                               \
    FIELD(VMCS_GUEST_ES_LIMIT + 10, "guest GS limit")                                              \
    FIELD(VMCS_GUEST_ES_LIMIT + 12, "guest LDTR limit")                                            \
    FIELD(VMCS_GUEST_ES_LIMIT + 14, "guest TR limit")                                              \
    FIELD(VMCS_GUEST_GDTR_LIMIT, "guest GDTR limit")                                               \
    FIELD(VMCS_GUEST_IDTR_LIMIT, "guest IDTR limit")                                               \
    FIELD(VMCS_GUEST_ES_RIGHTS, "guest ES access rights")                                          \
    FIELD(VMCS_GUEST_ES_RIGHTS + 2, "guest CS access rights")                                      \
    FIELD(VMCS_GUEST_ES_RIGHTS + 4, "guest SS access rights")                                      \
    FIELD(VMCS_GUEST_ES_RIGHTS + 6, "guest DS access rights")                                      \
    FIELD(VMCS_GUEST_ES_RIGHTS + 8, "guest FS access rights")                                      \
    FIELD(VMCS_GUEST_ES_RIGHTS + 10, "guest GS access rights")                                     \
    FIELD(VMCS_GUEST_ES_RIGHTS + 12, "guest LDTR access rights")                                   \
    FIELD(VMCS_GUEST_ES_RIGHTS + 14, "guest TR access rights")                                     \
    FIELD(VMCS_GUEST_INTERRUPTIBILITY, "guest interruptibility state")                             \
    FIELD(VMCS_GUEST_ACTIVITY, "guest activity state")                                             \
    FIELD(VMCS_GUEST_SYSENTER_CS, "guest IA32_SYSENTER_CS")                                        \
    FIELD(VMCS_PREEMPTION_TIMER, "VMX-preemption timer value")                                     \
    FIELD(VMCS_HOST_SYSENTER_CS, "host IA32_SYSENTER_CS")                                          \
    FIELD(VMCS_CR0_MASK, "CR0 guest/host mask")                                                    \
    FIELD(VMCS_CR4_MASK, "CR4 guest/host mask")                                                    \
    FIELD(VMCS_CR0_SHADOW, "CR0 read shadow")                                                      \
    FIELD(VMCS_CR4_SHADOW, "CR4 read shadow")                                                      \
    FIELD(VMCS_EXIT_QUALIFICATION, "exit qualification")                                           \
    FIELD(VMCS_GUEST_LINEAR_ADDRESS, "guest-linear address")                                       \
    FIELD(VMCS_GUEST_CR0, "guest CR0")                                                             \
    FIELD(VMCS_GUEST_CR3, "guest CR3")                                                             \
    FIELD(VMCS_GUEST_CR4, "guest CR4")                                                             \
    FIELD(VMCS_GUEST_ES_BASE, "guest ES base")                                                     \
    FIELD(VMCS_GUEST_ES_BASE + 2, "guest CS base")                                                 \
    FIELD(VMCS_GUEST_ES_BASE + 4, "guest SS base")                                                 \
    FIELD(VMCS_GUEST_ES_BASE + 6, "guest DS base")                                                 \
    FIELD(VMCS_GUEST_ES_BASE + 8, "guest FS base")                                                 \
    FIELD(VMCS_GUEST_ES_BASE + 10, "guest GS base")                                                \
    FIELD(VMCS_GUEST_ES_BASE + 12, "guest LDTR base")                                              \
    FIELD(VMCS_GUEST_ES_BASE + 14, "guest TR base")                                                \
    FIELD(VMCS_GUEST_GDTR_BASE, "guest GDTR base")                                                 \
    FIELD(VMCS_GUEST_IDTR_BASE, "guest IDTR base")                                                 \
    FIELD(VMCS_GUEST_DR7, "guest DR7")                                                             \
    FIELD(VMCS_GUEST_RSP, "guest RSP")                                                             \
    FIELD(VMCS_GUEST_RIP, "guest RIP")                                                             \
    FIELD(VMCS_GUEST_RFLAGS, "guest RFLAGS")                                                       \
    FIELD(VMCS_GUEST_PENDING_DEBUG, "guest pending debug exceptions")                              \
    FIELD(VMCS_GUEST_SYSENTER_ESP, "guest IA32_SYSENTER_ESP")                                      \
    FIELD(VMCS_GUEST_SYSENTER_EIP, "guest IA32_SYSENTER_EIP")                                      \
    FIELD(VMCS_HOST_CR0, "host CR0")                                                               \
    FIELD(VMCS_HOST_CR3, "host CR3")                                                               \
    FIELD(VMCS_HOST_CR4, "host CR4")                                                               \
    FIELD(VMCS_HOST_FS_BASE, "host FS base")                                                       \
    FIELD(VMCS_HOST_GS_BASE, "host GS base")                                                       \
    FIELD(VMCS_HOST_TR_BASE, "host TR base")                                                       \
    FIELD(VMCS_HOST_GDTR_BASE, "host GDTR base")                                                   \
    FIELD(VMCS_HOST_IDTR_BASE, "host IDTR base")                                                   \
    FIELD(VMCS_HOST_SYSENTER_ESP, "host IA32_SYSENTER_ESP")                                        \
    FIELD(VMCS_HOST_SYSENTER_EIP, "host IA32_SYSENTER_EIP")                                        \
    FIELD(VMCS_HOST_RSP, "host RSP")                                                               \
    FIELD(VMCS_HOST_RIP, "host RIP")
/* clang-format on */

#define ENCODING(field, name) field,
static const u16 encodings[] = {FIELDS(ENCODING)};
/* The names, each ended by a 0. */
#define NAME(field, name) name "\0"
static const char names[] = FIELDS(NAME);

const char *vmcs_field_name(u32 field)
{
    const char *s = names;

    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        if (encodings[i] == field)
            return s;
        while (*s++)
            ;
    }
    return "unknown field";
}

u32 vmcs_next_field(u32 after)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++)
        if (encodings[i] > after)
            return encodings[i];
    return VMCS_NO_FIELD;
}
