/*
 * The short way for MOV between memory and a register or immediate: [REX] 89, 8B or C7 /0, the
 * forms in which kernels write page-table entries and reach device registers. Table and handler
 * would do the same in three times as many instructions; whatever is unusual is left to them.
 */
#include "executor.h"

enum rex_fields { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };
enum modrm_fields { MOD_NONE, MOD_DISP8, MOD_DISP32, RM_SIB = 4, RM_DISP32 = 5 };
/* Canonical addresses plus this are 0 to twice this: one comparison for both ends of 8 bytes. */
#define HALF_SPACE (1ULL << 47)

static inline s32 take_s32(const u8 **p)
{
    s32 value;

    __builtin_memcpy(&value, *p, sizeof(value));
    *p += sizeof(value);
    return value;
}

/* The effective address of the memory operand whose ModRM byte is at *p, in 64-bit code; *p is
 * moved behind it. If *rip_relative, the next instruction's address is still to be added. False:
 * left to the decoder. */
static inline bool short_address(const struct emulate_ctx *ctx, unsigned rex, const u8 **p,
                                 u64 *out, bool *rip_relative)
{
    /* lab trap.10: return false; */
    unsigned mod = **p >> 6, base = **p & 7;
    u64 address = 0;

    ++*p;
    *rip_relative = false;
    if (base == RM_SIB) {
        unsigned sib = *(*p)++, index = (sib >> 3 & 7) | (rex & REX_X) << 2;

        if (index != REG_RSP)
            address = *gpr(ctx, index) << (sib >> 6);
        base = sib & 7;
        if (mod == MOD_NONE && base == RM_DISP32) {
            *out = address + take_s32(p);
            return true;
        }
    } else if (mod == MOD_NONE && base == RM_DISP32) {
        *rip_relative = true;
        *out = take_s32(p);
        return true;
    }
    address += *gpr(ctx, base | (rex & REX_B) << 3);
    if (mod == MOD_DISP8)
        address += (s8) * (*p)++;
    else if (mod == MOD_DISP32)
        address += take_s32(p);
    *out = address;
    return true;
    /* lab end trap.10 */
}

enum emulate_result short_mov(struct emulate_ctx *ctx)
{
    const u8 *p = ctx->bytes;
    unsigned rex = is_rex(*p) ? *p++ : 0, opcode = *p++, modrm = *p;
    unsigned size = rex & REX_W ? 8 : 4, reg = (modrm >> 3 & 7) | (rex & REX_R) << 1, length;
    enum emulate_result result;
    bool rip_relative;
    u64 la, value;

    if (unlikely(!short_address(ctx, rex, &p, &la, &rip_relative)))
        return SHORT_NOT;
    if (opcode == MOV_STORE_IMM) {
        if (modrm >> 3 & 7)
            return SHORT_NOT;
        value = take_s32(&p);
    } else {
        value = *gpr(ctx, reg);
    }
    length = p - ctx->bytes;
    if (unlikely(rip_relative))
        la += ctx->regs->rip + length;
    if (unlikely(length > ctx->fetched || la + HALF_SPACE > 2 * HALF_SPACE - 8))
        return SHORT_NOT;
    ctx->insn.length = length;
    ctx->insn.operation = OP_MOV;
    ctx->insn.operand_size = size;
    if (opcode != MOV_LOAD)
        return HOOK(ctx, write, la, size == 4 ? (u32)value : value, size);
    result = HOOK(ctx, read, la, &value, size, EMULATE_READ);
    if (likely(result == EMULATE_OK))
        *gpr(ctx, reg) = value;
    return result;
}
