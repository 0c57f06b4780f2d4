/*
 * x2APIC: the registers as MSRs, which refuse what memory would ignore; and IA32_APIC_BASE, which
 * changes between the modes. Source: SDM, "Extended XAPIC (x2APIC)", "x2APIC State Transitions".
 */
#include "lapic_parts.h"
#include "vcpu.h"

#define BASE_BSP    (1ULL << 8)
#define BASE_X2APIC (1ULL << 10)
#define BASE_ENABLE (1ULL << 11)

enum x2apic { X2_READ = 1, X2_WRITE = 2, X2_BOTH = 3, MSR_SHIFT = 4 };

/* "x2APIC Register Address Space": how a register may be accessed, and the bits that a write may
 * set. */
struct x2_rule {
    u32 writable; /* other bits: #GP */
    u8 access;    /* enum x2apic; 0: there is no such register */
};

static struct x2_rule rule_of(u32 offset)
{
    if (offset >= REG_ISR && offset < REG_BITMAP_END)
        return (struct x2_rule){0, X2_READ};
    if (offset > REG_LVT && offset < REG_INITIAL)
        return (struct x2_rule){LVT_WRITABLE | 1 << 12 | 1 << 14, X2_BOTH};
    switch (offset) {
    case REG_ID:
    case REG_VERSION:
    case REG_PPR:
    case REG_LDR:
    case REG_CURRENT:
        return (struct x2_rule){0, X2_READ};
    case REG_TPR:
        return (struct x2_rule){PRIORITY_MASK, X2_BOTH};
    case REG_EOI:
        return (struct x2_rule){0, X2_WRITE};
    case REG_SVR:
        return (struct x2_rule){SVR_WRITABLE, X2_BOTH};
    case REG_ESR:
        return (struct x2_rule){0, X2_BOTH};
    case REG_ICR_LOW:
    case REG_INITIAL:
        return (struct x2_rule){~0u, X2_BOTH};
    case REG_LVT:
        return (struct x2_rule){LVT_TIMER_WRITABLE | 1 << 12, X2_BOTH};
    case REG_DIVIDE:
        return (struct x2_rule){DIVIDE_WRITABLE, X2_BOTH};
    case REG_SELF:
        return (struct x2_rule){LVT_VECTOR, X2_WRITE};
    default:
        return (struct x2_rule){0};
    }
}

bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value)
{
    u32 offset = (msr - LAPIC_MSR_FIRST) << MSR_SHIFT;

    if (l->mode != LAPIC_X2APIC || msr - LAPIC_MSR_FIRST >= LAPIC_MSRS ||
        !(rule_of(offset).access & X2_READ))
        return false;
    *value = lapic_read(l, offset);
    if (offset == REG_ICR_LOW)
        *value |= (u64)l->icr_high << 32;
    return true;
}

/* The usual ones: the end of an interrupt, and one to oneself or another. */
static inline bool write_quickly(struct lapic *l, u32 offset, u64 value)
{
    if (offset == REG_EOI && !value) {
        lapic_end(l);
        return true;
    }
    if (offset == REG_SELF && value <= LVT_VECTOR) {
        lapic_request(l, (u8)value);
        return true;
    }
    if (offset != REG_ICR_LOW)
        return false;
    l->icr_high = (u32)(value >> 32);
    lapic_write(l, REG_ICR_LOW, (u32)value);
    return true;
}

bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value)
{
    u32 offset = (msr - LAPIC_MSR_FIRST) << MSR_SHIFT;
    struct x2_rule rule;

    if (l->mode != LAPIC_X2APIC || msr - LAPIC_MSR_FIRST >= LAPIC_MSRS)
        return false;
    if (write_quickly(l, offset, value))
        return true;
    rule = rule_of(offset);
    if (!(rule.access & X2_WRITE) || value & ~(u64)rule.writable)
        return false;
    lapic_write(l, offset, (u32)value);
    return true;
}

u64 lapic_base(const struct lapic *l)
{
    static const u64 bits[] = {
        [LAPIC_XAPIC] = BASE_ENABLE, [LAPIC_X2APIC] = BASE_ENABLE | BASE_X2APIC};

    return LAPIC_DEFAULT_BASE | (l->vcpu->id == 0 ? BASE_BSP : 0) |
           (l->mode == LAPIC_DISABLED ? 0 : bits[l->mode]);
}

bool lapic_set_base(struct lapic *l, u64 value)
{
    u64 changed = value ^ lapic_base(l);
    enum lapic_mode mode = LAPIC_DISABLED;

    if (changed & ~(BASE_ENABLE | BASE_X2APIC))
        return false; /* the page does not move; the others are reserved or read-only */
    if (value & BASE_ENABLE)
        mode = value & BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
    else if (value & BASE_X2APIC)
        return false;
    if ((l->mode == LAPIC_X2APIC && mode == LAPIC_XAPIC) ||
        (l->mode == LAPIC_DISABLED && mode == LAPIC_X2APIC))
        return false;
    if (l->mode == mode)
        return true;
    l->mode = mode;
    if (mode == LAPIC_DISABLED)
        lapic_reset(l);
    l->icr_high = 0;
    lapic_look(l);
    return true;
}
