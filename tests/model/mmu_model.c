/*
 * The manual's rules of paging: see mmu_model.h.
 */
#include "mmu_model.h"

#include <string.h>

#define BIT(n) (1ULL << (n))

static uint64_t field(unsigned high, unsigned low)
{
    uint64_t f = 0;

    for (unsigned i = low; i <= high && i < 64; i++)
        f |= BIT(i);
    return f;
}

/* "Access Rights": three paragraphs each for supervisor-mode and user-mode accesses. */
bool mmu_permits(const struct mmu_registers *r, struct mmu_access access, bool user, bool write,
                 bool nx)
{
    bool wp = r->cr0 & BIT(16), smep = r->cr4 & BIT(20), smap = r->cr4 & BIT(21);
    bool nxe = r->efer & BIT(11);

    if (access.user) {
        if (!user) /* no user-mode access to a supervisor-mode address */
            return false;
        if (access.fetch)
            return !(nxe && nx);
        return access.write ? write : true;
    }
    if (!user) { /* supervisor access, supervisor-mode address */
        if (access.fetch)
            return !(nxe && nx);
        if (access.write)
            return wp ? write : true;
        return true;
    }
    /* supervisor access, user-mode address */
    if (access.fetch)
        return !smep && !(nxe && nx);
    if (smap && !access.ac)
        return false;
    if (access.write)
        return wp ? write : true;
    return true;
}

uint32_t mmu_error(const struct mmu_registers *r, struct mmu_access access, enum mmu_cause cause)
{
    uint32_t error = 0;

    if (cause != MMU_NOT_PRESENT)
        error |= BIT(0);
    if (access.write)
        error |= BIT(1);
    if (access.user)
        error |= BIT(2);
    if (cause == MMU_RESERVED)
        error |= BIT(3);
    if (access.fetch && ((r->cr4 & BIT(20)) || ((r->cr4 & BIT(5)) && (r->efer & BIT(11)))))
        error |= BIT(4);
    return error;
}

/* Table 4-13 and following, "Format of ...": reserved bits of an entry with P = 1. */
static uint64_t reserved(const struct mmu_registers *r, bool long_mode, unsigned level,
                         uint64_t entry)
{
    uint64_t bits = field(long_mode ? 51 : 62, r->maxphyaddr);
    bool ps = entry & BIT(7);

    if (!(r->efer & BIT(11)))
        bits |= BIT(63);
    if (level == 4)
        bits |= BIT(7);
    if (level == 3 && ps)
        bits |= r->page1gb ? field(29, 13) : BIT(7);
    if (level == 2 && ps)
        bits |= field(20, 13);
    return bits;
}

static void end(const struct mmu_registers *r, struct mmu_access access, enum mmu_cause cause,
                unsigned level, struct mmu_outcome *out)
{
    out->cause = cause;
    out->level = level;
    if (cause != MMU_OK)
        out->error = mmu_error(r, access, cause);
}

/* The outcome where the page is known; `used` has its entries. */
static void judge(const struct mmu_registers *r, struct mmu_access access, unsigned level,
                  struct mmu_outcome *out)
{
    if (!mmu_permits(r, access, out->user, out->write, out->nx)) {
        end(r, access, MMU_RIGHTS, level, out);
        return;
    }
    if (access.write) /* "Accessed and Dirty Flags" */
        out->used[out->used_count - 1].after |= BIT(6);
    end(r, access, MMU_OK, level, out);
}

/* "32-Bit Paging", its tables of formats: a PDE that maps 4 MiB has bits 39:32 of its address in
 * bits 20:13, as many as there are, and the rest of 21:13 is reserved. */
static void translate_32bit(const struct mmu_registers *r, uint64_t linear,
                            struct mmu_access access, mmu_read read, void *context,
                            struct mmu_outcome *out)
{
    uint64_t table = r->cr3 & field(31, 12), entry;
    unsigned widest = r->maxphyaddr < 40 ? r->maxphyaddr : 40;

    for (unsigned level = 2;; level--) {
        unsigned shift = level == 2 ? 22 : 12;
        uint64_t address = table + 4 * (linear >> shift & 1023);
        bool large;

        entry = (uint32_t)(read(context, address & ~7ULL) >> (address & 4 ? 32 : 0));
        out->used[out->used_count++] = (struct mmu_used){address, entry, entry | BIT(5)};
        if (!(entry & BIT(0))) {
            end(r, access, MMU_NOT_PRESENT, level, out);
            return;
        }
        large = level == 2 && (entry & BIT(7)) && (r->cr4 & BIT(4));
        if (large && ((entry & BIT(21)) || (widest < 40 && (entry & field(20, widest - 19))))) {
            end(r, access, MMU_RESERVED, level, out);
            return;
        }
        out->write &= !!(entry & BIT(1));
        out->user &= !!(entry & BIT(2));
        if (level == 1 || large) {
            out->page_shift = shift;
            out->physical = (entry & field(31, shift)) | (linear & field(shift - 1, 0));
            if (large)
                out->physical |= (entry >> 13 & 0xff) << 32;
            judge(r, access, level, out);
            return;
        }
        table = entry & field(31, 12);
    }
}

void mmu_translate(const struct mmu_registers *r, uint64_t linear, struct mmu_access access,
                   mmu_read read, void *context, struct mmu_outcome *out)
{
    bool long_mode = r->efer & BIT(10);
    uint64_t table, entry;
    unsigned level = 4;

    memset(out, 0, sizeof(*out));
    out->user = out->write = true;
    if (!(r->cr0 & BIT(31))) {
        out->physical = linear & 0xffffffff;
        out->page_shift = 12;
        end(r, access, MMU_OK, 0, out);
        return;
    }
    if (!long_mode && !(r->cr4 & BIT(5))) {
        translate_32bit(r, linear, access, read, context, out);
        return;
    }
    table = r->cr3 & field(51, 12);
    if (!long_mode) { /* "PAE Paging": the PDPTEs have no rights */
        entry = r->pdpte ? r->pdpte[linear >> 30 & 3]
                         : read(context, (r->cr3 & 0xffffffe0) + 8 * (linear >> 30 & 3));
        if (!(entry & BIT(0))) {
            end(r, access, MMU_NOT_PRESENT, 3, out);
            return;
        }
        table = entry & field(51, 12);
        level = 2;
    }
    for (;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t address = table + 8 * (linear >> shift & 511);

        entry = read(context, address);
        out->used[out->used_count++] = (struct mmu_used){address, entry, entry | BIT(5)};
        if (!(entry & BIT(0))) {
            end(r, access, MMU_NOT_PRESENT, level, out);
            return;
        }
        if (entry & reserved(r, long_mode, level, entry)) {
            end(r, access, MMU_RESERVED, level, out);
            return;
        }
        out->write &= !!(entry & BIT(1));
        out->user &= !!(entry & BIT(2));
        out->nx |= !!(entry & BIT(63));
        if (level == 1 || (level < 4 && (entry & BIT(7)))) {
            out->page_shift = shift;
            out->physical = (entry & field(51, shift)) | (linear & field(shift - 1, 0));
            break;
        }
        table = entry & field(51, 12);
    }
    judge(r, access, level, out);
}
