/*
 * The manual's rules of paging: see rules.h.
 */
#include "rules.h"

/* "Access Rights". The arguments are of the address: U and W at every level, NX at one. */
static bool permitted(const struct mode *m, unsigned kind, bool user, bool write, bool nx)
{
    if (kind & KIND_FETCH && nx)
        return false;
    if (kind & KIND_USER)
        return user && (write || !(kind & KIND_WRITE));
    if (kind & KIND_FETCH)
        return !(user && m->smep);
    if (user && m->smap && !(kind & KIND_AC))
        return false;
    return write || !(kind & KIND_WRITE) || !m->wp;
}

static bool malformed(const struct mode *m, u64 entry, bool page_above_last)
{
    return (entry & m->reserved) || (m->wide && !m->nxe && (entry & BIT_NX)) ||
           (page_above_last && (entry & m->reserved_large));
}

/* "Page-Fault Exceptions". */
static void fault(const struct mode *m, unsigned kind, u32 why, struct outcome *out)
{
    out->fault = true;
    out->error = why | (kind & KIND_WRITE ? ERR_W : 0) | (kind & KIND_USER ? ERR_U : 0);
    if (kind & KIND_FETCH && (m->smep || (m->wide && m->nxe)))
        out->error |= ERR_I;
}

void rules_apply(const struct mode *m, struct pair entries, unsigned kind, struct outcome *out)
{
    bool page = m->large && (entries.upper & BIT_PS);
    u64 all = entries.upper, lower = page ? 0 : entries.lower;

    *out = (struct outcome){.after = entries};
    if (!(entries.upper & BIT_P)) {
        fault(m, kind, 0, out);
        return;
    }
    if (malformed(m, entries.upper, page)) {
        fault(m, kind, ERR_P | ERR_RSVD, out);
        return;
    }
    if (!page) {
        if (!(entries.lower & BIT_P)) {
            fault(m, kind, 0, out);
            return;
        }
        if (malformed(m, entries.lower, false)) {
            fault(m, kind, ERR_P | ERR_RSVD, out);
            return;
        }
        all &= entries.lower;
    }
    if (!permitted(m, kind, all & BIT_U, all & BIT_W,
                   m->wide && ((entries.upper | lower) & BIT_NX))) {
        fault(m, kind, ERR_P, out);
        return;
    }
    /* "Accessed and Dirty Flags" */
    out->after.upper |= BIT_A | (page && kind & KIND_WRITE ? BIT_D : 0);
    if (!page)
        out->after.lower |= BIT_A | (kind & KIND_WRITE ? BIT_D : 0);
}

/*
 * "Caching Translation Information": one by entries that are present and well formed, with their
 * accessed flags set. No access need have succeeded: processors translate ahead, and what they find
 * so they may remember, even just after a page fault has dropped it.
 */
bool rules_cacheable(const struct mode *m, struct pair entries)
{
    bool page = m->large && (entries.upper & BIT_PS);
    u64 all = page ? entries.upper : entries.upper & entries.lower;

    return (all & (BIT_P | BIT_A)) == (BIT_P | BIT_A) && !malformed(m, entries.upper, page) &&
           (page || !malformed(m, entries.lower, false));
}
