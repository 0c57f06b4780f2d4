/*
 * The hypercalls and what traps, under libFuzzer (`make fuzz-pv`): two domains make any calls with
 * arguments made of what matters: numbers of frames, their own and the other's, entries for them,
 * places in memory, small and wild numbers. After each call everything is recounted
 * (tests/pvworld/world.c).
 *
 * Input: calls of CALL_BYTES each: who and which, four arguments, and words for the structure that
 * an argument may point to.
 */
#include "pvworld/world.h"

#include <string.h>

#include "descriptors.h"
#include "layout.h"
#include "local_apic.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { ARGUMENTS = 4, WORDS = 12, CALL_BYTES = 2 + 2 * (ARGUMENTS + WORDS), CALLS_MAX = 40 };
#define SCRATCH ((u64)WORLD_SCRATCH << PAGE_SHIFT)

enum word_kinds {
    WORD_SMALL,   /* the number itself */
    WORD_OWN,     /* a frame of its own */
    WORD_OTHER,   /* a frame of the machine's */
    WORD_ENTRY,   /* an entry for a frame of its own */
    WORD_FOREIGN, /* an entry for any frame */
    WORD_PLACE,   /* the machine address of an entry in a page of its own */
    WORD_VA, /* an address in its memory, or, through a slot of the L4, in what that leads to */
    WORD_WILD,
};

/* Two bytes become a word: a kind and a number. */
static u64 word_of(unsigned who, const u8 *at)
{
    static const u64 wild[] = {
        ~0ULL,
        1ULL << 63,
        0x7fffffff,
        0xffffffff,
        1ULL << 32,
        0x800000000000,
        0xffff800000000000,
        0xffff830000000000,
        0xffffffffffff0000,
        0x7ffffffff000,
        DOMID_SELF,
        DOMID_IO,
        DOMID_XEN,
        0x80000000,
        4096,
        1ULL << 40,
        1ULL << 52,
        (1ULL << 58) + 1,
        65536,
        512,
    };
    enum { LINEAR = 0x80, PAGE_SHIFT_512G = 39, DIRECT_MAP_SLOT = 262 };
    unsigned kind = at[0] & 7, high = at[0] >> 3, n = at[1];
    u64 own = world_mfn(who, n % WORLD_PAGES);

    switch (kind) {
    case WORD_SMALL:
        return n | (u64)(high & 3) << 8 | (high & 16 ? 1ULL << 32 : 0) |
               (high & 8 ? 1ULL << 16 : 0);
    case WORD_OWN:
        return own;
    case WORD_OTHER:
        return n | (u64)(high & 1) << 8;
    case WORD_ENTRY:
        return own << PAGE_SHIFT | (high & 7) | (high & 8 ? PTE_NX : 0) | (high & 16 ? PTE_PS : 0);
    case WORD_FOREIGN:
        return (n | (u64)(high & 1) << 8) << PAGE_SHIFT | PTE_P | (high & 2) | PTE_U;
    case WORD_PLACE:
        return own << PAGE_SHIFT | (u64)(high & 7) << 3 | (u64)(high >> 3);
    case WORD_VA:
        if (n & LINEAR)
            return (u64)(n & 7) << PAGE_SHIFT_512G |
                   (n & 8 ? DIRECT_MAP_SLOT : (u64)(n >> 4 & 7)) << PAGE_SHIFT_1G | (u64)high * 8;
        return ((u64)(n % (WORLD_PAGES + 8)) << PAGE_SHIFT) + (u64)high * 8;
    default:
        return wild[n % ARRAY_SIZE(wild)] + (high & 7);
    }
}

/* Small structures lie in a page that nothing takes away unless the guest does so itself. */
static void fill(unsigned who, const u8 *at)
{
    u64 words[WORDS];

    for (unsigned i = 0; i < WORDS; i++) {
        words[i] = word_of(who, at + 2 * i);
        /* Two halves, as in structures of 32-bit fields. */
        if ((at[2 * i] & 7) == WORD_SMALL && at[2 * i] & 0x80)
            words[i] = (words[i] & 0xff) | (words[i] >> 8 & 3) << 32;
    }
    world_store(SCRATCH, words, sizeof(words));
}

/* What a hypercall's arguments are: c a command, p a structure, n a small count, d a domain. */
static const struct shape {
    u8 number;           /* __HYPERVISOR_* */
    const char *letters; /* of each argument; any other: a word */
} shapes[] = {
    {__HYPERVISOR_memory_op, "cp"},         {__HYPERVISOR_grant_table_op, "cpn"},
    {__HYPERVISOR_mmu_update, "pn-d"},      {__HYPERVISOR_mmuext_op, "pn-d"},
    {__HYPERVISOR_event_channel_op, "cp"},  {__HYPERVISOR_update_va_mapping, "vwc"},
    {__HYPERVISOR_multicall, "pn"},         {__HYPERVISOR_vcpu_op, "c-p"},
    {__HYPERVISOR_sched_op, "cp"},          {__HYPERVISOR_physdev_op, "cp"},
    {__HYPERVISOR_callback_op, "cp"},       {__HYPERVISOR_set_gdt, "pw"},
    {__HYPERVISOR_update_descriptor, "ww"}, {__HYPERVISOR_update_va_mapping_otherdomain, "vwcd"},
};
/* Beyond the table of hypercalls: the guest stores a word in its own memory, or in its grant table;
 * uses a grant by any flags, ends a part of what it uses; comes to an instruction that traps; loads
 * a segment of its LDT; sets gates; has an L4 lead to an L4, with an iret frame anywhere; is
 * anywhere when anything happens. */
enum {
    STORE = HYPERCALLS,
    STORE_GRANT,
    USE_GRANT,
    END_GRANT,
    PRIVILEGED,
    TABLE_STORE,
    USE_LDT,
    SET_GATES,
    LINEAR_L4,
    TRAP,
    NUMBERS
};

/* Instructions with operands in rax, rcx, rdx, or at rax or rdi. */
enum { CODE_BYTES = 8 };
static const u8 privileged[][CODE_BYTES] = {
    {0x0f, 0x22, 0xd8}, /* mov cr3, rax */
    {0x0f, 0x22, 0xe0}, /* mov cr4, rax */
    {0x0f, 0x22, 0xc0}, /* mov cr0, rax */
    {0x0f, 0x20, 0xd8}, /* mov rax, cr3 */
    {0x0f, 0x23, 0xf8}, /* mov dr7, rax */
    {0x0f, 0x23, 0xc8}, /* mov dr1, rax */
    {0x0f, 0x30},       /* wrmsr */
    {0x0f, 0x32},       /* rdmsr */
    {0x0f, 0x01, 0x38}, /* invlpg [rax] */
    {0x0f, 0x01, 0xd1}, /* xsetbv */
    {0x0f, 0x06},       /* clts */
    {0x0f, 0x09},       /* wbinvd */
    {0xf4},             /* hlt */
    {0xfa},             /* cli */
    {0xec},             /* in al, dx */
    {0xee},             /* out dx, al */
    {0xf3, 0x6c},       /* rep insb */
    {0x6f},             /* outsd */
    {0x0f, 0x31},       /* rdtsc */
    {0x0f, 0x20, 0xe0}, /* mov rax, cr4 */
    {0x0f, 0x21, 0xe8}, /* mov rax, dr5 */
    {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2},
};
static const u8 stores[][CODE_BYTES] = {
    {0x48, 0x89, 0x08},             /* mov [rax], rcx */
    {0x89, 0x08},                   /* mov [rax], ecx */
    {0x66, 0x89, 0x08},             /* mov [rax], cx */
    {0x88, 0x08},                   /* mov [rax], cl */
    {0x48, 0x87, 0x08},             /* xchg [rax], rcx */
    {0xf0, 0x48, 0x0f, 0xb1, 0x08}, /* lock cmpxchg [rax], rcx */
    {0xf0, 0x48, 0x0f, 0xab, 0x08}, /* lock bts [rax], rcx */
    {0x48, 0x83, 0x20, 0xfe},       /* and qword [rax], -2 */
    {0x48, 0x09, 0x08},             /* or [rax], rcx */
    {0xf3, 0x48, 0xab},             /* rep stosq */
    {0x48, 0xa5},                   /* movsq */
    {0xf0, 0x48, 0x0f, 0xc1, 0x08}, /* lock xadd [rax], rcx */
};
/* What can happen to a guest: faults, `int n`, the timer. */
static const u8 vectors[] = {VEC_PF, VEC_PF, VEC_PF, VEC_GP, VEC_GP, VEC_UD,
                             VEC_NM, VEC_DB, VEC_BP, VEC_OF, VEC_DE, VEC_SS,
                             VEC_NP, VEC_AC, 0x20,   0x80,   0x82,   APIC_TIMER_VECTOR};
/* MSRs that a guest may name, and some that it may not. */
static const u32 msrs[] = {0xc0000080, 0xc0000100, 0xc0000101, 0xc0000102, 0x277,     0x1b,
                           0x1a0,      0x8b,       0x40000000, 0x10,       0xc0000081};

static u64 argument(unsigned who, char letter, const u8 *at)
{
    switch (at[0] >= 0xf0 ? 'w' : letter) {
    case 'c':
        return at[1] % 36;
    case 'p':
        return SCRATCH;
    case 'n':
        return at[1] % 5;
    case 'd':
        return at[0] & 0x80 ? at[1] & 3 : DOMID_SELF;
    case 'v':
        return (u64)(at[1] % (WORLD_PAGES + 8)) << PAGE_SHIFT;
    case '-':
        return 0;
    default:
        return word_of(who, at);
    }
}

static void store_grant(unsigned who, const u8 *at)
{
    struct pv_grants *g = world_domain[who]->pv->grants;

    if (g && g->frames)
        *grant_entry(g, at[0] % 16) = (grant_entry_v1_t){
            .flags = at[1] & 0x1f, .domid = at[2] & 1, .frame = (u32)word_of(who, at + 4)};
}

/* The granter's first page of the table, and any page of its own granted to `who`. */
static void make_grant(unsigned granter, unsigned who, const u8 *at)
{
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};

    world_run(granter);
    set_xen_guest_handle(s.frame_list, (xen_pfn_t *)(uintptr_t)(SCRATCH + sizeof(s)));
    world_store(SCRATCH, &s, sizeof(s));
    world_call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, SCRATCH, 1, 0);
    if (world_domain[granter]->pv->grants && world_domain[granter]->pv->grants->frames)
        *grant_entry(world_domain[granter]->pv->grants, at[0] % 16) =
            (grant_entry_v1_t){.flags = GTF_permit_access,
                               .domid = (domid_t)who,
                               .frame = (u32)world_mfn(granter, at[1] % WORLD_PAGES)};
    world_run(who);
}

static void use_grant(unsigned who, const u8 *at)
{
    struct gnttab_map_grant_ref m = {.flags = at[0] & 0x1f, .ref = at[2] % 16, .dom = at[1] & 1};

    if (at[0] & 0x20)
        make_grant(at[1] & 1, who, at + 2);
    m.host_addr =
        at[0] & 0x40 ? (u64)(at[4] % (WORLD_PAGES + 8)) << PAGE_SHIFT : word_of(who, at + 4);
    world_store(SCRATCH, &m, sizeof(m));
    world_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, SCRATCH, 1, 0);
}

/* By addresses that are often right: the handle's frame, a page of the guest's. */
static void end_grant(unsigned who, const u8 *at)
{
    const struct pv_grants *g = world_domain[who]->pv->grants;
    u32 handle = at[0] % 16;
    u64 host = at[1] & 1 ? (u64)(at[2] % (WORLD_PAGES + 8)) << PAGE_SHIFT : word_of(who, at + 2);
    u64 device = word_of(who, at + 4);
    struct gnttab_unmap_and_replace r = {
        .host_addr = host, .new_addr = word_of(who, at + 6), .handle = handle};
    struct gnttab_unmap_grant_ref u = {.handle = handle};

    if (at[1] & 2 && g && handle < g->tracks)
        device = (u64)grant_track(g, handle)->mfn << PAGE_SHIFT;
    u.host_addr = at[1] & 4 ? 0 : host;
    u.dev_bus_addr = at[1] & 8 ? 0 : device;
    if (at[1] & 0x80)
        world_store(SCRATCH, &r, sizeof(r));
    else
        world_store(SCRATCH, &u, sizeof(u));
    world_call(__HYPERVISOR_grant_table_op,
               at[1] & 0x80 ? GNTTABOP_unmap_and_replace : GNTTABOP_unmap_grant_ref, SCRATCH, 1, 0);
}

/* One of the list, or, of `which` beyond it, what the input says. */
static void instruction(const u64 a[ARGUMENTS], const u8 *at, const u8 (*list)[CODE_BYTES],
                        unsigned count, u64 table)
{
    unsigned which = at[0] % (count + 4);
    u64 rcx = at[1] & 0x80 ? msrs[at[1] % ARRAY_SIZE(msrs)] : a[1];

    world_store(WORLD_CODE, which < count ? list[which] : at + 2, CODE_BYTES);
    world_instruction(table ? table : a[0], table ? a[1] : rcx, a[2], table);
}

/* Two gates and two callbacks, so that something has somewhere to go. */
static void set_gates(unsigned who, const u8 *at)
{
    struct trap_info table[] = {
        {vectors[at[0] % ARRAY_SIZE(vectors)], at[1] & 7, FLAT_KERNEL_CS, word_of(who, at + 2)},
        {vectors[at[4] % ARRAY_SIZE(vectors)], at[5] & 7, FLAT_KERNEL_CS, word_of(who, at + 6)},
        {0}};

    world_store(SCRATCH, table, sizeof(table));
    world_call(__HYPERVISOR_set_trap_table, SCRATCH, 0, 0, 0);
    if (at[1] & 8)
        world_call(__HYPERVISOR_set_callbacks, word_of(who, at + 2), word_of(who, at + 6),
                   WORLD_CODE, 0);
    if (at[1] & 16)
        world_call(__HYPERVISOR_stack_switch, FLAT_KERNEL_DS, word_of(who, at + 8), 0, 0);
}

/* An entry of the L4 that it was built with, for this L4 itself or for another page, to be one. */
static void linear_l4(unsigned who, const u64 a[ARGUMENTS], const u8 *at)
{
    u64 l4 = world_mfn(who, WORLD_TABLES), to = at[0] & 7 ? l4 : world_mfn(who, WORLD_DATA);
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = to};
    struct mmu_update u = {.ptr = (l4 << PAGE_SHIFT) + (at[1] & 7) * sizeof(u64),
                           .val = to << PAGE_SHIFT | PTE_P | PTE_U | (at[0] & 8 ? PTE_W : 0)};

    if (to != l4) {
        world_call(__HYPERVISOR_update_va_mapping, (u64)WORLD_DATA << PAGE_SHIFT, 0, 0, 0);
        world_store(SCRATCH, &pin, sizeof(pin));
        world_call(__HYPERVISOR_mmuext_op, SCRATCH, 1, 0, DOMID_SELF);
    }
    if (at[1] & 7) { /* not the slot that it lives in */
        world_store(SCRATCH, &u, sizeof(u));
        world_call(__HYPERVISOR_mmu_update, SCRATCH, 1, 0, DOMID_SELF);
    }
    pv_current()->regs.rsp = a[0];
    pv_iret_frame(pv_current());
}

/* This one's gate leads to code, its event callback too: else most traps are the guest's end. */
static void open_gate(u8 vector)
{
    struct trap_info table[] = {{vector, 3, FLAT_KERNEL_CS, WORLD_CODE}, {0}};

    world_store(SCRATCH, table, sizeof(table));
    world_call(__HYPERVISOR_set_trap_table, SCRATCH, 0, 0, 0);
    world_call(__HYPERVISOR_set_callbacks, WORLD_CODE, WORLD_CODE, WORLD_CODE, 0);
    world_call(__HYPERVISOR_stack_switch, FLAT_KERNEL_DS, WORLD_STACK, 0, 0);
}

/* The instruction is one of the lists', or what the input says; r.error may be any. */
static void happen(const u64 a[ARGUMENTS], const u8 *at)
{
    static const u16 selectors[] = {SEL_GUEST_CS64, FLAT_KERNEL_CS64, FLAT_USER_CS32, 0xf};
    const u8(*list)[CODE_BYTES] = at[0] & 1 ? privileged : stores;
    unsigned count = at[0] & 1 ? ARRAY_SIZE(privileged) : ARRAY_SIZE(stores);
    unsigned which = at[1] % (count + 4);
    struct regs r = {.rax = a[0], .rcx = a[1], .rdx = a[2], .rdi = a[0], .rsi = a[1]};

    r.vector = vectors[at[2] % ARRAY_SIZE(vectors)];
    if (!(at[0] & 0x40))
        open_gate((u8)r.vector);
    world_store(WORLD_CODE, which < count ? list[which] : at + 4, CODE_BYTES);
    r.error = at[3] & 0x80 ? a[2] & 0xffff : at[3] & 0x1f;
    r.rip = at[0] & 2 ? a[1] : WORLD_CODE;
    r.rsp = at[0] & 4 ? a[3] : WORLD_STACK;
    r.cs = selectors[at[0] >> 3 & 3];
    r.ss = FLAT_USER_DS;
    r.rflags = RFLAGS_FIXED | RFLAGS_IF | (a[3] & PV_FLAGS_OF_GUEST);
    world_trap(&r, a[0], at[0] & 0x20);
}

static void trap(unsigned number, const u64 a[ARGUMENTS], const u8 *at)
{
    if (number == TRAP)
        happen(a, at + 2 * ARGUMENTS);
    else if (number == USE_LDT)
        world_ldt(a[0] % (PV_LDT_FRAMES << PAGE_SHIFT));
    else if (number == PRIVILEGED)
        instruction(a, at, privileged, ARRAY_SIZE(privileged), 0);
    else
        instruction(a, at, stores, ARRAY_SIZE(stores),
                    (a[3] & 3 ? (u64)(WORLD_TABLES + 3) << PAGE_SHIFT : a[3] & ~PAGE_OFFSET_MASK) +
                        (a[0] & 63) * sizeof(u64) + (a[3] & 4));
}

static void make_call(const u8 *at)
{
    unsigned who = at[0] & 1, number = at[1] % NUMBERS;
    const char *letters = "";
    u64 a[ARGUMENTS];

    if (at[0] & 2)
        number = STORE + at[1] % (NUMBERS - STORE);
    else if (at[0] & 0xf0) {
        number = shapes[at[1] % ARRAY_SIZE(shapes)].number;
        letters = shapes[at[1] % ARRAY_SIZE(shapes)].letters;
    }
    world_run(who);
    fill(who, at + 2 + 2 * ARGUMENTS);
    for (unsigned i = 0; i < ARGUMENTS; i++)
        a[i] = argument(who, i < strlen(letters) ? letters[i] : 'w', at + 2 + 2 * i);
    if (number < HYPERCALLS)
        world_call(number, a[0], a[1], a[2], a[3]);
    else if (number == STORE)
        world_store(a[0], &a[1], sizeof(a[1]));
    else if (number == STORE_GRANT)
        store_grant(who, at + 2);
    else if (number == USE_GRANT)
        use_grant(who, at + 2);
    else if (number == END_GRANT)
        end_grant(who, at + 2);
    else if (number == SET_GATES)
        set_gates(who, at + 2 + 2 * ARGUMENTS);
    else if (number == LINEAR_L4)
        linear_l4(who, a, at + 2 + 2 * ARGUMENTS);
    else
        trap(number, a, at + 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    world_begin();
    for (unsigned i = 0; i < CALLS_MAX && size >= CALL_BYTES; i++) {
        make_call(data);
        data += CALL_BYTES;
        size -= CALL_BYTES;
    }
    world_end();
    return 0;
}
