/*
 * Paravirtualization: attacks by grants that a device uses, of the classes in which uses were
 * counted wrongly: a part that ends twice or not at all, parts that are taken for each other, and
 * what a frame may become while no entry names it but a device has its address.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

enum { READ_ONLY = 5, WRITABLE = 7, REF = 16, REFS = 4, LEFT_REF = 20, HYPERVISOR_FRAME = 0x210 };
enum { BOTH = GNTMAP_device_map | GNTMAP_host_map };

/* A mapping, as far as the guest knows of it. */
struct mapping {
    u32 handle; /* its number */
    u32 flags;  /* GNTMAP_*: the parts that have not ended; 0: none */
    u32 ref;    /* the grant */
};

static u8 page[REFS][PAGE_SIZE] __attribute__((aligned(4096)));
static u8 window[REFS][PAGE_SIZE] __attribute__((aligned(4096)));
static u8 left[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 table[PAGE_SIZE] __attribute__((aligned(4096)));

static u64 machine(const void *p)
{
    return pv_machine((u64)p);
}

/* An entry of the table, which is mapped when it is first wanted: the frame granted to itself. */
static volatile grant_entry_v1_t *grant(u32 ref, u64 frame, u16 flags)
{
    static u16 id;
    xen_pfn_t at = 0;
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    volatile grant_entry_v1_t *e = (volatile grant_entry_v1_t *)table + ref;

    if (!id) {
        set_xen_guest_handle(s.frame_list, &at);
        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)&s, 1);
        pv_map(table, at << PAGE_SHIFT | WRITABLE);
        id = pv_self();
    }
    e->domid = id;
    e->frame = (u32)frame;
    e->flags = (u16)(GTF_permit_access | flags);
    return e;
}

static s64 use(u32 ref, u32 flags, u64 at, struct mapping *m)
{
    struct gnttab_map_grant_ref op = {.host_addr = at,
                                      .flags = flags,
                                      .ref = ref,
                                      .dom = ((volatile grant_entry_v1_t *)table)[ref].domid};

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (u64)&op, 1);
    *m = (struct mapping){op.handle, op.status == GNTST_okay ? flags : 0, ref};
    return op.status;
}

static s64 end(const struct mapping *m, u64 at, u64 device)
{
    struct gnttab_unmap_grant_ref u = {
        .host_addr = at, .dev_bus_addr = device, .handle = m->handle};

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (u64)&u, 1);
    return u.status;
}

static s64 table_by_device(void)
{
    struct mapping m;

    grant(REF, machine((const void *)pv_start.pt_base) >> PAGE_SHIFT, 0);
    return use(REF, GNTMAP_device_map, 0, &m);
}
static s64 hypervisor_by_device(void)
{
    struct mapping m;

    grant(REF, HYPERVISOR_FRAME, 0);
    return use(REF, GNTMAP_device_map, 0, &m);
}
static s64 address_of_another(void)
{
    struct mapping m;
    s64 status;

    grant(REF, machine(page[0]) >> PAGE_SHIFT, 0);
    use(REF, GNTMAP_device_map, 0, &m);
    status = end(&m, 0, (u64)HYPERVISOR_FRAME << PAGE_SHIFT);
    end(&m, 0, machine(page[0]));
    return status;
}
/* The device's part twice, the host's by the device's address: what is left must still be held. */
static s64 device_twice(void)
{
    volatile grant_entry_v1_t *e = grant(REF, machine(page[0]) >> PAGE_SHIFT, 0);
    struct mapping m;
    u16 marks;

    use(REF, BOTH, (u64)window[0], &m);
    for (unsigned i = 0; i < 4; i++)
        end(&m, 0, machine(page[0]));
    marks = e->flags;
    end(&m, (u64)window[0], machine(page[0]));
    pv_map(window[0], machine(window[0]) | WRITABLE);
    return marks == (GTF_permit_access | GTF_reading | GTF_writing) &&
           e->flags == GTF_permit_access && end(&m, 0, machine(page[0])) == GNTST_bad_handle;
}
/* A reader's handle and a writer's, of one frame, each ended as if it were the other. */
static s64 rights_confused(void)
{
    volatile grant_entry_v1_t *e = grant(REF, machine(page[0]) >> PAGE_SHIFT, 0);
    struct mapping reader, writer;
    s64 wrong;
    u16 marks;

    use(REF, BOTH | GNTMAP_readonly, (u64)window[0], &reader);
    use(REF, BOTH, (u64)window[1], &writer);
    wrong = end(&reader, (u64)window[1], machine(page[0]));
    end(&reader, (u64)window[0], machine(page[0]));
    marks = e->flags;
    end(&writer, (u64)window[1], machine(page[0]));
    for (unsigned i = 0; i < 2; i++)
        pv_map(window[i], machine(window[i]) | WRITABLE);
    return wrong == GNTST_general_error && e->flags == GTF_permit_access &&
           marks == (GTF_permit_access | GTF_reading | GTF_writing);
}
/* No entry names the page any more, but a device may write to it. */
static s64 table_under_device(void)
{
    struct mapping m;
    s64 result;

    memset(page[0], 0, PAGE_SIZE);
    grant(REF, machine(page[0]) >> PAGE_SHIFT, 0);
    use(REF, GNTMAP_device_map, 0, &m);
    pv_map(page[0], machine(page[0]) | READ_ONLY);
    result = pv_ext(MMUEXT_PIN_L1_TABLE, machine(page[0]) >> PAGE_SHIFT, 0);
    end(&m, 0, machine(page[0]));
    pv_map(page[0], machine(page[0]) | WRITABLE);
    return result;
}
static s64 reserve(unsigned command, u64 *frame)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, frame);
    return hypercall2(__HYPERVISOR_memory_op, command, (u64)&r);
}
/* The page is exchanged, then given away: the device's frame must not come back as a new one. */
static s64 away_under_device(void)
{
    u64 frame = machine(page[1]) >> PAGE_SHIFT, out = 0, fresh = (u64)page[1] >> PAGE_SHIFT;
    struct xen_memory_exchange e = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                    .out = {.nr_extents = 1, .domid = DOMID_SELF}};
    struct mapping m;
    s64 exchanged, gone, made;

    set_xen_guest_handle(e.in.extent_start, &frame);
    set_xen_guest_handle(e.out.extent_start, &out);
    grant(REF, frame, 0);
    use(REF, GNTMAP_device_map, 0, &m);
    pv_map(page[1], 0);
    exchanged = hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&e);
    gone = reserve(XENMEM_decrease_reservation, &frame);
    made = reserve(XENMEM_populate_physmap, &fresh);
    pv_map(page[1], made == 1 ? fresh << PAGE_SHIFT | WRITABLE : 0);
    end(&m, 0, frame << PAGE_SHIFT);
    if (made != 1) {
        fresh = (u64)page[1] >> PAGE_SHIFT;
        if (reserve(XENMEM_populate_physmap, &fresh) == 1)
            pv_map(page[1], fresh << PAGE_SHIFT | WRITABLE);
    }
    return exchanged == -PV_EINVAL && gone == 1 && (made != 1 || fresh != frame);
}
static s64 uses_without_end(void)
{
    enum { MORE = 300 };
    static struct mapping m[MORE];
    volatile grant_entry_v1_t *e = grant(REF, machine(page[0]) >> PAGE_SHIFT, 0);
    unsigned uses = 0;

    while (uses < MORE && use(REF, GNTMAP_device_map, 0, &m[uses]) == GNTST_okay)
        uses++;
    for (unsigned i = 0; i < uses; i++)
        end(&m[i], 0, machine(page[0]));
    return e->flags == GTF_permit_access ? (s64)uses : -1;
}

/* One step of the storm: a mapping is made, or ended in some way; right or wrong is the
 * hypervisor's to say, and all that is kept here is what it said. */
static void storm_step(struct mapping *m, u64 n)
{
    u32 ref = REF + (n >> 8) % REFS, flags = n >> 16 & (BOTH | GNTMAP_readonly);
    u64 at = n >> 24 & 3 ? (u64)window[n >> 26 & 3] : 0, device = 0;

    if (!m->flags) {
        grant(ref, machine(page[ref - REF]) >> PAGE_SHIFT, n >> 40 & 7 ? 0 : GTF_readonly);
        use(ref, flags, at, m);
        return;
    }
    if (n >> 32 & 3)
        device = machine(page[n >> 34 & 1 ? m->ref - REF : n >> 36 & 3]);
    if (end(m, at, device) == GNTST_okay) {
        m->flags &= ~((at ? GNTMAP_host_map : 0u) | (device ? GNTMAP_device_map : 0u));
        if (!(m->flags & BOTH))
            m->flags = 0;
    } else if (!(m->flags & GNTMAP_device_map) && !(n >> 48 & 31)) {
        m->flags = 0; /* its entry is overwritten: nobody ends it any more */
    }
}
/* Thousands of such steps on a few grants, windows and handles; then every device's part is ended
 * by its right address, and the windows are the guest's own pages again. */
static s64 storm(void)
{
    enum { STEPS = 5000, MAPPINGS = 24 };
    static struct mapping m[MAPPINGS];
    s64 wrong = 0;

    for (unsigned i = 0; i < STEPS; i++) {
        u64 n = random_next();
        storm_step(&m[n % MAPPINGS], n);
    }
    for (unsigned i = 0; i < MAPPINGS; i++)
        if (m[i].flags & GNTMAP_device_map)
            wrong += end(&m[i], 0, machine(page[m[i].ref - REF])) != GNTST_okay;
    for (unsigned i = 0; i < REFS; i++)
        wrong += pv_map(window[i], machine(window[i]) | WRITABLE) != 0;
    return wrong;
}
/* These end with the domain, which granted them to itself. */
static s64 left_behind(void)
{
    struct mapping m;

    grant(LEFT_REF, machine(left) >> PAGE_SHIFT, 0);
    return use(LEFT_REF, GNTMAP_device_map, 0, &m) |
           use(LEFT_REF, GNTMAP_device_map | GNTMAP_readonly, 0, &m);
}

ATTEMPT(table_by_device)
ATTEMPT(hypervisor_by_device)
ATTEMPT(address_of_another)
ATTEMPT(device_twice)
ATTEMPT(rights_confused)
ATTEMPT(table_under_device)
ATTEMPT(away_under_device)
ATTEMPT(uses_without_end)
ATTEMPT(storm)
ATTEMPT(left_behind)

#define STATUS(s) RETURNS(GNTST_##s)
static const struct attack attacks[] = {
    {"a page table, written by a device", SURVIVES, try_table_by_device, STATUS(general_error), 0},
    {"a frame of the hypervisor's for a device", SURVIVES, try_hypervisor_by_device,
     STATUS(bad_page), 0},
    {"a device's use ended by another address", SURVIVES, try_address_of_another,
     STATUS(bad_dev_addr), 0},
    {"a device's use ended again and again", SURVIVES, try_device_twice, RETURNS(1), 0},
    {"a reader's use ended as a writer's", SURVIVES, try_rights_confused, RETURNS(1), 0},
    {"a page that a device writes to as a page table", SURVIVES, try_table_under_device,
     RETURNS(-PV_EINVAL), 0},
    {"a page that a device uses given away", SURVIVES, try_away_under_device, RETURNS(1), 0},
    {"uses of a device without end", SURVIVES, try_uses_without_end, RETURNS(128), 0},
    {"5,000 uses of devices and mappings at random", SURVIVES, try_storm, RETURNS(0), 0},
    {"a device's uses left behind", SURVIVES, try_left_behind, STATUS(okay), 0},
};
const struct attack_list pv_device_attacks = {attacks, ARRAY_SIZE(attacks)};
