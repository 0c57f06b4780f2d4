/*
 * Results and flags of integer operations ("EFLAGS Cross-Reference", and each instruction's page).
 */
#include "alu.h"

/* Zero, sign and parity of a result. */
static u64 result_flags(u64 result, unsigned size)
{
    u64 flags = 0;

    result &= alu_mask(size);
    if (result == 0)
        flags |= RFLAGS_ZF;
    if (result >> (8 * size - 1))
        flags |= RFLAGS_SF;
    if (!__builtin_parity(result & 0xff))
        flags |= RFLAGS_PF;
    return flags;
}

static void set_flags(u64 *rflags, u64 which, u64 flags)
{
    *rflags = (*rflags & ~which) | (flags & which);
}

/* carries: bit n is the carry (borrow) out of bit n; overflow: its sign bit is the overflow. */
static u64 carry_flags(u64 carries, u64 overflow, unsigned size)
{
    unsigned sign = 8 * size - 1;

    return (carries >> sign & 1 ? RFLAGS_CF : 0) | (carries & 8 ? RFLAGS_AF : 0) |
           (overflow >> sign & 1 ? RFLAGS_OF : 0);
}

static u64 add(u64 a, u64 b, bool carry, unsigned size, u64 *rflags, u64 which)
{
    u64 r = a + b + carry;

    set_flags(rflags, which,
              result_flags(r, size) |
                  carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), size));
    return r;
}

static u64 sub(u64 a, u64 b, bool borrow, unsigned size, u64 *rflags, u64 which)
{
    u64 r = a - b - borrow;

    set_flags(rflags, which,
              result_flags(r, size) |
                  carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), size));
    return r;
}

static u64 logic(u64 r, unsigned size, u64 *rflags)
{
    set_flags(rflags, RFLAGS_ARITHMETIC, result_flags(r, size));
    return r;
}

/* ROL, ROR: only CF and OF. count is masked and not 0. */
static u64 rotate(bool left, u64 a, unsigned count, unsigned size, u64 *rflags)
{
    unsigned bits = 8 * size, by = count % bits;
    u64 r = a, carry, sign;

    if (by)
        r = left ? a << by | a >> (bits - by) : a >> by | a << (bits - by);
    r &= alu_mask(size);
    sign = r >> (bits - 1);
    carry = left ? r & 1 : sign;
    set_flags(rflags, RFLAGS_CF | RFLAGS_OF,
              (carry ? RFLAGS_CF : 0) |
                  ((left ? sign ^ carry : sign ^ (r >> (bits - 2) & 1)) ? RFLAGS_OF : 0));
    return r;
}

/* RCL, RCR: through CF, one bit at a time. */
static u64 rotate_carry(bool left, u64 a, unsigned count, unsigned size, u64 *rflags)
{
    unsigned bits = 8 * size;
    u64 carry = *rflags & RFLAGS_CF ? 1 : 0, overflow;

    count %= bits + 1;
    for (unsigned n = 0; n < count; n++) {
        u64 out = left ? a >> (bits - 1) & 1 : a & 1;

        a = left ? a << 1 | carry : a >> 1 | carry << (bits - 1);
        a &= alu_mask(size);
        carry = out;
    }
    overflow = left ? carry ^ a >> (bits - 1) : a >> (bits - 1) ^ (a >> (bits - 2) & 1);
    set_flags(rflags, RFLAGS_CF | RFLAGS_OF,
              (carry ? RFLAGS_CF : 0) | (overflow & 1 ? RFLAGS_OF : 0));
    return a;
}

/* SHL, SHR, SAR. count is masked and not 0. */
static u64 shift(enum operation op, u64 a, unsigned count, unsigned size, u64 *rflags)
{
    unsigned bits = 8 * size;
    u64 r, carry, overflow;

    switch (op) {
    case OP_SHL:
        r = count < bits ? a << count : 0;
        carry = count <= bits ? a >> (bits - count) : 0;
        overflow = r >> (bits - 1) ^ carry;
        break;
    case OP_SHR:
        r = count < bits ? a >> count : 0;
        carry = count <= bits ? a >> (count - 1) : 0;
        overflow = a >> (bits - 1);
        break;
    default:
        a = sign_extend(a, size);
        r = (u64)((s64)a >> count);
        carry = (u64)((s64)a >> (count - 1));
        overflow = 0;
    }
    set_flags(rflags, RFLAGS_ARITHMETIC,
              result_flags(r, size) | (carry & 1 ? RFLAGS_CF : 0) | (overflow & 1 ? RFLAGS_OF : 0));
    return r;
}

/* BT, BTS, BTR, BTC: only CF. */
static u64 bit_test(enum operation op, u64 a, u64 number, unsigned size, u64 *rflags)
{
    u64 bit = 1ULL << (number & (8 * size - 1));

    set_flags(rflags, RFLAGS_CF, a & bit ? RFLAGS_CF : 0);
    switch (op) {
    case OP_BTS:
        return a | bit;
    case OP_BTR:
        return a & ~bit;
    case OP_BTC:
        return a ^ bit;
    default:
        return a;
    }
}

static u64 shift_or_rotate(enum operation op, u64 a, u64 count, unsigned size, u64 *rflags)
{
    count &= size == 8 ? 63 : 31;
    if (count == 0)
        return a;
    switch (op) {
    case OP_ROL:
    case OP_ROR:
        return rotate(op == OP_ROL, a, count, size, rflags);
    case OP_RCL:
    case OP_RCR:
        return rotate_carry(op == OP_RCL, a, count, size, rflags);
    default:
        return shift(op, a, count, size, rflags);
    }
}

static u64 compute(enum operation op, u64 a, u64 b, unsigned size, u64 *rflags)
{
    bool carry = *rflags & RFLAGS_CF;

    switch (op) {
    case OP_ADD:
        return add(a, b, false, size, rflags, RFLAGS_ARITHMETIC);
    case OP_ADC:
        return add(a, b, carry, size, rflags, RFLAGS_ARITHMETIC);
    case OP_SUB:
    case OP_CMP:
        return sub(a, b, false, size, rflags, RFLAGS_ARITHMETIC);
    case OP_SBB:
        return sub(a, b, carry, size, rflags, RFLAGS_ARITHMETIC);
    case OP_INC:
        return add(a, 1, false, size, rflags, RFLAGS_ARITHMETIC & ~RFLAGS_CF);
    case OP_DEC:
        return sub(a, 1, false, size, rflags, RFLAGS_ARITHMETIC & ~RFLAGS_CF);
    case OP_NEG:
        return sub(0, a, false, size, rflags, RFLAGS_ARITHMETIC);
    case OP_OR:
        return logic(a | b, size, rflags);
    case OP_AND:
    case OP_TEST:
        return logic(a & b, size, rflags);
    case OP_XOR:
        return logic(a ^ b, size, rflags);
    case OP_NOT:
        return ~a;
    case OP_BT ... OP_BTC:
        return bit_test(op, a, b, size, rflags);
    default:
        return shift_or_rotate(op, a, b, size, rflags);
    }
}

u64 alu(enum operation op, u64 dst, u64 src, unsigned size, u64 *rflags)
{
    u64 mask = alu_mask(size);

    return compute(op, dst & mask, src & mask, size, rflags) & mask;
}

bool alu_condition(unsigned code, u64 rflags)
{
    bool sf = rflags & RFLAGS_SF, of = rflags & RFLAGS_OF, truth;

    switch (code >> 1 & 7) {
    case 0:
        truth = of;
        break;
    case 1:
        truth = rflags & RFLAGS_CF;
        break;
    case 2:
        truth = rflags & RFLAGS_ZF;
        break;
    case 3:
        truth = rflags & (RFLAGS_CF | RFLAGS_ZF);
        break;
    case 4:
        truth = sf;
        break;
    case 5:
        truth = rflags & RFLAGS_PF;
        break;
    case 6:
        truth = sf != of;
        break;
    default:
        truth = sf != of || (rflags & RFLAGS_ZF);
    }
    return truth != (code & 1);
}
