/*
 * The quick way to a device's memory: the moves of 32 bits with which kernels reach their interrupt
 * controllers, in 64-bit code. Everything else is left to the emulator (instruction.c), whose
 * result these must equal.
 *
 * The exit has told the address and that the guest's own tables permit the access; so only the
 * move, its register and its length are decoded. What has to be found through the guest's tables,
 * its code and, under shadow paging, the device, is found again at once: as long as the entries
 * that led there are what they were, so is the page. (The bytes of code are read anew each time.)
 */
#include "cpu.h"
#include "decode.h"
#include "domain.h"
#include "ledger.h"
#include "log.h"
#include "mmio.h"
#include "paging.h"
#include "physmap.h"
#include "x86.h"

enum {
    REX = 0x40,
    REX_MASK = 0xf8, /* REX without W */
    REX_R = 4,
    REX_B = 1,
    MOD_AND_RM = 0xc7,
    RM_RIP = 5, /* mod 0: relative to RIP */
    RM_SIB = 4,
    WIDTH = 4,
};
enum opcode {
    MOV_TO_MEMORY = 0x89,
    MOV_FROM_MEMORY = 0x8b,
    MOV_FROM_ADDRESS = 0xa1, /* EAX, and an address of 64 bits */
    MOV_TO_ADDRESS = 0xa3,
    MOV_IMMEDIATE = 0xc7,
};

/* A register that the exit, or plain_64bit_root, has put into the cache. */
static inline u64 known(const struct vcpu *v, enum virt_reg r)
{
    ASSERT(v->virt->valid >> r & 1);
    return v->virt->reg[r];
}

/* Follows the tables of 64-bit code to a page. False: they do not lead to one. */
static bool __attribute__((noinline)) find(struct vcpu *v, struct walked_page *w, u64 page)
{
    u64 entry = known(v, VREG_CR3), size = PAGE_SIZE;

    *w = (struct walked_page){.cr3 = entry, .page = page, .rights = PTE_W | PTE_U};
    for (unsigned i = 0; i < CODE_LEVELS; i++) {
        unsigned level = CODE_LEVELS - i;
        w->entry[i] = &w->value[i];
        if (size > PAGE_SIZE) /* a large page's */
            continue;
        const u64 *table = physmap_map(v->domain, gpa_to_gfn(gpa_of(entry & PTE_ADDR)));
        if (!table)
            return false;
        w->entry[i] = &table[pt_index(page, level)];
        entry = w->value[i] = __atomic_load_n(w->entry[i], __ATOMIC_RELAXED);
        if (!(entry & PTE_P))
            return false;
        w->rights &= entry;
        if (level > 1 && level < CODE_LEVELS && entry & PTE_PS)
            size = 1ULL << (PAGE_SHIFT + 9 * (level - 1));
    }
    w->dirty = entry & PTE_D;
    w->gpa = (entry & PTE_ADDR & ~(size - 1)) | (page & (size - 1));
    w->found = true;
    return true;
}

static inline u64 changed(const struct walked_page *w, unsigned i)
{
    return __atomic_load_n(w->entry[i], __ATOMIC_RELAXED) ^ w->value[i];
}

/* What was found is still so if the same entries lead there: RAM stays where it is. */
static inline bool still_there(const struct vcpu *v, const struct walked_page *w)
{
    return w->found && w->cr3 == known(v, VREG_CR3) &&
           !(changed(w, 0) | changed(w, 1) | changed(w, 2) | changed(w, 3));
}

/* The page that the processor has just fetched from, so that no right needs a check. */
static const u8 *__attribute__((noinline)) find_code(struct vcpu *v, u64 page)
{
    struct walked_page *w = &v->virt->code;

    if (find(v, w, page))
        w->bytes = physmap_map(v->domain, gpa_to_gfn(gpa_of(w->gpa)));
    w->found = w->bytes;
    return w->bytes;
}

/* The guest's code at rip, good for an instruction; NULL: left to the emulator. */
static inline const u8 *code_at(struct vcpu *v, u64 rip)
{
    const struct walked_page *w = &v->virt->code;
    u64 page = rip & ~PAGE_OFFSET_MASK;
    const u8 *code;

    if (unlikely((rip & PAGE_OFFSET_MASK) > PAGE_SIZE - INSN_MAX))
        return NULL;
    code = likely(w->page == page && still_there(v, w)) ? w->bytes : find_code(v, page);
    return code ? code + (rip & PAGE_OFFSET_MASK) : NULL;
}

/* What follows a memory operand, whose ModRM byte is at p. */
static inline const u8 *behind_operand(const u8 *p)
{
    unsigned mod = *p >> 6, base = *p & 7;

    p++;
    if (base == RM_SIB)
        base = *p++ & 7;
    if (mod == 1)
        return p + 1;
    return mod == 2 || base == RM_RIP ? p + sizeof(s32) : p;
}

/* The operand, whose ModRM byte is at p, is what the exit is for. It is, but if it may begin in the
 * page before the device's: only such an access is not aligned, or stopped at a page's first byte.
 */
static inline bool is_operand(struct vcpu *v, const struct exit *e, const u8 *p, u8 rex)
{
    u64 address;

    if (likely((e->gva & PAGE_OFFSET_MASK) && !(e->gva % WIDTH)))
        return true;
    if (likely(!(*p >> 6) && (*p & 7) != RM_SIB && (*p & 7) != RM_RIP))
        return cpu_gpr_quickly(v, (*p & 7) | (rex & REX_B) << 3) == e->gva;
    return (*p & MOD_AND_RM) != RM_RIP && cpu_memory_operand(v, p, rex, &address) &&
           address == e->gva;
}

static inline void set_gpr32(struct vcpu *v, unsigned reg, u32 value)
{
    if (likely(reg != CPU_GPR_RSP))
        *(u64 *)((char *)&v->regs + cpu_gpr_offset[reg]) = value;
    else
        cpu_set_gpr(v, reg, value);
}

/* EAX and the address behind the opcode. Returns what follows; NULL: nothing has been done. */
static const u8 *move_address(struct vcpu *v, const struct exit *e, u8 opcode, const u8 *p)
{
    u64 address;

    __builtin_memcpy(&address, p, sizeof(address));
    if (address != e->gva)
        return NULL;
    if (opcode == MOV_FROM_ADDRESS)
        v->regs.rax = (u32)mmio_read(v, e->gpa, WIDTH);
    else
        mmio_write(v, e->gpa, WIDTH, (u32)v->regs.rax);
    return p + sizeof(address);
}

/* The move whose code is at p. Returns what follows; NULL: nothing has been done. */
static inline const u8 *move(struct vcpu *v, const struct exit *e, const u8 *p)
{
    u8 rex = (*p & REX_MASK) == REX ? *p++ : 0, opcode = *p++;
    unsigned reg = (*p >> 3 & 7) | (rex & REX_R) << 1;
    const u8 *rest;
    u32 immediate;

    if (opcode == MOV_FROM_ADDRESS || opcode == MOV_TO_ADDRESS)
        return move_address(v, e, opcode, p);
    if (unlikely(*p >> 6 == 3 || !is_operand(v, e, p, rex)))
        return NULL;
    rest = behind_operand(p);
    switch (opcode) {
    case MOV_FROM_MEMORY:
        set_gpr32(v, reg, (u32)mmio_read(v, e->gpa, WIDTH));
        return rest;
    case MOV_TO_MEMORY:
        mmio_write(v, e->gpa, WIDTH,
                   (u32)(reg == CPU_GPR_RSP ? cpu_gpr(v, reg) : cpu_gpr_quickly(v, reg)));
        return rest;
    case MOV_IMMEDIATE:
        if (reg & 7)
            return NULL;
        __builtin_memcpy(&immediate, rest, sizeof(immediate));
        mmio_write(v, e->gpa, WIDTH, immediate);
        return rest + sizeof(immediate);
    default:
        return NULL;
    }
}

/* With RFLAGS as plain_64bit_root has it, at e->gpa, which is no RAM. */
static inline bool access_device(struct vcpu *v, const struct exit *e, u64 rflags)
{
    u64 rip = known(v, VREG_RIP);
    const u8 *code, *rest;

    if (unlikely((e->gpa & PAGE_OFFSET_MASK) > PAGE_SIZE - WIDTH))
        return false;
    code = code_at(v, rip);
    rest = code ? move(v, e, code) : NULL;
    if (unlikely(!rest))
        return false;
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    if (unlikely(rflags & RFLAGS_RF))
        virt_set(v, VREG_RFLAGS, rflags & ~RFLAGS_RF);
    v->virt->reg[VREG_RIP] = rip + (u64)(rest - code);
    v->virt->dirty |= 1u << VREG_RIP;
    return true;
}

/* Keeps where a device was found by a page fault, if only the kernel may go there: then nothing
 * but a read-only entry could forbid an access. */
static void __attribute__((noinline)) remember_device(struct vcpu *v, const struct exit *e)
{
    struct walked_page *w = &v->virt->device;

    w->found = find(v, w, e->gva & ~PAGE_OFFSET_MASK) && w->rights == PTE_W &&
               w->gpa == (e->gpa & ~PAGE_OFFSET_MASK);
}

bool cpu_mmio_quickly(struct vcpu *v, const struct exit *e)
{
    u64 rflags;

    if (e->gpa < v->domain->config.mem_bytes ||
        (e->reason == EXIT_STAGE2 && (!e->gva_valid || e->on_table_walk)))
        return false;
    rflags = virt_ops->plain_64bit_root(v);
    if (!rflags)
        return false;
    if (e->reason == EXIT_PAGE_FAULT)
        remember_device(v, e);
    return access_device(v, e, rflags);
}

bool cpu_mmio_again(struct vcpu *v, struct exit *e)
{
    const struct walked_page *w = &v->virt->device;
    u64 rflags;

    if (likely(w->page != (e->gva & ~PAGE_OFFSET_MASK)) || e->error & (PF_U | PF_I) ||
        (e->error & PF_W && !w->dirty))
        return false;
    rflags = virt_ops->plain_64bit_root(v);
    if (!rflags || !still_there(v, w))
        return false;
    e->gpa = w->gpa | (e->gva & PAGE_OFFSET_MASK);
    return access_device(v, e, rflags);
}
