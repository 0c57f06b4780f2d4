/*
 * The memory of a case, and the check of a whole walk in it.
 */
#include "grade_walk.h"

#include <stdio.h>
#include <string.h>

static struct vector_entry *find(struct memory *memory, u64 gpa, unsigned size)
{
    for (unsigned i = 0; i < memory->count; i++) {
        if (memory->entry[i].gpa == gpa && size == memory->size && i != memory->hidden)
            return &memory->entry[i];
    }
    return NULL;
}

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    struct memory *memory = ctx;
    struct vector_entry *e = find(memory, gpa, size);

    if (!e && memory->pdpt && gpa - memory->pdpt < WALK_PDPTES * sizeof(u64)) {
        *value = 0;
        return true;
    }
    if (!e) {
        memory->stray = gpa;
        memory->strays++;
        return false;
    }
    *value = e->before;
    return true;
}

static enum walk_cmpxchg cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value)
{
    struct memory *memory = ctx;
    struct vector_entry *e = memory->vanish ? NULL : find(memory, gpa, size);

    if (!e)
        return WALK_NO_MEMORY;
    if (memory->exchanges < ARRAY_SIZE(memory->exchanged))
        memory->exchanged[memory->exchanges++] = gpa;
    if (memory->spoil) {
        memory->spoil--;
        e->before |= memory->spoil_bits;
        return WALK_CHANGED;
    }
    if (e->before != old)
        return WALK_CHANGED;
    e->before = new_value;
    return WALK_EXCHANGED;
}

const struct walk_memory memory_ops = {read_entry, cmpxchg_entry};

struct memory memory_of(const struct walk_case *v)
{
    struct memory memory = {.count = v->count, .size = sizeof(u64), .hidden = VECTOR_ENTRIES};

    memcpy(memory.entry, v->entry, sizeof(memory.entry));
    return memory;
}

struct walk_mode mode_of(const struct walk_case *v)
{
    struct walk_features cpu = {.maxphyaddr = (u8)v->maxphyaddr, .page1gb = v->page1gb};
    struct walk_mode m;

    walk_mode_init(&m, v->cr0, v->cr3, v->cr4, v->efer, &cpu);
    return m;
}

void say_case(const struct walk_case *v)
{
    char entries[200];
    size_t at = 0;
    unsigned top = v->efer & EFER_LMA ? 4 : 3;

    entries[0] = 0;
    for (unsigned i = 0; i < v->count; i++)
        at += (size_t)snprintf(entries + at, sizeof(entries) - at, " L%u 0x%lx", top - i,
                               v->entry[i].before);
    GRADE_CASE("%s at 0x%lx; %s MAXPHYADDR=%u%s; CR3 0x%lx, entries%s", access_text(v->access),
               v->la, mode_text(v->cr0, v->cr4, v->efer), v->maxphyaddr,
               v->page1gb ? "" : ", no 1 GiB pages", v->cr3, entries);
}

/* What a page's fields should be. */
static void check_page(const struct walk_case *v, const struct walk_mode *m,
                       const struct walk_result *r, const char *where)
{
    u64 leaf = v->entry[v->count - 1].after;

    GRADE_EQUAL("r->page_shift", r->page_shift, v->page_shift, where);
    GRADE_EQUAL("r->gpa, the translation", r->gpa, v->gpa, where);
    GRADE_EQUAL("r->user", r->user, v->user, where);
    GRADE_EQUAL("r->write", r->write, v->write, where);
    GRADE_EQUAL("r->nx", r->nx, v->nx, where);
    GRADE_EQUAL("r->global", r->global, m->pge && (leaf & PTE_G), where);
    GRADE_EQUAL("r->dirty", r->dirty, !!(leaf & PTE_D), where);
}

void check_walk(const struct walk_case *v, const char *where)
{
    struct memory memory = memory_of(v);
    struct walk_mode m = mode_of(v);
    struct walk_result r;
    enum walk_status status;
    unsigned top = v->efer & EFER_LMA ? 4 : 3;

    memset(&r, 0xa5, sizeof(r));
    r.mapped = true; /* a walk that leaves it as it was is found out */
    say_case(v);
    memory.pdpt = top == 3 ? m.root : 0;
    if (top == 3)
        GRADE_TRUE("the PDPTEs can be loaded", walk_load_pdptes(&m, &memory_ops, &memory),
                   "walk.8: walk_load_pdptes");
    status = walk(&m, v->la, v->access, &memory_ops, &memory, &r);
    if (memory.strays)
        GRADE_EQUAL("an address that was read, but the next entry is elsewhere", memory.stray,
                    v->entry[MIN(top - r.level, v->count - 1)].gpa, where);
    GRADE_SAME("the walk ends with", status_text(status),
               v->cause == CAUSE_NONE ? "WALK_OK" : "WALK_FAULT", where);
    GRADE_SAME("r->status is what was returned", status_text(r.status), status_text(status), where);
    GRADE_EQUAL("r->level", r.level, v->level, where);
    if (v->cause != CAUSE_NONE)
        GRADE_EQUAL("r->error, the error code", r.error, v->error, where);
    GRADE_EQUAL("r->mapped", r.mapped, v->cause == CAUSE_NONE || v->cause == CAUSE_RIGHTS, where);
    if (r.mapped)
        check_page(v, &m, &r, where);
    for (unsigned i = 0; i < v->count && top - i >= v->level; i++) {
        bool in_register = top == 3 && i == 0;

        GRADE_EQUAL("r->entry[].gpa, where an entry lies", r.entry[top - i].gpa,
                    in_register ? ~0ULL : v->entry[i].gpa, where);
        GRADE_EQUAL("r->entry[].value, an entry after the walk", r.entry[top - i].value,
                    v->entry[i].after, where);
        GRADE_EQUAL("an entry in memory after the walk", memory.entry[i].before, v->entry[i].after,
                    where);
    }
}
