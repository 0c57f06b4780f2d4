/*
 * "Checks on Guest Segment Registers". Rights are in the VMCS's format, whose bits 11:8 are
 * reserved and bit 16 says unusable.
 */
#include "checks.h"

enum rights {
    RIGHTS_TYPE = 0xf,
    TYPE_ACCESSED = 1 << 0,
    TYPE_READABLE = 1 << 1, /* code; data: writable */
    TYPE_CONFORMING = 1 << 2,
    TYPE_CODE = 1 << 3,
    TYPE_LDT = 2,
    TYPE_TSS16_BUSY = 3,
    TYPE_TSS_BUSY = 11,
    RIGHTS_S = 1 << 4,
    RIGHTS_DPL_SHIFT = 5,
    RIGHTS_P = 1 << 7,
    RIGHTS_L = 1 << 13,
    RIGHTS_DB = 1 << 14,
    RIGHTS_G = 1 << 15,
    RIGHTS_UNUSABLE = 1 << 16,
    RIGHTS_V86 = 0xf3,
    SELECTOR_RPL = 3,
    SELECTOR_TI = 4,
    V86_LIMIT = 0xffff,
};
#define RIGHTS_RESERVED 0xfffe0f00u

/* What the rules ask of the guest besides the segment itself. */
struct guest_mode {
    bool unrestricted; /* `unrestricted guest` */
    bool long_mode;    /* `IA-32e mode guest` */
    bool protected;    /* CR0.PE */
    u64 cs, ss;        /* the rights of CS and SS */
};

static u32 selector_of(unsigned s)
{
    return VMCS_GUEST_ES_SELECTOR + s * FIELD_STEP;
}
static u32 base_of(unsigned s)
{
    return VMCS_GUEST_ES_BASE + s * FIELD_STEP;
}
static u32 limit_of(unsigned s)
{
    return VMCS_GUEST_ES_LIMIT + s * FIELD_STEP;
}
static u32 rights_of(unsigned s)
{
    return VMCS_GUEST_ES_RIGHTS + s * FIELD_STEP;
}
static unsigned type_of(u64 rights)
{
    return rights & RIGHTS_TYPE;
}
static unsigned dpl_of(u64 rights)
{
    return rights >> RIGHTS_DPL_SHIFT & 3;
}
static unsigned rpl_of(const struct entry_check *c, unsigned s)
{
    return get(c, selector_of(s)) & SELECTOR_RPL;
}

static void check_v86(struct entry_check *c)
{
    for (unsigned s = SEG_ES; s <= SEG_GS; s++) {
        need(c, RULE_V86_BASE, base_of(s), get(c, base_of(s)) == get(c, selector_of(s)) << 4);
        need(c, RULE_V86_LIMIT, limit_of(s), get(c, limit_of(s)) == V86_LIMIT);
        need(c, RULE_V86_RIGHTS, rights_of(s), get(c, rights_of(s)) == RIGHTS_V86);
    }
}

static void check_cs(struct entry_check *c, const struct guest_mode *m)
{
    unsigned type = type_of(m->cs), dpl = dpl_of(m->cs);
    bool code = bit_set(type, TYPE_CODE | TYPE_ACCESSED);
    bool data = m->unrestricted && type == (TYPE_ACCESSED | TYPE_READABLE);

    need(c, RULE_CS_TYPE, VMCS_GUEST_CS_RIGHTS, code || data);
    if (data)
        need(c, RULE_CS_DPL_DATA, VMCS_GUEST_CS_RIGHTS, dpl == 0);
    else if (code && type & TYPE_CONFORMING)
        need(c, RULE_CS_DPL_CONFORMING, VMCS_GUEST_CS_RIGHTS, dpl <= dpl_of(m->ss));
    else if (code)
        need(c, RULE_CS_DPL, VMCS_GUEST_CS_RIGHTS, dpl == dpl_of(m->ss));
    if (m->long_mode)
        need(c, RULE_CS_LONG, VMCS_GUEST_CS_RIGHTS, !bit_set(m->cs, RIGHTS_L | RIGHTS_DB));
}

static void check_ss(struct entry_check *c, const struct guest_mode *m)
{
    const unsigned writable = TYPE_ACCESSED | TYPE_READABLE;

    if (!(m->ss & RIGHTS_UNUSABLE))
        need(c, RULE_SS_TYPE, VMCS_GUEST_SS_RIGHTS,
             bit_set(type_of(m->ss), writable) && !(type_of(m->ss) & TYPE_CODE));
    if (!m->unrestricted) {
        need(c, RULE_SS_RPL, VMCS_GUEST_SS_SELECTOR, rpl_of(c, SEG_SS) == rpl_of(c, SEG_CS));
        need(c, RULE_SS_DPL, VMCS_GUEST_SS_RIGHTS, dpl_of(m->ss) == rpl_of(c, SEG_SS));
    }
    if (type_of(m->cs) == (TYPE_ACCESSED | TYPE_READABLE) || !m->protected)
        need(c, RULE_SS_DPL_REAL, VMCS_GUEST_SS_RIGHTS, dpl_of(m->ss) == 0);
}

/* DS, ES, FS, GS. */
static void check_data(struct entry_check *c, const struct guest_mode *m, unsigned s)
{
    u64 rights = get(c, rights_of(s));
    unsigned type = type_of(rights);

    if (rights & RIGHTS_UNUSABLE)
        return;
    need(c, RULE_DATA_ACCESSED, rights_of(s), type & TYPE_ACCESSED);
    need(c, RULE_DATA_READABLE, rights_of(s), !(type & TYPE_CODE) || type & TYPE_READABLE);
    if (!m->unrestricted && !bit_set(type, TYPE_CODE | TYPE_CONFORMING))
        need(c, RULE_DATA_DPL, rights_of(s), dpl_of(rights) >= rpl_of(c, s));
}

/* What every usable segment keeps. */
static void check_common(struct entry_check *c, unsigned s, u64 rights)
{
    u64 limit = get(c, limit_of(s));

    need(c, RULE_SEGMENT_P, rights_of(s), rights & RIGHTS_P);
    need(c, RULE_SEGMENT_RESERVED, rights_of(s), !(rights & RIGHTS_RESERVED));
    if ((limit & PAGE_OFFSET_MASK) != PAGE_OFFSET_MASK)
        need(c, RULE_LIMIT_FINE, rights_of(s), !(rights & RIGHTS_G));
    if (limit >> 20)
        need(c, RULE_LIMIT_COARSE, rights_of(s), rights & RIGHTS_G);
}

static void check_system(struct entry_check *c, const struct guest_mode *m)
{
    u64 tr = get(c, VMCS_GUEST_TR_RIGHTS), ldtr = get(c, VMCS_GUEST_LDTR_RIGHTS);

    need(c, RULE_TR_TI, VMCS_GUEST_TR_SELECTOR, !(get(c, VMCS_GUEST_TR_SELECTOR) & SELECTOR_TI));
    need_canonical(c, RULE_SYSTEM_BASE, VMCS_GUEST_TR_BASE);
    need(c, RULE_TR_TYPE, VMCS_GUEST_TR_RIGHTS,
         type_of(tr) == TYPE_TSS_BUSY || (!m->long_mode && type_of(tr) == TYPE_TSS16_BUSY));
    need(c, RULE_SYSTEM_S, VMCS_GUEST_TR_RIGHTS, !(tr & RIGHTS_S));
    need(c, RULE_TR_USABLE, VMCS_GUEST_TR_RIGHTS, !(tr & RIGHTS_UNUSABLE));
    check_common(c, SEG_TR, tr);
    if (ldtr & RIGHTS_UNUSABLE)
        return;
    need(c, RULE_LDTR_TI, VMCS_GUEST_LDTR_SELECTOR,
         !(get(c, VMCS_GUEST_LDTR_SELECTOR) & SELECTOR_TI));
    need_canonical(c, RULE_SYSTEM_BASE, VMCS_GUEST_LDTR_BASE);
    need(c, RULE_LDTR_TYPE, VMCS_GUEST_LDTR_RIGHTS, type_of(ldtr) == TYPE_LDT);
    need(c, RULE_SYSTEM_S, VMCS_GUEST_LDTR_RIGHTS, !(ldtr & RIGHTS_S));
    check_common(c, SEG_LDTR, ldtr);
}

/* The six of code and data, outside virtual-8086 mode. */
static void check_usual(struct entry_check *c, const struct guest_mode *m)
{
    check_cs(c, m);
    check_ss(c, m);
    for (unsigned s = SEG_ES; s <= SEG_GS; s++) {
        u64 rights = get(c, rights_of(s));
        if (s != SEG_CS && s != SEG_SS)
            check_data(c, m, s);
        if (s != SEG_CS && rights & RIGHTS_UNUSABLE)
            continue;
        need(c, RULE_SEGMENT_S, rights_of(s), rights & RIGHTS_S);
        check_common(c, s, rights);
    }
}

void check_guest_segments(struct entry_check *c)
{
    const struct guest_mode m = {
        .unrestricted = secondary_controls(c) & PROC2_UNRESTRICTED_GUEST,
        .long_mode = get(c, VMCS_ENTRY_CONTROLS) & ENTRYC_IA32E_GUEST,
        .protected = get(c, VMCS_GUEST_CR0) & CR0_PE,
        .cs = get(c, VMCS_GUEST_CS_RIGHTS),
        .ss = get(c, VMCS_GUEST_SS_RIGHTS),
    };

    need_canonical(c, RULE_SYSTEM_BASE, VMCS_GUEST_FS_BASE);
    need_canonical(c, RULE_SYSTEM_BASE, VMCS_GUEST_GS_BASE);
    for (unsigned s = SEG_ES; s <= SEG_DS; s++)
        if (s == SEG_CS || !(get(c, rights_of(s)) & RIGHTS_UNUSABLE))
            need(c, RULE_CODE_BASE, base_of(s), !(get(c, base_of(s)) >> 32));
    if (get(c, VMCS_GUEST_RFLAGS) & RFLAGS_VM)
        check_v86(c);
    else
        check_usual(c, &m);
    check_system(c, &m);
}
