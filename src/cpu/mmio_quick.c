/*
 * The quick way to a device's memory: the moves of 32 bits with which kernels reach their interrupt
 * controllers, in 64-bit code. Everything else is left to the emulator (instruction.c), whose
 * result these must equal.
 *
 * The exit has told the address and that the guest's own tables permit the access; so only the
 * move, its register and its length are decoded.
 */
#include "cpu.h"
#include "decode.h"
#include "domain.h"
#include "ledger.h"
#include "mmio.h"
#include "paging.h"
#include "physmap.h"
#include "x86.h"

enum {
    REX = 0x40,
    REX_MASK = 0xf8, /* REX without W */
    REX_R = 4,
    RM_RIP = 5, /* mod 0: relative to RIP */
    WIDTH = 4,
};
enum opcode { MOV_TO_MEMORY = 0x89, MOV_FROM_MEMORY = 0x8b, MOV_IMMEDIATE = 0xc7 };

/* Walks the tables of 64-bit code to the page that the processor has just fetched from, so that no
 * right needs a check. NULL: a table is not where RAM is. */
static const u8 *__attribute__((noinline)) find_code(struct vcpu *v, u64 page)
{
    struct code_page *c = &v->virt->code;
    u64 entry = virt_get(v, VREG_CR3), offset;

    *c = (struct code_page){.cr3 = entry, .page = page};
    for (unsigned level = CODE_LEVELS; level > 0; level--) {
        const u64 *table = physmap_map(v->domain, gpa_to_gfn(gpa_of(entry & PTE_ADDR)));
        if (!table)
            return NULL;
        c->entry[c->levels] = &table[pt_index(page, level)];
        entry = __atomic_load_n(c->entry[c->levels], __ATOMIC_RELAXED);
        c->value[c->levels++] = entry;
        if (!(entry & PTE_P))
            return NULL;
        if (level > 1 && level < CODE_LEVELS && entry & PTE_PS) {
            offset = page & ((1ULL << (PAGE_SHIFT + 9 * (level - 1))) - 1);
            entry = (entry & PTE_ADDR & ~((1ULL << (PAGE_SHIFT + 9 * (level - 1))) - 1)) + offset;
            break;
        }
    }
    c->bytes = physmap_map(v->domain, gpa_to_gfn(gpa_of(entry & PTE_ADDR)));
    return c->bytes;
}

/* What was found is still so if the same entries lead there: RAM stays where it is. */
static bool still_there(struct vcpu *v, const struct code_page *c, u64 page)
{
    if (!c->bytes || c->page != page || c->cr3 != virt_get(v, VREG_CR3))
        return false;
    for (unsigned i = 0; i < c->levels; i++)
        if ((__atomic_load_n(c->entry[i], __ATOMIC_RELAXED) ^ c->value[i]) & ~(PTE_A | PTE_D))
            return false;
    return true;
}

/* The guest's code at rip, good for an instruction; NULL: left to the emulator. */
static const u8 *code_at(struct vcpu *v, u64 rip)
{
    const u8 *code = paging_code(v, rip);
    u64 page = rip & ~PAGE_OFFSET_MASK;

    if ((rip & PAGE_OFFSET_MASK) > PAGE_SIZE - INSN_MAX)
        return NULL;
    if (code)
        return code;
    code = likely(still_there(v, &v->virt->code, page)) ? v->virt->code.bytes : find_code(v, page);
    return code ? code + (rip & PAGE_OFFSET_MASK) : NULL;
}

/* Does it. Returns the bytes of immediate, or -1: nothing has been done. */
static int execute(struct vcpu *v, u64 gpa, u8 opcode, unsigned reg, const u8 *rest)
{
    u32 immediate;

    switch (opcode) {
    case MOV_FROM_MEMORY:
        cpu_set_gpr(v, reg, (u32)mmio_read(v, gpa, WIDTH));
        return 0;
    case MOV_TO_MEMORY:
        mmio_write(v, gpa, WIDTH, (u32)cpu_gpr(v, reg));
        return 0;
    case MOV_IMMEDIATE:
        if (reg & 7)
            return -1;
        __builtin_memcpy(&immediate, rest, sizeof(immediate));
        mmio_write(v, gpa, WIDTH, immediate);
        return sizeof(immediate);
    default:
        return -1;
    }
}

bool cpu_mmio_quickly(struct vcpu *v, const struct exit *e)
{
    u64 rip = virt_get(v, VREG_RIP), rflags = virt_ops->plain_64bit(v), address;
    const u8 *code, *p, *rest;
    u8 rex = 0, opcode;
    int immediate;

    if (!rflags || e->gpa < v->domain->config.mem_bytes ||
        (e->gpa & PAGE_OFFSET_MASK) > PAGE_SIZE - WIDTH ||
        (e->reason == EXIT_STAGE2 && (!e->gva_valid || e->on_table_walk)))
        return false;
    code = p = code_at(v, rip);
    if (!code)
        return false;
    if ((*p & REX_MASK) == REX)
        rex = *p++;
    opcode = *p++;
    if (*p >> 6 == 3 || (*p & 0xc7) == RM_RIP)
        return false;
    rest = cpu_memory_operand(v, p, rex, &address);
    if (!rest || address != e->gva)
        return false;
    immediate = execute(v, e->gpa, opcode, (*p >> 3 & 7) | (rex & REX_R) << 1, rest);
    if (immediate < 0)
        return false;
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    if (unlikely(rflags & RFLAGS_RF))
        virt_set(v, VREG_RFLAGS, rflags & ~RFLAGS_RF);
    virt_set(v, VREG_RIP, rip + (u64)(rest - code) + (u64)immediate);
    return true;
}
