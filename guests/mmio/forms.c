/*
 * The instructions, and their bytes. Source: SDM, "Instruction Format", "Instruction Set
 * Reference".
 */
#include "mmio.h"

enum { RMW = KIND_WRITES | KIND_LOCK, RMW8 = RMW | KIND_BYTE, ANY_IMM = IMM_FULL };

#define ALU(name, n, locks, writes)                                                                \
    {name " m,r", 0, 0, 8 * (n), -1, 0, INT_WIDTHS, KIND_BYTE | (locks) | (writes), FLAGS_ALL},    \
        {name " r,m", 0, 0, 8 * (n) + 2, -1, 0, INT_WIDTHS, KIND_BYTE, FLAGS_ALL},                 \
        {name " m,imm", 0, 0, 0x80, n, ANY_IMM, INT_WIDTHS, KIND_BYTE | (locks) | (writes),        \
         FLAGS_ALL},                                                                               \
    {                                                                                              \
        name " m,imm8", 0, 0, 0x83, n, 1, W16 | W32 | W64, (locks) | (writes), FLAGS_ALL           \
    }
#define SHIFT(name, n, one, more)                                                                   \
    {name " m,1", 0, 0, 0xd0, n, 0, INT_WIDTHS, KIND_WRITES | KIND_BYTE, one},                      \
        {name " m,imm8", 0, 0, 0xc0, n, 1, INT_WIDTHS, KIND_WRITES | KIND_BYTE | KIND_COUNT, more}, \
    {                                                                                               \
        name " m,cl", 0, 0, 0xd2, n, 0, INT_WIDTHS, KIND_WRITES | KIND_BYTE | KIND_COUNT, more      \
    }
#define BIT(name, mr, n, locks, writes)                                                            \
    {name " m,r", 0, 0x0f, mr, -1, 0, W16 | W32 | W64, KIND_BIT | (locks) | (writes), FLAG_CF},    \
    {                                                                                              \
        name " m,imm8", 0, 0x0f, 0xba, n, 1, W16 | W32 | W64, (locks) | (writes), FLAG_CF          \
    }
#define WIDE       (W16 | W32 | W64)
#define UNTOUCHED  FLAGS_ALL
#define VEX_WIDTHS (W128 | W256)

const struct form forms[] = {
    ALU("add", 0, KIND_LOCK, KIND_WRITES),
    ALU("or", 1, KIND_LOCK, KIND_WRITES),
    ALU("adc", 2, KIND_LOCK, KIND_WRITES),
    ALU("sbb", 3, KIND_LOCK, KIND_WRITES),
    ALU("and", 4, KIND_LOCK, KIND_WRITES),
    ALU("sub", 5, KIND_LOCK, KIND_WRITES),
    ALU("xor", 6, KIND_LOCK, KIND_WRITES),
    ALU("cmp", 7, 0, 0),
    {"test m,r", 0, 0, 0x84, -1, 0, INT_WIDTHS, KIND_BYTE, FLAGS_LOGIC},
    {"test m,imm", 0, 0, 0xf6, 0, ANY_IMM, INT_WIDTHS, KIND_BYTE, FLAGS_LOGIC},
    {"xchg", 0, 0, 0x86, -1, 0, INT_WIDTHS, RMW8, UNTOUCHED},
    {"mov m,r", 0, 0, 0x88, -1, 0, INT_WIDTHS, KIND_WRITES | KIND_BYTE, UNTOUCHED},
    {"mov r,m", 0, 0, 0x8a, -1, 0, INT_WIDTHS, KIND_BYTE, UNTOUCHED},
    {"mov m,imm", 0, 0, 0xc6, 0, ANY_IMM, INT_WIDTHS, KIND_WRITES | KIND_BYTE, UNTOUCHED},
    {"not", 0, 0, 0xf6, 2, 0, INT_WIDTHS, RMW8, UNTOUCHED},
    {"neg", 0, 0, 0xf6, 3, 0, INT_WIDTHS, RMW8, FLAGS_ALL},
    {"mul", 0, 0, 0xf6, 4, 0, INT_WIDTHS, KIND_BYTE, FLAG_CF | FLAG_OF},
    {"imul", 0, 0, 0xf6, 5, 0, INT_WIDTHS, KIND_BYTE, FLAG_CF | FLAG_OF},
    {"inc", 0, 0, 0xfe, 0, 0, INT_WIDTHS, RMW8, FLAGS_ALL},
    {"dec", 0, 0, 0xfe, 1, 0, INT_WIDTHS, RMW8, FLAGS_ALL},
    SHIFT("rol", 0, FLAGS_ALL, FLAGS_ALL & ~FLAG_OF),
    SHIFT("ror", 1, FLAGS_ALL, FLAGS_ALL & ~FLAG_OF),
    SHIFT("rcl", 2, FLAGS_ALL, FLAGS_ALL & ~FLAG_OF),
    SHIFT("rcr", 3, FLAGS_ALL, FLAGS_ALL & ~FLAG_OF),
    SHIFT("shl", 4, FLAGS_LOGIC, FLAGS_SHIFT),
    SHIFT("shr", 5, FLAGS_LOGIC, FLAGS_SHIFT),
    SHIFT("sar", 7, FLAGS_LOGIC, FLAGS_SHIFT),
    {"movsxd", 0, 0, 0x63, -1, 0, W64, 0, UNTOUCHED},
    {"imul r,m,imm", 0, 0, 0x69, -1, ANY_IMM, WIDE, 0, FLAG_CF | FLAG_OF},
    {"imul r,m,imm8", 0, 0, 0x6b, -1, 1, WIDE, 0, FLAG_CF | FLAG_OF},
    {"imul r,m", 0, 0x0f, 0xaf, -1, 0, WIDE, 0, FLAG_CF | FLAG_OF},
    {"cmovc", 0, 0x0f, 0x42, -1, 0, WIDE, 0, UNTOUCHED},
    {"cmovg", 0, 0x0f, 0x4f, -1, 0, WIDE, 0, UNTOUCHED},
    {"setz", 0, 0x0f, 0x94, 0, 0, W8, KIND_WRITES, UNTOUCHED},
    {"setl", 0, 0x0f, 0x9c, 0, 0, W8, KIND_WRITES, UNTOUCHED},
    BIT("bt", 0xa3, 4, 0, 0),
    BIT("bts", 0xab, 5, KIND_LOCK, KIND_WRITES),
    BIT("btr", 0xb3, 6, KIND_LOCK, KIND_WRITES),
    BIT("btc", 0xbb, 7, KIND_LOCK, KIND_WRITES),
    {"shld imm8", 0, 0x0f, 0xa4, -1, 1, W32 | W64, KIND_WRITES | KIND_COUNT, FLAGS_SHIFT},
    {"shld cl", 0, 0x0f, 0xa5, -1, 0, W32 | W64, KIND_WRITES | KIND_COUNT, FLAGS_SHIFT},
    {"shrd imm8", 0, 0x0f, 0xac, -1, 1, W32 | W64, KIND_WRITES | KIND_COUNT, FLAGS_SHIFT},
    {"shrd cl", 0, 0x0f, 0xad, -1, 0, W32 | W64, KIND_WRITES | KIND_COUNT, FLAGS_SHIFT},
    {"cmpxchg", 0, 0x0f, 0xb0, -1, 0, INT_WIDTHS, RMW8, FLAGS_ALL},
    {"xadd", 0, 0x0f, 0xc0, -1, 0, INT_WIDTHS, RMW8, FLAGS_ALL},
    {"movzx r,m8", 0, 0x0f, 0xb6, -1, 0, WIDE, 0, UNTOUCHED},
    {"movzx r,m16", 0, 0x0f, 0xb7, -1, 0, W32 | W64, 0, UNTOUCHED},
    {"movsx r,m8", 0, 0x0f, 0xbe, -1, 0, WIDE, 0, UNTOUCHED},
    {"movsx r,m16", 0, 0x0f, 0xbf, -1, 0, W32 | W64, 0, UNTOUCHED},
    {"movnti", 0, 0x0f, 0xc3, -1, 0, W32 | W64, KIND_WRITES, UNTOUCHED},
    {"movups x,m", 0, 0x0f, 0x10, -1, 0, W128, 0, UNTOUCHED},
    {"movups m,x", 0, 0x0f, 0x11, -1, 0, W128, KIND_WRITES, UNTOUCHED},
    {"movupd x,m", 0x66, 0x0f, 0x10, -1, 0, W128, 0, UNTOUCHED},
    {"movaps x,m", 0, 0x0f, 0x28, -1, 0, W128, KIND_ALIGNED, UNTOUCHED},
    {"movaps m,x", 0, 0x0f, 0x29, -1, 0, W128, KIND_WRITES | KIND_ALIGNED, UNTOUCHED},
    {"movdqa x,m", 0x66, 0x0f, 0x6f, -1, 0, W128, KIND_ALIGNED, UNTOUCHED},
    {"movdqa m,x", 0x66, 0x0f, 0x7f, -1, 0, W128, KIND_WRITES | KIND_ALIGNED, UNTOUCHED},
    {"movdqu x,m", 0xf3, 0x0f, 0x6f, -1, 0, W128, 0, UNTOUCHED},
    {"movdqu m,x", 0xf3, 0x0f, 0x7f, -1, 0, W128, KIND_WRITES, UNTOUCHED},
    {"movntps", 0, 0x0f, 0x2b, -1, 0, W128, KIND_WRITES | KIND_ALIGNED, UNTOUCHED},
    {"movntdq", 0x66, 0x0f, 0xe7, -1, 0, W128, KIND_WRITES | KIND_ALIGNED, UNTOUCHED},
    {"movntdqa", 0x66, 0x38, 0x2a, -1, 0, W128, KIND_ALIGNED, UNTOUCHED},
    {"lddqu", 0xf2, 0x0f, 0xf0, -1, 0, W128, 0, UNTOUCHED},
    {"movss x,m", 0xf3, 0x0f, 0x10, -1, 0, W32, KIND_VECTOR, UNTOUCHED},
    {"movss m,x", 0xf3, 0x0f, 0x11, -1, 0, W32, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"movsd x,m", 0xf2, 0x0f, 0x10, -1, 0, W64, KIND_VECTOR, UNTOUCHED},
    {"movsd m,x", 0xf2, 0x0f, 0x11, -1, 0, W64, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"movlps x,m", 0, 0x0f, 0x12, -1, 0, W64, KIND_VECTOR, UNTOUCHED},
    {"movlps m,x", 0, 0x0f, 0x13, -1, 0, W64, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"movhps x,m", 0, 0x0f, 0x16, -1, 0, W64, KIND_VECTOR, UNTOUCHED},
    {"movhps m,x", 0, 0x0f, 0x17, -1, 0, W64, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"movd, movq x,m", 0x66, 0x0f, 0x6e, -1, 0, W32 | W64, KIND_VECTOR, UNTOUCHED},
    {"movd, movq m,x", 0x66, 0x0f, 0x7e, -1, 0, W32 | W64, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"movq x,m", 0xf3, 0x0f, 0x7e, -1, 0, W64, KIND_VECTOR, UNTOUCHED},
    {"movq m,x", 0x66, 0x0f, 0xd6, -1, 0, W64, KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"div", 0, 0, 0xf6, 6, 0, INT_WIDTHS, KIND_BYTE | KIND_DIVIDE, 0},
    {"idiv", 0, 0, 0xf6, 7, 0, INT_WIDTHS, KIND_BYTE | KIND_DIVIDE, 0},
    {"bsf", 0, 0x0f, 0xbc, -1, 0, WIDE, 0, FLAG_ZF},
    {"bsr", 0, 0x0f, 0xbd, -1, 0, WIDE, 0, FLAG_ZF},
    {"popcnt", 0xf3, 0x0f, 0xb8, -1, 0, WIDE, 0, FLAGS_ALL},
    {"movbe r,m", 0, 0x38, 0xf0, -1, 0, WIDE, 0, UNTOUCHED},
    {"movbe m,r", 0, 0x38, 0xf1, -1, 0, WIDE, KIND_WRITES, UNTOUCHED},
    {"cmpxchg8b", 0, 0x0f, 0xc7, 1, 0, W64, KIND_PAIR | KIND_WRITES | KIND_LOCK, FLAGS_ALL},
    {"cmpxchg16b", 0, 0x0f, 0xc7, 1, 0, W128, KIND_PAIR | KIND_WRITES | KIND_LOCK | KIND_ALIGNED,
     FLAGS_ALL},
    {"push m", 0, 0, 0xff, 6, 0, W16 | W64, KIND_PUSH, UNTOUCHED},
    {"pop m", 0, 0, 0x8f, 0, 0, W16 | W64, KIND_POP | KIND_WRITES, UNTOUCHED},
    {"vmovups y,m", 0, 0x0f, 0x10, -1, 0, VEX_WIDTHS, KIND_VEX, UNTOUCHED},
    {"vmovups m,y", 0, 0x0f, 0x11, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES, UNTOUCHED},
    {"vmovupd y,m", 0x66, 0x0f, 0x10, -1, 0, VEX_WIDTHS, KIND_VEX, UNTOUCHED},
    {"vmovaps y,m", 0, 0x0f, 0x28, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_ALIGNED, UNTOUCHED},
    {"vmovaps m,y", 0, 0x0f, 0x29, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES | KIND_ALIGNED,
     UNTOUCHED},
    {"vmovdqa y,m", 0x66, 0x0f, 0x6f, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_ALIGNED, UNTOUCHED},
    {"vmovdqa m,y", 0x66, 0x0f, 0x7f, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES | KIND_ALIGNED,
     UNTOUCHED},
    {"vmovdqu y,m", 0xf3, 0x0f, 0x6f, -1, 0, VEX_WIDTHS, KIND_VEX, UNTOUCHED},
    {"vmovdqu m,y", 0xf3, 0x0f, 0x7f, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES, UNTOUCHED},
    {"vlddqu", 0xf2, 0x0f, 0xf0, -1, 0, VEX_WIDTHS, KIND_VEX, UNTOUCHED},
    {"vmovntps", 0, 0x0f, 0x2b, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES | KIND_ALIGNED,
     UNTOUCHED},
    {"vmovntdq", 0x66, 0x0f, 0xe7, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_WRITES | KIND_ALIGNED,
     UNTOUCHED},
    {"vmovntdqa", 0x66, 0x38, 0x2a, -1, 0, VEX_WIDTHS, KIND_VEX | KIND_ALIGNED, UNTOUCHED},
    {"vmovss x,m", 0xf3, 0x0f, 0x10, -1, 0, W32, KIND_VEX | KIND_VECTOR, UNTOUCHED},
    {"vmovss m,x", 0xf3, 0x0f, 0x11, -1, 0, W32, KIND_VEX | KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"vmovsd x,m", 0xf2, 0x0f, 0x10, -1, 0, W64, KIND_VEX | KIND_VECTOR, UNTOUCHED},
    {"vmovsd m,x", 0xf2, 0x0f, 0x11, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"vmovlps x,x,m", 0, 0x0f, 0x12, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_THIRD, UNTOUCHED},
    {"vmovhps x,x,m", 0, 0x0f, 0x16, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_THIRD, UNTOUCHED},
    {"vmovhpd x,x,m", 0x66, 0x0f, 0x16, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_THIRD, UNTOUCHED},
    {"vmovlps m,x", 0, 0x0f, 0x13, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"vmovhps m,x", 0, 0x0f, 0x17, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_WRITES, UNTOUCHED},
    {"vmovd, vmovq x,m", 0x66, 0x0f, 0x6e, -1, 0, W32 | W64, KIND_VEX | KIND_VECTOR, UNTOUCHED},
    {"vmovd, vmovq m,x", 0x66, 0x0f, 0x7e, -1, 0, W32 | W64, KIND_VEX | KIND_VECTOR | KIND_WRITES,
     UNTOUCHED},
    {"vmovq x,m", 0xf3, 0x0f, 0x7e, -1, 0, W64, KIND_VEX | KIND_VECTOR, UNTOUCHED},
    {"vmovq m,x", 0x66, 0x0f, 0xd6, -1, 0, W64, KIND_VEX | KIND_VECTOR | KIND_WRITES, UNTOUCHED},
};
const unsigned form_count = sizeof(forms) / sizeof(forms[0]);

enum { OPERAND_SIZE = 0x66, REX = 0x40, REX_W = 8, RDX_PUSH = 0x52, RDX_POP = 0x5a, RET = 0xc3 };

/* Prefixes and escapes of an instruction with VEX ("Vector Extension (VEX)"); the two-byte form
 * where there is one. The bits R, X, B and vvvv are inverted. */
static unsigned encode_vex(const struct form *f, unsigned width, u8 *code)
{
    enum { VEX2 = 0xc5, VEX3 = 0xc4, NO_RXB = 0xe0, NO_R = 0x80, NO_VVVV = 0x78, L = 4, W = 0x80 };
    enum { MAP_0F = 1, MAP_0F38 = 2, XMM1 = 1 << 3 };
    u8 pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
    u8 third = f->flags_kind & KIND_THIRD ? NO_VVVV ^ XMM1 : NO_VVVV;
    u8 last = (u8)(third | (width == W256 ? L : 0) | pp);
    unsigned n = 0;

    if (f->map == 0x0f && width != W64) {
        code[n++] = VEX2;
        code[n++] = NO_R | last;
        return n;
    }
    code[n++] = VEX3;
    code[n++] = NO_RXB | (f->map == 0x38 ? MAP_0F38 : MAP_0F);
    code[n++] = (u8)((width == W64 ? W : 0) | last);
    return n;
}

static unsigned encode_prefixes(const struct form *f, unsigned width, bool lock, u8 *code)
{
    enum { LOCK = 0xf0 };
    bool pair = f->flags_kind & KIND_PAIR, stack = f->flags_kind & (KIND_PUSH | KIND_POP);
    unsigned n = 0;

    if (lock)
        code[n++] = LOCK;
    if (width == W16)
        code[n++] = OPERAND_SIZE;
    if (f->prefix)
        code[n++] = f->prefix;
    if (width != W128 || pair) /* REX always: SPL and its like are not to be AH */
        code[n++] = (u8)(REX | (width == (pair ? W128 : W64) && !stack ? REX_W : 0));
    if (f->map)
        code[n++] = 0x0f;
    if (f->map == 0x38)
        code[n++] = f->map;
    return n;
}

unsigned form_encode(const struct form *f, unsigned width, unsigned reg, bool lock, u64 imm,
                     u8 *code)
{
    enum { MOD_DISP8 = 0x40 };
    unsigned n = 0, imm_bytes = f->imm == IMM_FULL ? (width > W32 ? W32 : width) : f->imm;

    if (f->flags_kind & KIND_POP) {
        if (width == W16)
            code[n++] = OPERAND_SIZE;
        code[n++] = RDX_PUSH;
    }
    n += f->flags_kind & KIND_VEX ? encode_vex(f, width, code + n)
                                  : encode_prefixes(f, width, lock, code + n);
    code[n++] = (u8)(f->opcode + (f->flags_kind & KIND_BYTE && width != W8));
    code[n++] = (u8)(MOD_DISP8 | (f->digit < 0 ? reg : (unsigned)f->digit) << 3 | RDI);
    code[n++] = 0;
    for (unsigned i = 0; i < imm_bytes; i++)
        code[n++] = (u8)(imm >> 8 * i);
    if (f->flags_kind & KIND_PUSH) {
        if (width == W16)
            code[n++] = OPERAND_SIZE;
        code[n++] = RDX_POP;
    }
    code[n] = RET;
    return n;
}
