/*
 * The quick way for a guest's store to a page table that is shadowed: the few instructions with
 * which kernels write page-table entries, on 8 aligned bytes, in 64-bit code. Everything else is
 * left to the emulator (instruction.c), whose result these must equal.
 *
 * The page fault has told the address and that the store is permitted; so only the operation, its
 * source and its length are decoded.
 */
#include "cpu.h"
#include "domain.h"
#include "emulate/alu.h"
#include "ledger.h"
#include "paging.h"

enum {
    LOCK = 0xf0,
    REX_W = 0x48, /* REX with W; the low bits are R, X, B */
    REX_MASK = 0xf8,
    REX_R = 4,
    REX_X = 2,
    REX_B = 1,
    TWO_BYTES = 0x0f,
    RM_SIB = 4,     /* ModRM.rm: a SIB byte follows; SIB.index: none */
    RM_NO_BASE = 5, /* ModRM.rm, SIB.base with mod 0: a displacement instead of a base */
};

/* Opcodes; those of two bytes have 0x100 added. */
enum opcode {
    OR_REG = 0x09,
    AND_REG = 0x21,
    GROUP1_IMM32 = 0x81, /* ModRM.reg: operation */
    GROUP1_IMM8 = 0x83,
    XCHG = 0x87,
    MOV_REG = 0x89,
    MOV_IMM32 = 0xc7,
    CMPXCHG = 0x1b1,
    GROUP8_IMM8 = 0x1ba,
};
enum group_operation { GROUP1_OR = 1, GROUP1_AND = 4, GROUP8_BTS = 5, GROUP8_BTR = 6 };

/* An instruction, but for what it does. */
struct store {
    unsigned opcode; /* enum opcode, perhaps */
    unsigned reg;    /* ModRM.reg with REX.R */
    const u8 *rest;  /* what follows the memory operand */
    u64 *entry;      /* what it writes to */
    u64 rflags;      /* flags before, and after */
    bool flags;      /* it changes them */
};

static inline u64 gpr(struct vcpu *v, unsigned number)
{
    if (unlikely(number == RM_SIB)) /* RSP's number too */
        return virt_get(v, VREG_RSP);
    return *(u64 *)((char *)&v->regs + cpu_gpr_offset[number]);
}

static inline s32 read_s32(const u8 *p)
{
    s32 value;

    __builtin_memcpy(&value, p, sizeof(value));
    return value;
}

/* ModRM at p with a memory operand: *ea is its address, but for RIP. Returns what follows. NULL:
 * left to the emulator. */
static inline const u8 *memory_operand(struct vcpu *v, const u8 *p, u8 rex, u64 *ea)
{
    /* lab trap.10: return NULL; */
    unsigned mod = *p >> 6, base = *p & 7;
    u64 address = 0;

    p++;
    if (base == RM_SIB) {
        unsigned index = (*p >> 3 & 7) | (rex & REX_X ? 8 : 0);
        if (index != RM_SIB)
            address = gpr(v, index) << (*p >> 6);
        base = *p++ & 7;
    }
    if (mod == 0 && base == RM_NO_BASE) {
        *ea = address + (u64)(s64)read_s32(p);
        return p + sizeof(s32);
    }
    *ea = address + gpr(v, base | (rex & REX_B ? 8 : 0));
    if (mod == 1) {
        *ea += (u64)(s64)(s8)*p;
        return p + 1;
    }
    if (mod == 2) {
        *ea += (u64)(s64)read_s32(p);
        return p + sizeof(s32);
    }
    return p;
    /* lab end trap.10 */
}

const u8 *cpu_memory_operand(struct vcpu *v, const u8 *p, u8 rex, u64 *ea)
{
    return memory_operand(v, p, rex, ea);
}

/* A read-modify-write with a result of alu.h's, as one atomic access. */
static void __attribute__((noinline)) modify(struct store *s, enum operation op, u64 source)
{
    u64 old = __atomic_load_n(s->entry, __ATOMIC_RELAXED), rflags, value;

    do {
        rflags = s->rflags;
        value = alu(op, old, source, sizeof(u64), &rflags);
    } while (!cpu_exchange(s->entry, sizeof(u64), &old, value));
    s->rflags = rflags;
    s->flags = true;
}

static void __attribute__((noinline)) compare_exchange(struct vcpu *v, struct store *s)
{
    u64 old = v->regs.rax;

    cpu_exchange(s->entry, sizeof(u64), &old, gpr(v, s->reg));
    alu(OP_CMP, v->regs.rax, old, sizeof(u64), &s->rflags);
    v->regs.rax = old;
    s->flags = true;
}

/* The less usual ones. Returns the bytes of immediate, or -1: not one of ours. */
static int __attribute__((noinline)) execute_more(struct vcpu *v, struct store *s)
{
    unsigned reg = s->reg & 7;

    switch (s->opcode) {
    case CMPXCHG:
        compare_exchange(v, s);
        return 0;
    case AND_REG:
    case OR_REG:
        modify(s, s->opcode == AND_REG ? OP_AND : OP_OR, gpr(v, s->reg));
        return 0;
    case GROUP1_IMM8:
    case GROUP1_IMM32:
        if (reg != GROUP1_AND && reg != GROUP1_OR)
            return -1;
        modify(s, reg == GROUP1_AND ? OP_AND : OP_OR,
               (u64)(s64)(s->opcode == GROUP1_IMM8 ? (s8)*s->rest : read_s32(s->rest)));
        return s->opcode == GROUP1_IMM8 ? 1 : sizeof(s32);
    case GROUP8_IMM8:
        if (reg != GROUP8_BTS && reg != GROUP8_BTR)
            return -1;
        modify(s, reg == GROUP8_BTS ? OP_BTS : OP_BTR, *s->rest);
        return 1;
    default:
        return -1;
    }
}

/* Does it. Returns the bytes of immediate, or -1: nothing has been done. */
static inline int execute(struct vcpu *v, struct store *s, bool lock)
{
    u64 source;

    if (likely(s->opcode == XCHG)) {
        source = gpr(v, s->reg);
        source = __atomic_exchange_n(s->entry, source, __ATOMIC_SEQ_CST);
        if (unlikely(s->reg == RM_SIB))
            virt_set(v, VREG_RSP, source);
        else
            *(u64 *)((char *)&v->regs + cpu_gpr_offset[s->reg]) = source;
        return 0;
    }
    if (s->opcode == MOV_REG && !lock) {
        __atomic_store_n(s->entry, gpr(v, s->reg), __ATOMIC_RELAXED);
        return 0;
    }
    if (s->opcode == MOV_IMM32 && !lock && !(s->reg & 7)) {
        __atomic_store_n(s->entry, (u64)(s64)read_s32(s->rest), __ATOMIC_RELAXED);
        return sizeof(s32);
    }
    return execute_more(v, s);
}

/* Decodes up to the memory operand, which must be at gva (or, relative to RIP, is left to the
 * emulator). */
static inline bool decode_store(struct vcpu *v, const u8 *p, u64 gva, struct store *s)
{
    u8 rex = *p++;
    unsigned modrm;
    u64 address;

    if (unlikely((rex & REX_MASK) != REX_W))
        return false;
    s->opcode = *p++;
    if (s->opcode == TWO_BYTES)
        s->opcode = 0x100 | *p++;
    modrm = *p;
    if (unlikely(modrm >> 6 == 3 || (modrm & 0xc7) == RM_NO_BASE))
        return false;
    s->reg = (modrm >> 3 & 7) | (rex & REX_R) << 1;
    s->rest = memory_operand(v, p, rex, &address);
    return likely(s->rest) && address == gva;
}

/*
 * Tour 47: a store to a page table. Now the guest's handler maps the page: one store to its page
 * table, which is write-protected, so it faults. The fault says where but not what, so the
 * instruction must be executed for the guest. Kernels write entries with a handful of instructions,
 * and these are done here; anything else goes the long way (cpu_emulate).
 */
bool cpu_store_to_table(struct vcpu *v, const struct exit *e, void *entry)
{
    struct virt_vcpu *x = v->virt;
    u64 rip = x->reg[VREG_RIP];
    const u8 *code = paging_code(v, rip);
    struct store s;
    bool lock;
    int immediate;

    if (unlikely(!code || (rip & PAGE_OFFSET_MASK) > PAGE_SIZE - INSN_MAX || e->gva % sizeof(u64)))
        return false;
    lock = *code == LOCK;
    s.entry = entry;
    s.flags = false;
    s.rflags = virt_ops->plain_64bit(v);
    if (unlikely(!s.rflags || !decode_store(v, code + lock, e->gva, &s)))
        return false;
    immediate = execute(v, &s, lock);
    if (unlikely(immediate < 0))
        return false;
    paging_table_stored(v->domain, entry);
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    if (unlikely(s.flags || s.rflags & RFLAGS_RF))
        virt_set(v, VREG_RFLAGS, s.rflags & ~RFLAGS_RF);
    x->reg[VREG_RIP] = rip + (u64)(s.rest - code) + (u64)immediate;
    x->dirty |= 1u << VREG_RIP;
    return true;
}
