// sources: src/cpu/vmx/check/entry_check.c src/cpu/vmx/check/entry_check_controls.c
// sources: src/cpu/vmx/check/entry_check_host.c src/cpu/vmx/check/entry_check_injection.c
// sources: src/cpu/vmx/check/entry_check_other.c src/cpu/vmx/check/entry_check_registers.c
// sources: src/cpu/vmx/check/entry_check_segments.c src/cpu/vmx/field_names.c src/core/format.c
/*
 * The manual's checks of a VM entry: a good state breaks no rule, and for every rule there is a
 * state that breaks just that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/vmx/check/entry_check.h"
#include "../../src/cpu/vmx/vmcs.h"
#include "log.h"
#include "virt.h"
#include "x86.h"

enum {
    FIELDS = 0x7000,
    MEMORY_WORDS = 512, /* a page at MEMORY */
    MEMORY = 0x5000,
    REVISION = 0x12,
    MAXPHYADDR = 40,
    RIGHTS_DATA = 0x93,     /* accessed, writable, present */
    RIGHTS_DATA3 = 0xf3,    /* the same of ring 3 */
    RIGHTS_CODE64 = 0xa09b, /* accessed, readable, present, L, G */
    RIGHTS_CODE32 = 0xc09b, /* accessed, readable, present, D, G */
    RIGHTS_TSS = 0x8b,      /* busy */
    RIGHTS_LDT = 0x82,      /* present */
    RIGHTS_UNUSABLE = 1 << 16,
};
#define NOT_CANONICAL 0x800000000000ULL
#define TOO_WIDE      (1ULL << MAXPHYADDR)
#define PAGE          0x3000ULL
#define ALL_MAY_BE_1  0xffffffff00000000ULL

/* The world that is checked. */
static struct {
    u64 field[FIELDS];
    u64 memory[MEMORY_WORDS];
    struct entry_machine machine;
} w;

static struct {
    enum entry_rule rule; /* the last one found broken */
    u32 field;
    char sentence[240];
} found;

static u64 read_field(void *context, u32 field)
{
    (void)context;
    assert_true(field < FIELDS);
    return w.field[field];
}

static bool read_memory(void *context, u64 address, u64 *value)
{
    (void)context;
    if (address < MEMORY || address >= MEMORY + sizeof(w.memory))
        return false;
    *value = w.memory[(address - MEMORY) / sizeof(u64)];
    return true;
}

static void broken(void *context, enum entry_rule rule, u32 field, const char *sentence)
{
    (void)context;
    found.rule = rule;
    found.field = field;
    format_text(found.sentence, sizeof(found.sentence), "%s", sentence);
}

static unsigned check(void)
{
    struct entry_check c = {
        .machine = &w.machine, .read = read_field, .read_memory = read_memory, .broken = broken};

    return entry_check(&c);
}

static void set_segment(unsigned s, u64 selector, u64 base, u64 limit, u64 rights)
{
    w.field[VMCS_GUEST_ES_SELECTOR + 2 * s] = selector;
    w.field[VMCS_GUEST_ES_BASE + 2 * s] = base;
    w.field[VMCS_GUEST_ES_LIMIT + 2 * s] = limit;
    w.field[VMCS_GUEST_ES_RIGHTS + 2 * s] = rights;
}

static void good_host(void)
{
    w.field[VMCS_HOST_CR0] = CR0_PE | CR0_NE | CR0_PG;
    w.field[VMCS_HOST_CR4] = CR4_PAE | CR4_VMXE;
    w.field[VMCS_HOST_EFER] = EFER_LMA | EFER_LME;
    w.field[VMCS_HOST_PAT] = 0x0007040600070406ULL;
    w.field[VMCS_HOST_CS_SELECTOR] = 8;
    w.field[VMCS_HOST_SS_SELECTOR] = 16;
    w.field[VMCS_HOST_TR_SELECTOR] = 24;
    w.field[VMCS_HOST_RIP] = 0xffff828000200000ULL;
    w.field[VMCS_EXIT_CONTROLS] = EXITC_HOST_64BIT | EXITC_LOAD_EFER | EXITC_LOAD_PAT;
}

static void good_machine(void)
{
    struct entry_machine *m = &w.machine;

    m->pin = m->proc = m->proc2 = m->exit = m->entry = ALL_MAY_BE_1;
    m->cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG;
    m->cr0_fixed1 = 0xffffffff;
    m->cr4_fixed0 = CR4_VMXE;
    m->cr4_fixed1 = 0x3fffff;
    m->basic = REVISION;
    m->misc = 4 << 16 | 7 << 6;
    m->ept_vpid = EPTCAP_WRITE_BACK;
    m->vmfunc = 1;
    m->maxphyaddr = MAXPHYADDR;
}

/* A 64-bit guest's kernel under EPT, unrestricted. */
static void good_ept(void)
{
    memset(&w, 0, sizeof(w));
    good_machine();
    good_host();
    w.field[VMCS_PIN_CONTROLS] = PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING;
    w.field[VMCS_PROC_CONTROLS] = PROC_MSR_BITMAPS | PROC_SECONDARY;
    w.field[VMCS_PROC_CONTROLS2] = PROC2_EPT | PROC2_UNRESTRICTED_GUEST | PROC2_VPID;
    w.field[VMCS_VPID] = 1;
    w.field[VMCS_EPT_POINTER] = PAGE | EPTP_LEVELS_4 | EPTP_WRITE_BACK;
    w.field[VMCS_ENTRY_CONTROLS] =
        ENTRYC_IA32E_GUEST | ENTRYC_LOAD_EFER | ENTRYC_LOAD_DEBUG | ENTRYC_LOAD_PAT;
    w.field[VMCS_GUEST_CR0] = CR0_PE | CR0_NE | CR0_PG;
    w.field[VMCS_GUEST_CR4] = CR4_PAE | CR4_VMXE;
    w.field[VMCS_GUEST_EFER] = EFER_LMA | EFER_LME;
    w.field[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_IF;
    w.field[VMCS_LINK_POINTER] = ~0ULL;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        set_segment(s, 0x10, 0, 0xffff, RIGHTS_DATA);
    set_segment(SEG_CS, 8, 0, 0xffffffff, RIGHTS_CODE64);
    set_segment(SEG_LDTR, 0x20, 0, 0xf, RIGHTS_LDT);
    set_segment(SEG_TR, 0x18, 0, 0x67, RIGHTS_TSS);
}

/* The same under shadow paging: restricted, no EPT. */
static void good_shadow(void)
{
    good_ept();
    w.field[VMCS_PROC_CONTROLS2] = PROC2_VPID;
}

static void good_32bit(void)
{
    w.field[VMCS_ENTRY_CONTROLS] &= ~(u64)ENTRYC_IA32E_GUEST;
    w.field[VMCS_GUEST_EFER] = 0;
    w.field[VMCS_GUEST_CS_RIGHTS] = RIGHTS_CODE32;
}

/* A 32-bit guest with PAE, whose PDPTEs are in the VMCS, or in memory. */
static void good_pae_ept(void)
{
    good_ept();
    good_32bit();
}
static void good_pae_shadow(void)
{
    good_shadow();
    good_32bit();
    w.field[VMCS_GUEST_CR3] = MEMORY;
}

/* An unrestricted guest in real mode. */
static void good_real(void)
{
    good_ept();
    good_32bit();
    w.field[VMCS_GUEST_CR0] = CR0_NE;
    w.field[VMCS_GUEST_CS_RIGHTS] = RIGHTS_DATA;
    w.field[VMCS_GUEST_ES_LIMIT + 2 * SEG_CS] = 0xffff;
}

/* Virtual-8086 mode. */
static void good_v86(void)
{
    good_pae_shadow();
    w.field[VMCS_GUEST_RFLAGS] |= RFLAGS_VM;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        set_segment(s, 0x1000, 0x10000, 0xffff, RIGHTS_DATA3);
}

static void good_v86_unpaged(void)
{
    good_v86();
    w.field[VMCS_PROC_CONTROLS2] = PROC2_EPT | PROC2_UNRESTRICTED_GUEST;
    w.field[VMCS_GUEST_CR0] = CR0_PE | CR0_NE;
}

/* Ring 3 of the restricted guest. */
static void good_user(void)
{
    good_shadow();
    set_segment(SEG_CS, 0xb, 0, 0xffffffff, RIGHTS_CODE64 | 3 << 5);
    set_segment(SEG_SS, 0x13, 0, 0xffff, RIGHTS_DATA3);
}

/* Interrupts posted to the guest. */
static void good_posted(void)
{
    good_ept();
    w.field[VMCS_PIN_CONTROLS] |= PIN_POSTED_INTERRUPTS;
    w.field[VMCS_PROC_CONTROLS] |= PROC_TPR_SHADOW;
    w.field[VMCS_PROC_CONTROLS2] |= PROC2_VIRTUAL_INTERRUPTS;
    w.field[VMCS_EXIT_CONTROLS] |= EXITC_ACKNOWLEDGE_INTERRUPT;
}

/* A host of 32 bits: of itself a broken rule here, where the host always has 64. */
static void good_host32(void)
{
    good_ept();
    w.field[VMCS_EXIT_CONTROLS] &= ~(u64)EXITC_HOST_64BIT;
    w.field[VMCS_HOST_EFER] = 0;
}

/* One way to break a rule: from a good state, up to three changes. */
struct change {
    u64 *where;
    u64 set, clear;
};
struct breaking {
    enum entry_rule rule;
    void (*good)(void);
    struct change change[4];
};
#define SET(f, v)                                                                                  \
    {                                                                                              \
        &w.field[f], (v), ~0ULL                                                                    \
    }
#define OR(f, v)                                                                                   \
    {                                                                                              \
        &w.field[f], (v), 0                                                                        \
    }
#define CLEAR(f, v)                                                                                \
    {                                                                                              \
        &w.field[f], 0, (v)                                                                        \
    }
#define MACHINE(m, v)                                                                              \
    {                                                                                              \
        &w.machine.m, (v), ~0ULL                                                                   \
    }
#define EVENT(type, vector) (EVENT_VALID | (type) << EVENT_TYPE_SHIFT | (vector))
#define PROC2(bits)         OR(VMCS_PROC_CONTROLS2, bits)
#define PROC(bits)          OR(VMCS_PROC_CONTROLS, bits)
#define PIN(bits)           OR(VMCS_PIN_CONTROLS, bits)
#define BOTH_INTERRUPTS     PROC2(PROC2_VIRTUAL_INTERRUPTS), PROC(PROC_TPR_SHADOW)
#define RIGHTS(s)           (VMCS_GUEST_ES_RIGHTS + 2 * (s))
#define LIMIT(s)            (VMCS_GUEST_ES_LIMIT + 2 * (s))
#define BASE(s)             (VMCS_GUEST_ES_BASE + 2 * (s))
#define SELECTOR(s)         (VMCS_GUEST_ES_SELECTOR + 2 * (s))

static const struct breaking cases[] = {
    {RULE_PIN_ALLOWED, good_ept, {MACHINE(pin, ALL_MAY_BE_1 | 0x16)}},
    {RULE_PROC_ALLOWED, good_ept, {MACHINE(proc, ALL_MAY_BE_1 | 2)}},
    {RULE_PROC2_ALLOWED, good_ept, {MACHINE(proc2, 0xa0ULL << 32)}},
    {RULE_CR3_TARGETS, good_ept, {SET(VMCS_CR3_TARGET_COUNT, 5)}},
    {RULE_IO_BITMAP_A, good_ept, {PROC(PROC_IO_BITMAPS), SET(VMCS_IO_BITMAP_A, PAGE + 8)}},
    {RULE_IO_BITMAP_B, good_ept, {PROC(PROC_IO_BITMAPS), SET(VMCS_IO_BITMAP_B, TOO_WIDE)}},
    {RULE_MSR_BITMAP, good_ept, {SET(VMCS_MSR_BITMAP, 0x800)}},
    {RULE_VIRTUAL_APIC, good_ept, {PROC(PROC_TPR_SHADOW), SET(VMCS_VIRTUAL_APIC_ADDRESS, 1)}},
    {RULE_TPR_THRESHOLD_HIGH, good_ept, {PROC(PROC_TPR_SHADOW), SET(VMCS_TPR_THRESHOLD, 0x10)}},
    {RULE_TPR_THRESHOLD_VTPR,
     good_ept,
     {PROC(PROC_TPR_SHADOW), SET(VMCS_VIRTUAL_APIC_ADDRESS, MEMORY), SET(VMCS_TPR_THRESHOLD, 3)}},
    {RULE_NO_TPR_SHADOW, good_ept, {PROC2(PROC2_APIC_REGISTERS)}},
    {RULE_VIRTUAL_NMIS, good_ept, {SET(VMCS_PIN_CONTROLS, PIN_VIRTUAL_NMIS)}},
    {RULE_NMI_WINDOW, good_ept, {PROC(PROC_NMI_WINDOW)}},
    {RULE_APIC_ACCESS, good_ept, {PROC2(PROC2_APIC_ACCESSES), SET(VMCS_APIC_ACCESS_ADDRESS, 1)}},
    {RULE_X2APIC, good_ept, {PROC(PROC_TPR_SHADOW), PROC2(PROC2_X2APIC | PROC2_APIC_ACCESSES)}},
    {RULE_VIRTUAL_INTERRUPTS,
     good_ept,
     {BOTH_INTERRUPTS, CLEAR(VMCS_PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING)}},
    {RULE_POSTED_DELIVERY,
     good_ept,
     {PIN(PIN_POSTED_INTERRUPTS), OR(VMCS_EXIT_CONTROLS, EXITC_ACKNOWLEDGE_INTERRUPT)}},
    {RULE_POSTED_ACKNOWLEDGE, good_ept, {BOTH_INTERRUPTS, PIN(PIN_POSTED_INTERRUPTS)}},
    {RULE_POSTED_VECTOR, good_posted, {SET(VMCS_POSTED_VECTOR, 256)}},
    {RULE_POSTED_DESCRIPTOR, good_posted, {SET(VMCS_POSTED_DESCRIPTOR, 0x20)}},
    {RULE_VPID_ZERO, good_ept, {SET(VMCS_VPID, 0)}},
    {RULE_EPTP_TYPE, good_ept, {SET(VMCS_EPT_POINTER, PAGE | EPTP_LEVELS_4)}},
    {RULE_EPTP_LEVELS, good_ept, {SET(VMCS_EPT_POINTER, PAGE | EPTP_WRITE_BACK)}},
    {RULE_EPTP_FLAGS, good_ept, {OR(VMCS_EPT_POINTER, 1 << 6)}},
    {RULE_EPTP_RESERVED, good_ept, {OR(VMCS_EPT_POINTER, 1 << 8)}},
    {RULE_EPTP_RESERVED, good_ept, {OR(VMCS_EPT_POINTER, TOO_WIDE)}},
    {RULE_PML_EPT, good_shadow, {PROC2(PROC2_PML)}},
    {RULE_PML_ADDRESS, good_ept, {PROC2(PROC2_PML), SET(VMCS_PML_ADDRESS, 8)}},
    {RULE_UNRESTRICTED_EPT, good_ept, {CLEAR(VMCS_PROC_CONTROLS2, PROC2_EPT)}},
    {RULE_MODE_BASED_EPT, good_shadow, {PROC2(PROC2_MODE_BASED_EXECUTE)}},
    {RULE_VM_FUNCTIONS, good_ept, {PROC2(PROC2_VM_FUNCTIONS), SET(VMCS_VM_FUNCTIONS, 2)}},
    {RULE_EPTP_SWITCHING_EPT, good_shadow, {PROC2(PROC2_VM_FUNCTIONS), SET(VMCS_VM_FUNCTIONS, 1)}},
    {RULE_EPTP_LIST,
     good_ept,
     {PROC2(PROC2_VM_FUNCTIONS), SET(VMCS_VM_FUNCTIONS, 1), SET(VMCS_EPTP_LIST_ADDRESS, 1)}},
    {RULE_VMREAD_BITMAP, good_ept, {PROC2(PROC2_VMCS_SHADOWING), SET(VMCS_VMREAD_BITMAP, 1)}},
    {RULE_VMWRITE_BITMAP, good_ept, {PROC2(PROC2_VMCS_SHADOWING), SET(VMCS_VMWRITE_BITMAP, 1)}},
    {RULE_VE_INFORMATION, good_ept, {PROC2(PROC2_VE), SET(VMCS_VE_INFORMATION, TOO_WIDE)}},
    {RULE_EXIT_ALLOWED, good_ept, {MACHINE(exit, ALL_MAY_BE_1 | 4)}},
    {RULE_SAVE_TIMER, good_ept, {OR(VMCS_EXIT_CONTROLS, EXITC_SAVE_TIMER)}},
    {RULE_EXIT_MSR_STORE,
     good_ept,
     {SET(VMCS_EXIT_MSR_STORE_COUNT, 1), SET(VMCS_EXIT_MSR_STORE_ADDRESS, 8)}},
    {RULE_EXIT_MSR_LOAD,
     good_ept,
     {SET(VMCS_EXIT_MSR_LOAD_COUNT, 2), SET(VMCS_EXIT_MSR_LOAD_ADDRESS, TOO_WIDE - 16)}},
    {RULE_ENTRY_ALLOWED, good_ept, {MACHINE(entry, 0xc204ULL << 32 | 0x11fb)}},
    {RULE_EVENT_TYPE, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(1, 32))}},
    {RULE_EVENT_TYPE,
     good_ept,
     {SET(VMCS_ENTRY_EVENT, EVENT(7, 0)), MACHINE(proc, 0xf0000000ULL << 32)}},
    {RULE_EVENT_NMI, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_NMI, 3))}},
    {RULE_EVENT_EXCEPTION, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, 32))}},
    {RULE_EVENT_OTHER, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(7, 1))}},
    {RULE_EVENT_ERROR, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, VEC_GP))}},
    {RULE_EVENT_ERROR,
     good_ept,
     {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, VEC_UD) | EVENT_HAS_ERROR)}},
    {RULE_EVENT_ERROR_REAL,
     good_real,
     {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, VEC_GP) | EVENT_HAS_ERROR)}},
    {RULE_EVENT_RESERVED, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_INTERRUPT, 32) | 1 << 13)}},
    {RULE_EVENT_ERROR_HIGH,
     good_ept,
     {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, VEC_PF) | EVENT_HAS_ERROR),
      SET(VMCS_ENTRY_EVENT_ERROR, 0x10000)}},
    {RULE_EVENT_LENGTH, good_ept, {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_SOFT_INT, 0x80))}},
    {RULE_ENTRY_MSR_LOAD,
     good_ept,
     {SET(VMCS_ENTRY_MSR_LOAD_COUNT, 1), SET(VMCS_ENTRY_MSR_LOAD_ADDRESS, 8)}},
    {RULE_ENTRY_SMM, good_ept, {OR(VMCS_ENTRY_CONTROLS, ENTRYC_TO_SMM)}},
    {RULE_HOST_CR0, good_ept, {CLEAR(VMCS_HOST_CR0, CR0_NE)}},
    {RULE_HOST_CR4, good_ept, {CLEAR(VMCS_HOST_CR4, CR4_VMXE)}},
    {RULE_HOST_CR3, good_ept, {SET(VMCS_HOST_CR3, TOO_WIDE)}},
    {RULE_HOST_SYSENTER, good_ept, {SET(VMCS_HOST_SYSENTER_ESP, NOT_CANONICAL)}},
    {RULE_HOST_SYSENTER, good_ept, {SET(VMCS_HOST_SYSENTER_EIP, NOT_CANONICAL)}},
    {RULE_HOST_PAT, good_ept, {SET(VMCS_HOST_PAT, 0x0200)}},
    {RULE_HOST_EFER_RESERVED, good_ept, {OR(VMCS_HOST_EFER, 2)}},
    {RULE_HOST_EFER_SIZE, good_ept, {SET(VMCS_HOST_EFER, EFER_LME)}},
    {RULE_HOST_SELECTOR, good_ept, {SET(VMCS_HOST_ES_SELECTOR, 3)}},
    {RULE_HOST_SELECTOR, good_ept, {SET(VMCS_HOST_TR_SELECTOR, 0x1c)}},
    {RULE_HOST_CS_NULL, good_ept, {SET(VMCS_HOST_CS_SELECTOR, 0)}},
    {RULE_HOST_TR_NULL, good_ept, {SET(VMCS_HOST_TR_SELECTOR, 0)}},
    {RULE_HOST_SS_NULL, good_host32, {SET(VMCS_HOST_SS_SELECTOR, 0)}},
    {RULE_HOST_BASE, good_ept, {SET(VMCS_HOST_TR_BASE, NOT_CANONICAL)}},
    {RULE_HOST_BASE, good_ept, {SET(VMCS_HOST_IDTR_BASE, NOT_CANONICAL)}},
    {RULE_HOST_SIZE,
     good_ept,
     {CLEAR(VMCS_EXIT_CONTROLS, EXITC_HOST_64BIT), SET(VMCS_HOST_EFER, 0)}},
    {RULE_HOST_PAE, good_ept, {CLEAR(VMCS_HOST_CR4, CR4_PAE)}},
    {RULE_HOST_RIP, good_ept, {SET(VMCS_HOST_RIP, NOT_CANONICAL)}},
    {RULE_GUEST_CR0, good_shadow, {CLEAR(VMCS_GUEST_CR0, CR0_NE)}},
    {RULE_GUEST_PG_PE, good_ept, {CLEAR(VMCS_GUEST_CR0, CR0_PE)}},
    {RULE_GUEST_CR4, good_ept, {OR(VMCS_GUEST_CR4, 1ULL << 30)}},
    {RULE_GUEST_DEBUGCTL, good_ept, {SET(VMCS_GUEST_DEBUGCTL, 8)}},
    {RULE_GUEST_IA32E_PG, good_ept, {CLEAR(VMCS_GUEST_CR0, CR0_PG)}},
    {RULE_GUEST_IA32E_PAE, good_ept, {CLEAR(VMCS_GUEST_CR4, CR4_PAE)}},
    {RULE_GUEST_PCIDE, good_pae_ept, {OR(VMCS_GUEST_CR4, CR4_PCIDE)}},
    {RULE_GUEST_CR3, good_ept, {SET(VMCS_GUEST_CR3, TOO_WIDE)}},
    {RULE_GUEST_DR7, good_ept, {SET(VMCS_GUEST_DR7, 1ULL << 32)}},
    {RULE_GUEST_SYSENTER, good_ept, {SET(VMCS_GUEST_SYSENTER_EIP, NOT_CANONICAL)}},
    {RULE_GUEST_PAT, good_ept, {SET(VMCS_GUEST_PAT, 3)}},
    {RULE_GUEST_EFER_RESERVED, good_ept, {OR(VMCS_GUEST_EFER, 1 << 1)}},
    {RULE_GUEST_EFER_LMA, good_ept, {SET(VMCS_GUEST_EFER, 0)}},
    {RULE_GUEST_EFER_LME, good_ept, {SET(VMCS_GUEST_EFER, EFER_LMA)}},
    {RULE_TR_TI, good_ept, {SET(VMCS_GUEST_TR_SELECTOR, 4)}},
    {RULE_LDTR_TI, good_ept, {SET(VMCS_GUEST_LDTR_SELECTOR, 4)}},
    {RULE_SS_RPL, good_user, {SET(VMCS_GUEST_CS_SELECTOR, 8)}},
    {RULE_V86_BASE, good_v86, {SET(VMCS_GUEST_ES_BASE, 0)}},
    {RULE_SYSTEM_BASE, good_ept, {SET(VMCS_GUEST_TR_BASE, NOT_CANONICAL)}},
    {RULE_SYSTEM_BASE, good_ept, {SET(VMCS_GUEST_LDTR_BASE, NOT_CANONICAL)}},
    {RULE_SYSTEM_BASE, good_ept, {SET(VMCS_GUEST_GS_BASE, NOT_CANONICAL)}},
    {RULE_CODE_BASE, good_ept, {SET(VMCS_GUEST_CS_BASE, 1ULL << 32)}},
    {RULE_CODE_BASE, good_ept, {SET(BASE(SEG_DS), 1ULL << 32)}},
    {RULE_V86_LIMIT, good_v86, {SET(LIMIT(SEG_GS), 0xfffff)}},
    {RULE_V86_RIGHTS, good_v86, {SET(VMCS_GUEST_SS_RIGHTS, RIGHTS_DATA)}},
    {RULE_CS_TYPE, good_ept, {CLEAR(VMCS_GUEST_CS_RIGHTS, 1)}},
    {RULE_CS_TYPE, good_shadow, {SET(VMCS_GUEST_CS_RIGHTS, RIGHTS_DATA | 0xa000)}},
    {RULE_SS_TYPE, good_ept, {SET(VMCS_GUEST_SS_RIGHTS, 0x91)}},
    {RULE_DATA_ACCESSED, good_ept, {CLEAR(RIGHTS(SEG_FS), 1)}},
    {RULE_DATA_READABLE, good_ept, {SET(RIGHTS(SEG_GS), 0x99)}},
    {RULE_SEGMENT_S, good_ept, {CLEAR(RIGHTS(SEG_DS), 1 << 4)}},
    {RULE_CS_DPL_DATA, good_real, {SET(VMCS_GUEST_CS_RIGHTS, RIGHTS_DATA3)}},
    {RULE_CS_DPL, good_ept, {OR(VMCS_GUEST_CS_RIGHTS, 3 << 5)}},
    {RULE_CS_DPL_CONFORMING, good_ept, {OR(VMCS_GUEST_CS_RIGHTS, 3 << 5 | 4)}},
    {RULE_SS_DPL,
     good_user,
     {SET(VMCS_GUEST_SS_RIGHTS, RIGHTS_DATA), SET(VMCS_GUEST_CS_RIGHTS, RIGHTS_CODE64)}},
    {RULE_SS_DPL_REAL, good_real, {SET(VMCS_GUEST_SS_RIGHTS, RIGHTS_DATA3)}},
    {RULE_DATA_DPL, good_shadow, {SET(SELECTOR(SEG_ES), 0x13)}},
    {RULE_SEGMENT_P, good_ept, {CLEAR(RIGHTS(SEG_ES), 1 << 7)}},
    {RULE_SEGMENT_RESERVED, good_ept, {OR(RIGHTS(SEG_CS), 1 << 8)}},
    {RULE_SEGMENT_RESERVED, good_ept, {OR(RIGHTS(SEG_TR), 1 << 17)}},
    {RULE_CS_LONG, good_ept, {OR(VMCS_GUEST_CS_RIGHTS, 1 << 14)}},
    {RULE_LIMIT_FINE, good_ept, {SET(LIMIT(SEG_CS), 0xfffff000)}},
    {RULE_LIMIT_COARSE, good_ept, {SET(LIMIT(SEG_SS), 0xffffffff)}},
    {RULE_TR_TYPE, good_ept, {SET(VMCS_GUEST_TR_RIGHTS, 0x83)}},
    {RULE_TR_TYPE, good_pae_ept, {SET(VMCS_GUEST_TR_RIGHTS, 0x89)}},
    {RULE_TR_USABLE, good_ept, {OR(VMCS_GUEST_TR_RIGHTS, RIGHTS_UNUSABLE)}},
    {RULE_LDTR_TYPE, good_ept, {SET(VMCS_GUEST_LDTR_RIGHTS, 0x83)}},
    {RULE_SYSTEM_S, good_ept, {OR(VMCS_GUEST_TR_RIGHTS, 1 << 4)}},
    {RULE_SYSTEM_S, good_ept, {OR(VMCS_GUEST_LDTR_RIGHTS, 1 << 4)}},
    {RULE_TABLE_BASE, good_ept, {SET(VMCS_GUEST_GDTR_BASE, NOT_CANONICAL)}},
    {RULE_TABLE_BASE, good_ept, {SET(VMCS_GUEST_IDTR_BASE, NOT_CANONICAL)}},
    {RULE_TABLE_LIMIT, good_ept, {SET(VMCS_GUEST_GDTR_LIMIT, 0x10000)}},
    {RULE_TABLE_LIMIT, good_ept, {SET(VMCS_GUEST_IDTR_LIMIT, 0x10000)}},
    {RULE_RIP_32, good_pae_ept, {SET(VMCS_GUEST_RIP, 1ULL << 32)}},
    {RULE_RIP_64, good_ept, {SET(VMCS_GUEST_RIP, 1ULL << 48)}},
    {RULE_RFLAGS_RESERVED, good_ept, {SET(VMCS_GUEST_RFLAGS, 0)}},
    {RULE_RFLAGS_RESERVED, good_ept, {OR(VMCS_GUEST_RFLAGS, 1 << 15)}},
    {RULE_RFLAGS_VM, good_v86_unpaged, {CLEAR(VMCS_GUEST_CR0, CR0_PE)}},
    {RULE_RFLAGS_IF,
     good_ept,
     {CLEAR(VMCS_GUEST_RFLAGS, RFLAGS_IF), SET(VMCS_ENTRY_EVENT, EVENT(VIRT_INTERRUPT, 32))}},
    {RULE_ACTIVITY_KNOWN, good_ept, {SET(VMCS_GUEST_ACTIVITY, 4)}},
    {RULE_ACTIVITY_KNOWN, good_ept, {SET(VMCS_GUEST_ACTIVITY, 2), MACHINE(misc, 4 << 16)}},
    {RULE_ACTIVITY_HLT_CPL, good_user, {SET(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT)}},
    {RULE_ACTIVITY_BLOCKED,
     good_ept,
     {SET(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT), SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI)}},
    {RULE_ACTIVITY_HLT_EVENT,
     good_ept,
     {SET(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT),
      SET(VMCS_ENTRY_EVENT, EVENT(VIRT_EXCEPTION, VEC_UD))}},
    {RULE_ACTIVITY_SHUTDOWN_EVENT,
     good_ept,
     {SET(VMCS_GUEST_ACTIVITY, ACTIVITY_SHUTDOWN),
      SET(VMCS_ENTRY_EVENT, EVENT(VIRT_INTERRUPT, 32))}},
    {RULE_ACTIVITY_SIPI_EVENT,
     good_ept,
     {SET(VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_FOR_SIPI),
      SET(VMCS_ENTRY_EVENT, EVENT(VIRT_NMI, VEC_NMI))}},
    {RULE_BLOCKING_RESERVED, good_ept, {SET(VMCS_GUEST_INTERRUPTIBILITY, 1 << 5)}},
    {RULE_BLOCKING_BOTH,
     good_ept,
     {SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)}},
    {RULE_BLOCKING_STI_IF,
     good_ept,
     {CLEAR(VMCS_GUEST_RFLAGS, RFLAGS_IF), SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI)}},
    {RULE_BLOCKING_INTERRUPT,
     good_ept,
     {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_INTERRUPT, 32)),
      SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI)}},
    {RULE_BLOCKING_NMI,
     good_ept,
     {SET(VMCS_ENTRY_EVENT, EVENT(VIRT_NMI, VEC_NMI)),
      SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_MOV_SS)}},
    {RULE_BLOCKING_SMI, good_ept, {SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_SMI)}},
    {RULE_BLOCKING_VIRTUAL_NMI,
     good_ept,
     {PIN(PIN_VIRTUAL_NMIS), SET(VMCS_ENTRY_EVENT, EVENT(VIRT_NMI, VEC_NMI)),
      SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_NMI)}},
    {RULE_BLOCKING_ENCLAVE,
     good_ept,
     {SET(VMCS_GUEST_INTERRUPTIBILITY, ENCLAVE_INTERRUPTION | BLOCKED_BY_MOV_SS)}},
    {RULE_PENDING_RESERVED, good_ept, {SET(VMCS_GUEST_PENDING_DEBUG, 1 << 4)}},
    {RULE_PENDING_STEP,
     good_ept,
     {OR(VMCS_GUEST_RFLAGS, RFLAGS_TF), SET(VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI)}},
    {RULE_PENDING_NO_STEP,
     good_ept,
     {SET(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS), SET(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT)}},
    {RULE_LINK_ADDRESS, good_ept, {SET(VMCS_LINK_POINTER, 8)}},
    {RULE_LINK_REVISION, good_ept, {SET(VMCS_LINK_POINTER, MEMORY)}},
    {RULE_PDPTE_MEMORY, good_pae_shadow, {{&w.memory[3], PTE_P | PTE_W, 0}}},
    {RULE_PDPTE_FIELD, good_pae_ept, {SET(VMCS_GUEST_PDPTE0 + 4, PTE_P | TOO_WIDE)}},
};

static void make(const struct breaking *b)
{
    b->good();
    for (const struct change *x = b->change; x < b->change + ARRAY_SIZE(b->change) && x->where; x++)
        *x->where = (*x->where & ~x->clear) | x->set;
}

/* A state that is good breaks nothing. */
static void good_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].good == good_host32)
            continue; /* which is broken in one respect: see below */
        cases[i].good();
        unsigned n = check();
        if (n)
            print_error("rule %u: %s\n", found.rule, found.sentence);
        assert_int_equal(n, 0);
    }
}

/* Each case breaks its rule and no other. */
static void each_breaks_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned expected = cases[i].good == good_host32 ? 2 : 1;
        make(&cases[i]);
        unsigned n = check();
        if (n != expected || (expected == 1 && found.rule != cases[i].rule))
            print_error("case %zu, rule %u (%s): %u broken, the last %u: %s\n", i, cases[i].rule,
                        entry_rule_wanted(cases[i].rule), n, found.rule, found.sentence);
        assert_int_equal(n, expected);
        if (expected == 1)
            assert_int_equal(found.rule, cases[i].rule);
    }
}

/* No rule is left out. */
static void every_rule(void **state)
{
    bool seen[ENTRY_RULES] = {false};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        seen[cases[i].rule] = true;
    for (unsigned r = 0; r < ENTRY_RULES; r++) {
        if (!seen[r])
            print_error("no case for rule %u: %s\n", r, entry_rule_wanted(r));
        assert_true(seen[r]);
        assert_string_not_equal(entry_rule_section(r), "");
    }
}

/* The sentence names field, value and what was wanted. */
static void sentence(void **state)
{
    (void)state;
    good_ept();
    w.field[VMCS_GUEST_RFLAGS] = 0x8000;
    assert_int_equal(check(), 1);
    assert_string_equal(found.sentence,
                        "guest RFLAGS (field 0x6820) is 0x8000; wanted: bit 1 is 1, bits 3, 5, 15 "
                        "and 63:22 are 0, so bits 0x2 must be 1 and bits 0x8000 must be 0");
    assert_int_equal(found.field, VMCS_GUEST_RFLAGS);
    assert_string_equal(entry_rule_section(found.rule), "Checks on Guest RIP, RFLAGS, and SSP");
    assert_string_equal(vmcs_field_name(VMCS_GUEST_CS_RIGHTS), "guest CS access rights");
    assert_string_equal(vmcs_field_name(0x7ffe), "unknown field");
}

/* The short check sees what an event can break, and nothing else. */
static void event_alone(void **state)
{
    struct entry_check c = {
        .machine = &w.machine, .read = read_field, .read_memory = read_memory, .broken = broken};

    (void)state;
    good_ept();
    assert_int_equal(entry_check_event(&c), 0);
    w.field[VMCS_ENTRY_EVENT] = EVENT(VIRT_NMI, 3);
    w.field[VMCS_HOST_CR0] = 0;
    assert_int_equal(entry_check_event(&c), 1);
    assert_int_equal(found.rule, RULE_EVENT_NMI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_states), cmocka_unit_test(each_breaks_one),
        cmocka_unit_test(every_rule),  cmocka_unit_test(sentence),
        cmocka_unit_test(event_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
