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
#include "physmap.h"

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

/* What an instruction does to the 8 bytes. */
struct store {
    enum operation op; /* OP_MOV, OP_XCHG, OP_CMPXCHG, OP_AND, OP_OR, OP_BTS, OP_BTR */
    u64 source;        /* operand: a value, or a bit number */
    u8 reg;            /* register of the source */
    u8 length;         /* of the instruction */
};

static inline s32 read_s32(const u8 *p)
{
    s32 value;

    __builtin_memcpy(&value, p, sizeof(value));
    return value;
}

/* ModRM at p with a memory operand: *ea is its address, but for RIP. Returns what follows. */
static inline const u8 *memory_operand(struct vcpu *v, const u8 *p, u8 rex, u64 *ea)
{
    unsigned mod = *p >> 6, base = *p & 7;
    u64 address = 0;

    p++;
    if (base == RM_SIB) {
        unsigned index = (*p >> 3 & 7) | (rex & REX_X ? 8 : 0);
        if (index != RM_SIB)
            address = cpu_gpr(v, index) << (*p >> 6);
        base = *p++ & 7;
    }
    if (mod == 0 && base == RM_NO_BASE) {
        *ea = address + (u64)(s64)read_s32(p);
        return p + sizeof(s32);
    }
    *ea = address + cpu_gpr(v, base | (rex & REX_B ? 8 : 0));
    if (mod == 1) {
        *ea += (u64)(s64)(s8)*p;
        return p + 1;
    }
    if (mod == 2) {
        *ea += (u64)(s64)read_s32(p);
        return p + sizeof(s32);
    }
    return p;
}

/* The operation, and the source if it is an immediate at p; false: not one of ours. */
static inline bool operation_of(unsigned opcode, unsigned reg, const u8 *p, struct store *out)
{
    out->op = OP_MOV;
    switch (opcode) {
    case MOV_REG:
        return true;
    case MOV_IMM32:
        out->source = (u64)(s64)read_s32(p);
        out->length += sizeof(s32);
        return reg == 0;
    case XCHG:
        out->op = OP_XCHG;
        return true;
    case CMPXCHG:
        out->op = OP_CMPXCHG;
        return true;
    case AND_REG:
        out->op = OP_AND;
        return true;
    case OR_REG:
        out->op = OP_OR;
        return true;
    case GROUP1_IMM8:
    case GROUP1_IMM32:
        out->op = reg == GROUP1_AND ? OP_AND : OP_OR;
        out->source = (u64)(s64)(opcode == GROUP1_IMM8 ? (s8)*p : read_s32(p));
        out->length += opcode == GROUP1_IMM8 ? 1 : sizeof(s32);
        return reg == GROUP1_AND || reg == GROUP1_OR;
    case GROUP8_IMM8:
        out->op = reg == GROUP8_BTS ? OP_BTS : OP_BTR;
        out->source = *p;
        out->length++;
        return reg == GROUP8_BTS || reg == GROUP8_BTR;
    default:
        return false;
    }
}

/* The instruction at code, for which INSN_MAX bytes are there. False: left to the emulator. */
static inline bool decode_store(struct vcpu *v, const u8 *code, u64 rip, u64 gva, struct store *out)
{
    const u8 *p = code;
    bool lock = *p == LOCK;
    unsigned opcode, modrm;
    u64 ea;
    u8 rex;

    p += lock;
    rex = *p++;
    if (unlikely((rex & REX_MASK) != REX_W))
        return false;
    opcode = *p++;
    if (opcode == TWO_BYTES)
        opcode = 0x100 | *p++;
    modrm = *p;
    if (unlikely(modrm >> 6 == 3))
        return false;
    p = memory_operand(v, p, rex, &ea);
    out->reg = (u8)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0));
    out->source = cpu_gpr(v, out->reg);
    out->length = (u8)(p - code);
    if (unlikely(!operation_of(opcode, modrm >> 3 & 7, p, out)) || (lock && out->op == OP_MOV))
        return false;
    if (unlikely((modrm & 0xc7) == RM_NO_BASE))
        ea += rip + out->length;
    return ea == gva;
}

/* Does it, as one atomic access. */
static inline void execute(struct vcpu *v, u64 *at, const struct store *s)
{
    u64 old = __atomic_load_n(at, __ATOMIC_RELAXED), value, rflags;

    switch (s->op) {
    case OP_MOV:
        __atomic_store_n(at, s->source, __ATOMIC_SEQ_CST);
        return;
    case OP_XCHG:
        cpu_set_gpr(v, s->reg, __atomic_exchange_n(at, s->source, __ATOMIC_SEQ_CST));
        return;
    case OP_CMPXCHG:
        rflags = virt_get(v, VREG_RFLAGS);
        old = v->regs.rax;
        cpu_exchange(at, sizeof(*at), &old, s->source);
        alu(OP_CMP, v->regs.rax, old, sizeof(*at), &rflags);
        v->regs.rax = old;
        break;
    default:
        do {
            rflags = virt_get(v, VREG_RFLAGS);
            value = alu(s->op, old, s->source, sizeof(*at), &rflags);
        } while (!cpu_exchange(at, sizeof(*at), &old, value));
    }
    virt_set(v, VREG_RFLAGS, rflags);
}

bool cpu_store_to_table(struct vcpu *v, const struct exit *e, u64 gpa)
{
    u64 rip = virt_get(v, VREG_RIP);
    const u8 *code = paging_code(v, rip);
    struct segment cs;
    struct store s;

    if (unlikely(!code || (rip & PAGE_OFFSET_MASK) > PAGE_SIZE - INSN_MAX || gpa % sizeof(u64)))
        return false;
    virt_get_segment(v, SEG_CS, &cs);
    if (unlikely(!(cs.attr & SEG_ATTR_L) || !decode_store(v, code, rip, e->gva, &s)))
        return false;
    char *page = physmap_map(v->domain, gpa_to_gfn(gpa_of(gpa)));
    execute(v, (u64 *)(page + (gpa & PAGE_OFFSET_MASK)), &s);
    paging_guest_written(v->domain, gpa, sizeof(u64));
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    virt_skip(v, s.length);
    return true;
}
