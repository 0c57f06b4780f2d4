/*
 * Arithmetic on two words and bit scans: see alu_wide.h.
 */
#include "alu_wide.h"

typedef unsigned __int128 u128;

static void set_flags(u64 *rflags, u64 which, u64 flags)
{
    *rflags = (*rflags & ~which) | (flags & which);
}

struct wide alu_multiply(u64 a, u64 b, unsigned size, bool is_signed, u64 *rflags)
{
    u64 mask = alu_mask(size);
    struct wide r;
    u128 product;
    bool fits;

    if (is_signed) {
        product = (u128)((__int128)(s64)sign_extend(a, size) * (s64)sign_extend(b, size));
        fits = product == (u128)(__int128)(s64)sign_extend((u64)product, size);
    } else {
        product = (u128)(a & mask) * (b & mask);
        fits = product >> (8 * size) == 0;
    }
    r.low = (u64)product & mask;
    r.high = (u64)(product >> (8 * size)) & mask;
    set_flags(rflags, RFLAGS_CF | RFLAGS_OF, fits ? 0 : RFLAGS_CF | RFLAGS_OF);
    return r;
}

/* a / b, bit by bit, for a quotient of 64 bits: a's upper word is less than b. Written out, as C's
 * own division of such numbers is a library function. */
static u64 divide_128(u128 a, u64 b, u64 *remainder)
{
    u64 quotient = 0, rest = (u64)(a >> 64), low = (u64)a;

    for (unsigned n = 0; n < 64; n++) {
        bool carry = rest >> 63;

        rest = rest << 1 | low >> 63;
        low <<= 1;
        quotient <<= 1;
        if (carry || rest >= b) {
            rest -= b;
            quotient |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

static bool divide_unsigned(u128 dividend, u64 divisor, unsigned size, u64 *quotient, u64 *rest)
{
    if (divisor == 0 || (u64)(dividend >> 64) >= divisor)
        return false;
    *quotient = divide_128(dividend, divisor, rest);
    return (*quotient & ~alu_mask(size)) == 0;
}

/* The quotient is rounded towards 0, and the remainder has the dividend's sign. */
static bool divide_signed(u128 dividend, u64 divisor, unsigned size, u64 *quotient, u64 *rest)
{
    bool negative = dividend >> 127, opposite = negative != (bool)(divisor >> 63);
    u64 magnitude = divisor >> 63 ? -divisor : divisor, most = alu_mask(size) >> 1;

    if (!divide_unsigned(negative ? -dividend : dividend, magnitude, 8, quotient, rest))
        return false;
    if (*quotient > most + opposite)
        return false;
    if (opposite)
        *quotient = -*quotient;
    if (negative)
        *rest = -*rest;
    return true;
}

bool alu_divide(struct wide *dividend, u64 divisor, unsigned size, bool is_signed)
{
    u64 mask = alu_mask(size), quotient, rest;
    u128 value = (u128)(dividend->high & mask) << (8 * size) | (dividend->low & mask);
    unsigned unused = 128 - 16 * size;
    bool good;

    if (is_signed)
        good = divide_signed((u128)((__int128)(value << unused) >> unused),
                             sign_extend(divisor, size), size, &quotient, &rest);
    else
        good = divide_unsigned(value, divisor & mask, size, &quotient, &rest);
    if (good)
        *dividend = (struct wide){.low = quotient & mask, .high = rest & mask};
    return good;
}

/* With 16 bits and more than 16 to shift, what is shifted in is the destination again: the manual
 * leaves that undefined, processors do so. */
u64 alu_double_shift(bool left, u64 dst, u64 fill, unsigned count, unsigned size, u64 *rflags)
{
    unsigned bits = 8 * size;
    u64 mask = alu_mask(size), r, carry;

    count &= size == 8 ? 63 : 31;
    dst &= mask;
    fill &= mask;
    if (count == 0)
        return dst;
    if (count > bits) {
        u64 again = dst;

        dst = fill;
        fill = again;
        count -= bits;
    }
    if (left) {
        r = (count < bits ? dst << count : 0) | fill >> (bits - count);
        carry = dst >> (bits - count);
    } else {
        r = (count < bits ? dst >> count : 0) | fill << (bits - count);
        carry = dst >> (count - 1);
    }
    r &= mask;
    alu(OP_OR, r, 0, size, rflags); /* SF, ZF, PF; the others are set below */
    set_flags(rflags, RFLAGS_CF | RFLAGS_OF,
              (carry & 1 ? RFLAGS_CF : 0) | ((r ^ dst) >> (bits - 1) ? RFLAGS_OF : 0));
    return r;
}

u64 alu_bit_scan(enum operation op, u64 dst, u64 src, unsigned size, u64 *rflags)
{
    unsigned bits = 8 * size;
    u64 result = bits;

    src &= alu_mask(size);
    switch (op) {
    case OP_POPCNT:
        result = 0;
        for (u64 left = src; left; left &= left - 1)
            result++;
        set_flags(rflags, RFLAGS_ARITHMETIC, src ? 0 : RFLAGS_ZF);
        return result;
    case OP_TZCNT:
    case OP_LZCNT:
        if (src)
            result = op == OP_TZCNT ? (u64)__builtin_ctzll(src)
                                    : (u64)__builtin_clzll(src) - (64 - bits);
        set_flags(rflags, RFLAGS_CF | RFLAGS_ZF, (src ? 0 : RFLAGS_CF) | (result ? 0 : RFLAGS_ZF));
        return result;
    default:
        set_flags(rflags, RFLAGS_ZF, src ? 0 : RFLAGS_ZF);
        if (!src)
            return dst;
        return op == OP_BSF ? __builtin_ctzll(src) : 63 - __builtin_clzll(src);
    }
}
