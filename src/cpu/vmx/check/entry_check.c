/*
 * The order of the checks, and the sentence of a broken rule.
 */
#include "checks.h"
#include "log.h"

/* What each rule wants, one after another, each ended by a 0: half the size of pointers to them. */
static const char wanted[] =
#define ENTRY_GROUP(title)
#define ENTRY_RULE(id, text) text "\0"
#include "entry_rules.h"
#undef ENTRY_GROUP
#undef ENTRY_RULE
    ;

/* The same with a section's title before its first rule, and nothing before the others. */
static const char sections[] =
#define ENTRY_GROUP(title)   title
#define ENTRY_RULE(id, text) "\0"
#include "entry_rules.h"
#undef ENTRY_GROUP
#undef ENTRY_RULE
    ;

static const char *next_text(const char *s)
{
    while (*s++)
        ;
    return s;
}

const char *entry_rule_wanted(enum entry_rule rule)
{
    const char *s = wanted;

    for (unsigned i = 0; i < (unsigned)rule; i++)
        s = next_text(s);
    return s;
}

const char *entry_rule_section(enum entry_rule rule)
{
    const char *s = sections, *title = s;

    for (unsigned i = 0; i <= (unsigned)rule; i++, s = next_text(s))
        if (*s)
            title = s;
    return title;
}

void entry_broken(struct entry_check *c, enum entry_rule rule, u32 field, const char *more)
{
    char sentence[240];

    format_text(sentence, sizeof(sentence), "%s (field 0x%04x) is 0x%lx; wanted: %s%s",
                vmcs_field_name(field), field, get(c, field), entry_rule_wanted(rule), more);
    c->failed++;
    c->broken(c->context, rule, field, sentence);
}

void need_bits(struct entry_check *c, enum entry_rule rule, u32 field, u64 must, u64 may)
{
    u64 value = get(c, field), missing = must & ~value, extra = value & ~(must | may);
    char more[80];
    int n = 0;

    if (likely(!missing && !extra))
        return;
    more[0] = '\0';
    if (missing)
        n = format_text(more, sizeof(more), ", so bits 0x%lx must be 1", missing);
    if (extra)
        format_text(more + n, sizeof(more) - (size_t)n, "%s bits 0x%lx must be 0",
                    missing ? " and" : ", so", extra);
    entry_broken(c, rule, field, more);
}

static bool within_width(const struct entry_check *c, u64 address)
{
    return c->machine->maxphyaddr >= 64 || address >> c->machine->maxphyaddr == 0;
}

void need_width(struct entry_check *c, enum entry_rule rule, u32 field)
{
    need(c, rule, field, within_width(c, get(c, field)));
}

void need_address(struct entry_check *c, enum entry_rule rule, u32 field, unsigned low)
{
    u64 address = get(c, field);

    if (unlikely(!within_width(c, address)))
        entry_broken(c, rule, field, ", below the physical-address width");
    else
        need(c, rule, field, !(address & ((1ULL << low) - 1)));
}

void need_msr_area(struct entry_check *c, enum entry_rule rule, u32 address, u32 count)
{
    enum { MSR_ENTRY = 16 };
    u64 n = get(c, count), start = get(c, address);

    if (n)
        need(c, rule, address,
             start % MSR_ENTRY == 0 && within_width(c, start) &&
                 within_width(c, start + n * MSR_ENTRY - 1));
}

void need_canonical(struct entry_check *c, enum entry_rule rule, u32 field)
{
    need(c, rule, field, canonical(get(c, field)));
}

void need_pat(struct entry_check *c, enum entry_rule rule, u32 field)
{
    const unsigned types = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7;
    u64 pat = get(c, field);
    bool good = true;

    for (unsigned i = 0; i < 8; i++) {
        u8 type = (u8)(pat >> 8 * i);
        good = good && type < 8 && types >> type & 1;
    }
    need(c, rule, field, good);
}

unsigned entry_check(struct entry_check *c)
{
    c->failed = 0;
    check_controls(c);
    check_injection(c);
    check_host(c);
    check_guest_registers(c);
    check_guest_segments(c);
    check_guest_other(c);
    return c->failed;
}

unsigned entry_check_event(struct entry_check *c)
{
    c->failed = 0;
    check_injection(c);
    check_rip_and_flags(c);
    check_guest_other(c);
    return c->failed;
}
