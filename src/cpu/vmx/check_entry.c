/*
 * The manual's checks of a VM entry (check/), made on the current VMCS: in a debug build before
 * each entry for which more was written than the next RIP and the time, and after a failed entry
 * always.
 *
 * Debug builds only: `vmcs=FIELD:VALUE` on the hypervisor's command line (numbers as 0x6820) writes
 * this value to the field before the first entry, to see what becomes of it.
 */
#include "boot.h"
#include "check/entry_check.h"
#include "frame.h"
#include "insn.h"
#include "layout.h"
#include "log.h"
#include "machine.h"
#include "vmx.h"
#include "x86.h"

/* "CPUID": physical address bits in EAX[7:0] */
#define LEAF_ADDRESS_SIZES 0x80000008u

/* What a check found, for the domain's report. */
struct findings {
    char *first; /* receives the first sentence */
    size_t size; /* room in it */
};

static const struct entry_machine *this_machine(void)
{
    static struct entry_machine m;
    if (m.pin)
        return &m;
    bool fine = rdmsr(MSR_VMX_BASIC) & VMX_BASIC_TRUE;
    m.basic = rdmsr(MSR_VMX_BASIC);
    m.misc = rdmsr(MSR_VMX_MISC);
    m.pin = rdmsr(fine ? MSR_VMX_TRUE_PINBASED : MSR_VMX_PINBASED);
    m.proc = rdmsr(fine ? MSR_VMX_TRUE_PROCBASED : MSR_VMX_PROCBASED);
    m.exit = rdmsr(fine ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
    m.entry = rdmsr(fine ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
    if (m.proc >> 32 & PROC_SECONDARY)
        m.proc2 = rdmsr(MSR_VMX_PROCBASED2);
    if (m.proc2 >> 32 & (PROC2_EPT | PROC2_VPID))
        m.ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
    if (m.proc2 >> 32 & PROC2_VM_FUNCTIONS)
        m.vmfunc = rdmsr(MSR_VMX_VMFUNC);
    m.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
    m.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
    m.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
    m.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
    m.maxphyaddr = (u8)cpuid(LEAF_ADDRESS_SIZES, 0).eax;
    return &m;
}

static u64 read_field(void *context, u32 field)
{
    u64 value = 0;

    (void)context;
    return vmread_checked(field, &value) ? value : 0;
}

static bool read_memory(void *context, u64 address, u64 *value)
{
    (void)context;
    if (address >> PAGE_SHIFT >= frame_limit())
        return false;
    *value = *(const u64 *)mpa_to_va(mpa_of(address));
    return true;
}

static void print_broken(void *context, enum entry_rule rule, u32 field, const char *sentence)
{
    struct findings *f = context;

    (void)field;
    log_line("VM-entry check: %s (\"%s\").", sentence, entry_rule_section(rule));
    if (!f->first[0])
        format_text(f->first, f->size, "%s", sentence);
}

static struct entry_check this_check(struct findings *f)
{
    return (struct entry_check){.machine = this_machine(),
                                .read = read_field,
                                .read_memory = read_memory,
                                .broken = print_broken,
                                .context = f};
}

/* All rules; returns how many are broken, the first sentence in `first`. */
static unsigned vmx_check_entry(char *first, size_t size)
{
    struct findings f = {.first = first, .size = size};
    struct entry_check c = this_check(&f);

    first[0] = '\0';
    return entry_check(&c);
}

#ifdef DEBUG_BUILD

u8 vmx_unchecked = CHECK_ALL;

static bool looked_for_option, planted;
static u32 planted_field;
static u64 planted_value;
/* What the last check found, and the entry has not refused yet. */
static char broken[160];

/* A number as 0x1f at *s, which is moved behind it. */
static bool hex(const char **s, u64 *value)
{
    const char *p = *s;

    if (p[0] != '0' || p[1] != 'x')
        return false;
    *value = 0;
    for (p += 2;; p++) {
        if (*p >= '0' && *p <= '9')
            *value = *value << 4 | (u64)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            *value = *value << 4 | (u64)(*p - 'a' + 10);
        else
            break;
    }
    bool any = p > *s + 2;
    *s = p;
    return any;
}

static void read_option(void)
{
    char text[48];
    const char *s = text;
    u64 field;

    looked_for_option = true;
    if (!boot_option("vmcs", text, sizeof(text)))
        return;
    if (!hex(&s, &field) || *s++ != ':' || !hex(&s, &planted_value) || *s)
        refuse("vmcs=%s is not FIELD:VALUE, both as 0x6820.", text);
    planted_field = (u32)field;
    planted = true;
}

void vmx_check_changed(void)
{
    if (unlikely(!looked_for_option))
        read_option();
    if (unlikely(planted)) {
        planted = false;
        log_line("VMCS: %s (field 0x%04x) is overwritten with 0x%lx, as the command line says.",
                 vmcs_field_name(planted_field), planted_field, planted_value);
        if (!vmwrite_checked(planted_field, planted_value))
            refuse("vmcs=: this processor has no field 0x%04x.", planted_field);
    }
    if (broken[0])
        machine_violation("the processor entered a guest although %s", broken);
    if (vmx_unchecked & CHECK_ALL) {
        vmx_check_entry(broken, sizeof(broken));
    } else {
        struct findings f = {.first = broken, .size = sizeof(broken)};
        struct entry_check c = this_check(&f);
        broken[0] = '\0';
        entry_check_event(&c);
    }
    vmx_unchecked = 0;
}

#endif

void vmx_explain_refusal(char *why, size_t size)
{
#ifdef DEBUG_BUILD
    if (broken[0]) { /* printed before the entry */
        format_text(why, size, "%s", broken);
        broken[0] = '\0';
        return;
    }
#endif
    if (!vmx_check_entry(why, size))
        log_line("VM-entry check: none of the rules that are known here is broken.");
}
