/*
 * Decimal adjustments ("Decimal Arithmetic Instructions"), which 64-bit code does not have.
 */
#include "alu_wide.h"

enum decimal {
    DIGIT = 0xf,      /* the lower digit's bits */
    DIGIT_ADJUST = 6, /* from 16 to 10 */
    BYTE_ADJUST = 0x60,
};

/* DAA, DAS: AL after an addition or a subtraction of packed digits. */
static u8 adjust_packed(bool add, u8 al, u64 *rflags)
{
    bool low = (al & DIGIT) > 9 || (*rflags & RFLAGS_AF);
    bool high = al > 0x99 || (*rflags & RFLAGS_CF);
    bool borrow = !add && low && al < DIGIT_ADJUST;
    u8 by = (low ? DIGIT_ADJUST : 0) + (high ? BYTE_ADJUST : 0);

    al = add ? al + by : al - by;
    alu(OP_OR, al, 0, 1, rflags);
    *rflags &= ~(RFLAGS_CF | RFLAGS_AF);
    *rflags |= (high || borrow ? RFLAGS_CF : 0) | (low ? RFLAGS_AF : 0);
    return al;
}

/* AAA, AAS: AX after an addition or a subtraction of unpacked digits. */
static u16 adjust_unpacked(bool add, u16 ax, u64 *rflags)
{
    bool adjust = (ax & DIGIT) > 9 || (*rflags & RFLAGS_AF);

    *rflags &= ~(RFLAGS_CF | RFLAGS_AF);
    if (adjust) {
        ax = add ? ax + 0x100 + DIGIT_ADJUST : ax - 0x100 - DIGIT_ADJUST;
        *rflags |= RFLAGS_CF | RFLAGS_AF;
    }
    return ax & (0xff00 | DIGIT);
}

u16 alu_decimal(enum operation op, u16 ax, u8 base, u64 *rflags)
{
    u8 al = (u8)ax, ah = ax >> 8;

    switch (op) {
    case OP_DAA:
    case OP_DAS:
        return (ax & 0xff00) | adjust_packed(op == OP_DAA, al, rflags);
    case OP_AAA:
    case OP_AAS:
        return adjust_unpacked(op == OP_AAA, ax, rflags);
    case OP_AAM:
        alu(OP_OR, al % base, 0, 1, rflags);
        return (u16)(al / base << 8 | al % base);
    default: /* AAD */
        al += ah * base;
        alu(OP_OR, al, 0, 1, rflags);
        return al;
    }
}
