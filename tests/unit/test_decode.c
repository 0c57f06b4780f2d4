// sources: src/cpu/emulate/decode*.c src/cpu/emulate/opcode*.c
/*
 * The decoder: known encodings, each also cut short at every length and stretched by prefixes to 15
 * and 16 bytes; LOCK on everything; random bytes.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "decode.h"

struct known {
    u8 size;          /* enum code_size */
    const char *hex;  /* the bytes */
    const char *text; /* what `describe` below says of it; NULL: invalid */
};

/* clang-format off */
static const struct known known[] = {
    /* MOV, and addressing in 64-bit code */
    {8, "48 89 07", "MOV8 [ds:rdi], rax"},
    {8, "89 07", "MOV4 [ds:rdi], rax"},
    {8, "66 89 07", "MOV2 [ds:rdi], rax"},
    {8, "88 27", "MOV1 [ds:rdi], ah"},
    {8, "40 88 27", "MOV1 [ds:rdi], rsp"},
    {8, "8b 04 25 00 00 e0 fe", "MOV4 rax, [ds:-0x1200000]"},
    {8, "8b 05 10 00 00 00", "MOV4 rax, [ds:rip+0x10]"},
    {8, "67 8b 05 10 00 00 00", "MOV4 rax, [ds:rip+0x10 a4]"},
    {8, "8b 45 fc", "MOV4 rax, [ss:rbp-0x4]"},
    {8, "41 8b 45 fc", "MOV4 rax, [ds:r13-0x4]"},
    {8, "8b 04 24", "MOV4 rax, [ss:rsp]"},
    {8, "41 8b 04 24", "MOV4 rax, [ds:r12]"},
    {8, "4a 8b 04 e5 00 00 00 80", "MOV8 rax, [ds:r12<<3-0x80000000]"},
    {8, "48 8b 04 e5 00 00 00 80", "MOV8 rax, [ds:-0x80000000]"},
    {8, "4f 8b 7c f5 7f", "MOV8 r15, [ds:r13+r14<<3+0x7f]"},
    {8, "64 48 8b 04 25 28 00 00 00", "MOV8 rax, [fs:+0x28]"},
    {8, "65 2e 48 8b 45 00", "MOV8 rax, [gs:rbp]"},
    {8, "2e 8b 45 00", "MOV4 rax, [ss:rbp]"},
    {8, "67 89 44 8b 08", "MOV4 [ds:rbx+rcx<<2+0x8 a4], rax"},
    {8, "48 66 89 07", "MOV2 [ds:rdi], rax"},
    {8, "66 48 89 07", "MOV8 [ds:rdi], rax"},
    {8, "48 a1 88 77 66 55 44 33 22 11", "MOV8 rax, [ds:+0x1122334455667788]"},
    {8, "67 a2 44 33 22 91", "MOV1 [ds:-0x6eddccbc a4], rax"},
    {8, "c7 07 78 56 34 12", "MOV4 [ds:rdi], 0x12345678"},
    {8, "48 c7 07 ff ff ff ff", "MOV8 [ds:rdi], 0xffffffffffffffff"},
    {8, "66 c7 05 01 00 00 00 34 12", "MOV2 [ds:rip+0x1], 0x1234"},
    {8, "c6 00 80", "MOV1 [ds:rax], 0xffffffffffffff80"},
    {8, "49 bf 88 77 66 55 44 33 22 11", "MOV8 r15, 0x1122334455667788"},
    {8, "b4 05", "MOV1 ah, 0x5"},
    {8, "40 b4 05", "MOV1 rsp, 0x5"},
    {8, "c7 c8 00 00 00 00", NULL},
    {8, "0f c3 07", "MOV4 [ds:rdi], rax"},
    {8, "48 0f c3 07", "MOV8 [ds:rdi], rax"},
    {2, "0f c3 07", "MOV4 [ds:rbx a2], rax"},
    {8, "0f c3 c7", NULL},
    {8, "66 0f c3 07", NULL},
    {8, "0f b6 07", "MOVZX4 rax, [ds:rdi]/1"},
    {8, "0f b6 c4", "MOVZX4 rax, ah/1"},
    {8, "40 0f b6 c4", "MOVZX4 rax, rsp/1"},
    {8, "48 0f b7 07", "MOVZX8 rax, [ds:rdi]/2"},
    {8, "66 0f be 07", "MOVSX2 rax, [ds:rdi]/1"},
    {8, "48 63 07", "MOVSX8 rax, [ds:rdi]/4"},
    {8, "66 63 07", "MOVSX2 rax, [ds:rdi]"},
    {4, "63 07", "ARPL2 [ds:rdi], rax"},
    {8, "0f 38 f1 07", "MOVBE4 [ds:rdi], rax"},
    {8, "66 0f 38 f0 07", "MOVBE2 rax, [ds:rdi]"},
    {8, "f2 0f 38 f1 c7", "UNKNOWN4"},
    {8, "48 8d 04 8d 00 00 00 00", "LEA8 rax, [ds:rcx<<2]"},
    {8, "8d c0", NULL},
    /* ALU */
    {8, "f0 48 01 07", "ADD8 [ds:rdi], rax"},
    {8, "48 83 0f ff", "OR8 [ds:rdi], 0xffffffffffffffff"},
    {8, "80 27 7f", "AND1 [ds:rdi], 0x7f"},
    {8, "66 81 37 01 80", "XOR2 [ds:rdi], 0xffffffffffff8001"},
    {8, "48 3d 00 00 00 80", "CMP8 rax, 0xffffffff80000000"},
    {8, "3c 80", "CMP1 rax, 0xffffffffffffff80"},
    {8, "82 c0 01", NULL},
    {4, "82 c0 01", "ADD1 rax, 0x1"},
    {8, "6b 07 80", "IMUL34 rax, [ds:rdi]"},
    {8, "48 69 c7 00 00 00 80", "IMUL38 rax, rdi"},
    {8, "48 0f af c7", "IMUL28 rax, rdi"},
    {8, "f6 ff", "IDIV1 -, bh"},
    {8, "0f a4 07 05", "SHLD4 [ds:rdi], rax"},
    {8, "48 0f ad d8", "SHRD8 rax, rbx"},
    {8, "0f bc 07", "BSF4 rax, [ds:rdi]"},
    {8, "f3 0f bc 07", "TZCNT4 rax, [ds:rdi]"},
    {8, "f3 0f bd 07", "LZCNT4 rax, [ds:rdi]"},
    {8, "f3 0f b8 07", "POPCNT4 rax, [ds:rdi]"},
    {8, "0f b8 07", NULL},
    {8, "49 0f cf", "BSWAP8 r15"},
    {8, "48 98", "CBW8"},
    {8, "66 99", "CWD2"},
    {8, "65 d7", "XLAT4"},
    {8, "9f", "LAHF4"},
    {4, "d4 0a", "AAM4 -, 0xa"},
    {8, "d4 0a", NULL},
    {8, "27", NULL},
    {8, "f7 07 00 01 00 00", "TEST4 [ds:rdi], 0x100"},
    {8, "f6 0f 01", "TEST1 [ds:rdi], 0x1"},
    {8, "48 f7 17", "NOT8 [ds:rdi]"},
    {8, "f0 ff 0f", "DEC4 [ds:rdi]"},
    {8, "48 f7 27", "MUL8 -, [ds:rdi]"},
    {8, "48 d3 e7", "SHL8 rdi, cl"},
    {8, "d1 37", "SHL4 [ds:rdi], 1"},
    {8, "c0 ff 07", "SAR1 bh, 0x7"},
    {8, "f0 48 0f ba 2f 0c", "BTS8 [ds:rdi], 0xc"},
    {8, "0f ba 1f 0c", NULL},
    {8, "48 0f a3 07", "BT8 [ds:rdi], rax"},
    {8, "48 87 07", "XCHG8 [ds:rdi], rax"},
    {8, "90", "NOP4"},
    {8, "f3 90", "NOP4"},
    {8, "f3 41 90", "NOP4"},
    {8, "41 90", "XCHG4 r8, rax"},
    {8, "48 97", "XCHG8 rdi, rax"},
    {8, "f0 48 0f b1 0f", "CMPXCHG8 [ds:rdi], rcx"},
    {8, "f0 0f c7 0f", "CMPXCHG8B4 [ds:rdi]"},
    {8, "f0 66 48 0f c7 0f", "CMPXCHG8B8 [ds:rdi]"},
    {8, "0f c7 c8", NULL},
    {8, "f0 0f c1 07", "XADD4 [ds:rdi], rax"},
    {8, "0f 94 c4", "SETCC1 ah"},
    {8, "48 0f 44 07", "CMOVCC8 rax, [ds:rdi]"},
    {4, "40", "INC4 rax"},
    {8, "40", NULL}, /* a REX prefix and nothing else is short, not invalid: see below */
    /* x87 */
    {8, "db e3", "FNINIT2"},
    {2, "dd 3f", "FNSTSW2 [ds:rbx a2]"},
    {8, "df e0", "FNSTSW2 rax"},
    {8, "d9 3f", "FNSTCW2 [ds:rdi]"},
    {8, "d9 c0", "UNKNOWN4"},
    {8, "f0 dd 3f", NULL},
    /* vector moves */
    {8, "0f 11 07", "MOVUPS16 [ds:rdi], rax"},
    {8, "66 44 0f 6f 3f", "MOVAPS16 r15, [ds:rdi]"},
    {8, "f3 0f 7f c1", "MOVUPS16 rcx, rax"},
    {8, "f3 0f 10 07", "MOVSS4 rax, [ds:rdi]"},
    {8, "f2 0f 11 07", "MOVSS8 [ds:rdi], rax"},
    {8, "66 f2 0f 11 07", "MOVSS8 [ds:rdi], rax"},
    {8, "66 0f 7e c1", "MOVD4 rcx, rax"},
    {8, "66 48 0f 6e c1", "MOVD8 rax, rcx"},
    {4, "66 0f 6e 07", "MOVD4 rax, [ds:rdi]"},
    {8, "f3 0f 7e 07", "MOVQ8 rax, [ds:rdi]"},
    {8, "66 0f d6 07", "MOVQ8 [ds:rdi], rax"},
    {8, "0f 17 07", "MOVHPS8 [ds:rdi], rax"},
    {8, "66 0f 38 2a 07", "MOVAPS16 rax, [ds:rdi]"},
    {8, "66 0f e7 07", "MOVAPS16 [ds:rdi], rax"},
    {8, "0f 6f 07", "UNKNOWN4"},
    {8, "0f 12 c1", "UNKNOWN4"},
    {8, "f3 0f 12 07", "UNKNOWN4"},
    {8, "f0 0f 11 07", NULL},
    {8, "c5 fc 10 07", "MOVUPS32 rax, [ds:rdi]"},
    {8, "c5 7d 7f 3f", "MOVAPS32 [ds:rdi], r15"},
    {8, "c4 41 7a 6f 3f", "MOVUPS16 r15, [ds:r15]"},
    {8, "c4 e1 f9 7e c1", "MOVD8 rcx, rax"},
    {8, "c4 e2 7d 2a 07", "MOVAPS32 rax, [ds:rdi]"}, /* VMOVNTDQA */
    {8, "c4 62 79 2a 3f", "MOVAPS16 r15, [ds:rdi]"},
    {8, "c4 e2 7c 2a 07", "UNKNOWN4"},
    {8, "c4 e2 75 2a 07", "UNKNOWN2"}, /* a third operand */
    {8, "c5 fd 7e c1", NULL},
    {8, "c5 fa 10 c1", "UNKNOWN4"},
    {8, "c5 f0 10 07", "UNKNOWN4"},
    {8, "c5 f8 12 07", "MOVLPS8 rax, [ds:rdi]"}, /* with a third operand always */
    {8, "c5 71 16 3f", "MOVHPS8 r15, [ds:rdi]"},
    {8, "c5 f0 12 c1", "UNKNOWN4"}, /* VMOVHLPS */
    {8, "c5 fc 12 07", NULL},
    {4, "c5 f8 28 07", "MOVAPS16 rax, [ds:rdi]"},
    /* stack */
    {8, "50", "PUSH8 -, rax"},
    {8, "41 57", "PUSH8 -, r15"},
    {8, "66 50", "PUSH2 -, rax"},
    {8, "ff 37", "PUSH8 -, [ds:rdi]"},
    {8, "6a ff", "PUSH8 -, 0xffffffffffffffff"},
    {8, "68 00 00 00 80", "PUSH8 -, 0xffffffff80000000"},
    {8, "66 68 34 12", "PUSH2 -, 0x1234"},
    {8, "8f 07", "POP8 [ds:rdi]"},
    {8, "8f 0f", NULL},
    {4, "ff 37", "PUSH4 -, [ds:rdi]"},
    {8, "9d", "POPF8"},
    {4, "60", "PUSHA4"},
    {8, "61", NULL},
    {8, "c8 ff ff 1f", "ENTER8 -, 0xffff+31"},
    {8, "c9", "LEAVE8"},
    /* near branches */
    {8, "74 80", "JCC8 -, 0xffffffffffffff80"},
    {8, "eb fe", "JMP8 -, 0xfffffffffffffffe"},
    {8, "ff 20", "JMP8 -, [ds:rax]"},
    {4, "ff d0", "CALL4 -, rax"},
    {8, "c2 08 00", "RET8 -, 0x8"},
    {8, "c3", "RET8"},
    {8, "67 e2 80", "LOOP8 -, 0xffffffffffffff80"},
    {8, "e3 80", "JCXZ8 -, 0xffffffffffffff80"},
    /* 16- and 32-bit code */
    {2, "89 07", "MOV2 [ds:rbx a2], rax"},
    {2, "66 89 00", "MOV4 [ds:rbx+rsi<<0 a2], rax"},
    {2, "89 02", "MOV2 [ss:rbp+rsi<<0 a2], rax"},
    {2, "36 89 05", "MOV2 [ss:rdi a2], rax"},
    {2, "3e 89 46 fe", "MOV2 [ds:rbp-0x2 a2], rax"},
    {2, "8b 46 00", "MOV2 rax, [ss:rbp a2]"},
    {2, "8b 06 34 12", "MOV2 rax, [ds:+0x1234 a2]"},
    {2, "8b 87 00 80", "MOV2 rax, [ds:rbx-0x8000 a2]"},
    {2, "67 66 8b 04 8d 00 00 00 f0", "MOV4 rax, [ds:rcx<<2-0x10000000 a4]"},
    {2, "a1 34 12", "MOV2 rax, [ds:+0x1234 a2]"},
    {4, "a3 20 00 e0 fe", "MOV4 [ds:-0x11fffe0], rax"},
    {4, "67 8b 07", "MOV4 rax, [ds:rbx a2]"},
    {4, "8b 05 10 00 00 00", "MOV4 rax, [ds:+0x10]"},
    {4, "26 c7 45 00 01 00 00 00", "MOV4 [es:rbp], 0x1"},
    {4, "9a 00 00 00 00 08 00", "CALL_FAR4 -, 0x0+8"},
    {8, "9a 00 00 00 00 08 00", NULL},
    {2, "ea 00 00 08 00", "JMP_FAR2 -, 0x0+8"},
    {4, "c8 10 00 01", "ENTER4 -, 0x10+1"},
    {4, "06", "PUSH_SEG4"},
    {8, "06", NULL},
    /* strings and ports */
    {8, "f3 48 ab", "rep STOS8"},
    {8, "f3 a4", "rep MOVS1"},
    {8, "65 48 a5", "MOVS8 gs"},
    {8, "f2 ae", "repne SCAS1"},
    {8, "f3 6d", "rep INS4"},
    {8, "6e", "OUTS1"},
    {8, "e4 60", "IN1 rax, 0x60"},
    {8, "e5 80", "IN4 rax, 0xffffffffffffff80"},
    {8, "66 ef", "OUT2 rax, dx"},
    {8, "48 ed", "IN8 rax, dx"},
    /* privileged */
    {8, "0f 20 c0", "MOV_FROM_CR8 rax, 0"},
    {8, "44 0f 20 c0", "MOV_FROM_CR8 rax, 8"},
    {8, "0f 22 1f", "MOV_TO_CR8 3, rdi"},
    {4, "0f 22 e0", "MOV_TO_CR4 4, rax"},
    {8, "0f 22 c8", NULL},
    {8, "0f 21 fa", "MOV_FROM_DR8 rdx, 7"},
    {8, "44 0f 23 f8", NULL},
    {8, "0f 32", "RDMSR4"},
    {8, "0f 30", "WRMSR4"},
    {8, "0f 31", "RDTSC4"},
    {8, "0f 01 f9", "RDTSCP4"},
    {8, "0f a2", "CPUID4"},
    {8, "0f 0b 78 65 6e 0f a2", "CPUID_FORCED4"},
    {8, "0f 06", "CLTS4"},
    {8, "0f 01 f0", "LMSW4 -, rax"},
    {8, "0f 01 37", "LMSW2 -, [ds:rdi]"},
    {8, "48 0f 01 e0", "SMSW8 rax"},
    {8, "0f 01 17", "LGDT4 [ds:rdi]"},
    {8, "0f 01 1f", "LIDT4 [ds:rdi]"},
    {8, "0f 01 07", "SGDT4 [ds:rdi]"},
    {8, "0f 01 0f", "SIDT4 [ds:rdi]"},
    {8, "0f 01 3f", "INVLPG4 [ds:rdi]"},
    {8, "0f 01 f8", "SWAPGS4"},
    {8, "0f 01 c1", "VMCALL4"},
    {8, "0f 01 d0", "XGETBV4"},
    {8, "0f 01 d1", "XSETBV4"},
    {8, "0f 01 ca", "UNKNOWN4"},
    {8, "0f 00 d8", "LTR2 -, rax"},
    {8, "0f 00 17", "LLDT2 -, [ds:rdi]"},
    {8, "48 0f 00 c0", "SLDT8 rax"},
    {8, "0f 00 0f", "STR2 [ds:rdi]"},
    {8, "66 0f 38 82 0f", "INVPCID8 rcx, [ds:rdi]"},
    {8, "0f 08", "INVD4"},
    {8, "0f 09", "WBINVD4"},
    {8, "f4", "HLT4"},
    {8, "fa", "CLI4"},
    {8, "fb", "STI4"},
    {8, "8e d8", "MOV_TO_SEG2 3, rax"},
    {8, "8e c8", NULL},
    {8, "8e f8", NULL},
    {8, "48 8c d0", "MOV_FROM_SEG8 rax, 2/2"},
    {8, "8c 17", "MOV_FROM_SEG2 [ds:rdi], 2"},
    /* others: length only */
    {8, "0f 0b 90", NULL},
    {8, "0f b9 c0", NULL},
    {8, "e8 00 00 00 00", "CALL8 -, 0x0"},
    {8, "66 e8 00 00 00 00", "CALL8 -, 0x0"},
    {4, "66 e8 00 00", "CALL2 -, 0x0"},
    {8, "0f 84 00 00 00 00", "JCC8 -, 0x0"},
    {8, "66 0f 70 c1 e4", "UNKNOWN2"},
    {8, "66 0f 3a 0f c1 08", "UNKNOWN2"},
    {8, "c5 f8 58 07", "UNKNOWN4"},
    {8, "c4 e2 79 18 07", "UNKNOWN2"},
    {8, "c4 e3 79 0f c1 08", "UNKNOWN2"},
    {8, "c5 f8 77", "UNKNOWN4"},
    {8, "62 f1 7c 48 28 07", "UNKNOWN4"},
    {8, "66 c5 f8 28 07", NULL},
    {4, "c5 07", "LOAD_FAR4 rax, [ds:rdi]"},
    {4, "62 07", "BOUND4 rax, [ds:rdi]"},
};
/* clang-format on */

static const char *reg_name(unsigned reg)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi",
                                        "rdi", "r8",  "r9",  "r10", "r11", "r12", "r13",
                                        "r14", "r15", "ah",  "ch",  "dh",  "bh",  "rip"};

    assert_true(reg < ARRAY_SIZE(names));
    return names[reg];
}

static char *append(char *at, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsprintf(at, format, args);
    va_end(args);
    return at + n;
}

static const char *const seg_names[] = {"es", "cs", "ss", "ds", "fs", "gs"};

static char *describe_memory(char *at, const struct insn *i, unsigned code_size)
{
    at = append(at, "[%s:", seg_names[i->segment]);
    if (i->base != REG_NONE)
        at = append(at, "%s", reg_name(i->base));
    if (i->index != REG_NONE)
        at = append(at, "%s%s<<%u", i->base == REG_NONE ? "" : "+", reg_name(i->index), i->scale);
    if (i->disp)
        at = append(at, "%s0x%llx", i->disp < 0 ? "-" : "+",
                    i->disp < 0 ? -(unsigned long long)i->disp : (unsigned long long)i->disp);
    if (i->address_size != code_size || code_size == CODE_16)
        at = append(at, " a%u", i->address_size);
    return append(at, "]");
}

static bool is_special_reg(const struct insn *i)
{
    return i->operation >= OP_MOV_FROM_SEG && i->operation <= OP_MOV_TO_DR;
}

static char *describe_operand(char *at, const struct insn *i, unsigned kind, unsigned code_size)
{
    switch (kind) {
    case OPERAND_REG:
        return is_special_reg(i) ? append(at, "%u", i->reg) : append(at, "%s", reg_name(i->reg));
    case OPERAND_RM:
        return i->memory ? describe_memory(at, i, code_size) : append(at, "%s", reg_name(i->rm));
    case OPERAND_IMM:
        return append(at, "0x%llx", (unsigned long long)i->imm);
    case OPERAND_ONE:
        return append(at, "1");
    case OPERAND_CL:
        return append(at, "cl");
    case OPERAND_DX:
        return append(at, "dx");
    }
    return append(at, "-");
}

static void describe(char *at, const struct insn *i, unsigned code_size)
{
    if (i->operation >= OP_MOVS && i->operation <= OP_OUTS && (i->prefixes & PREFIX_REP))
        at = append(at, "rep ");
    if (i->prefixes & PREFIX_REPNE && i->operation == OP_SCAS)
        at = append(at, "repne ");
    at = append(at, "%s%u", operation_name(i->operation), i->operand_size);
    if (i->operation == OP_MOVS && (i->prefixes & PREFIX_SEGMENT))
        at = append(at, " %s", seg_names[i->segment]);
    if (i->dst != OPERAND_NONE || i->src != OPERAND_NONE)
        at = describe_operand(append(at, " "), i, i->dst, code_size);
    if (i->src != OPERAND_NONE)
        at = describe_operand(append(at, ", "), i, i->src, code_size);
    if (i->imm2)
        at = append(at, "+%u", i->imm2);
    if (i->src_size != i->operand_size)
        append(at, "/%u", i->src_size);
}

static unsigned parse_hex(const char *hex, u8 *bytes)
{
    unsigned n = 0, value;
    int used;

    for (; sscanf(hex, "%2x%n", &value, &used) == 1; hex += used)
        bytes[n++] = value;
    return n;
}

/* Decodes from a buffer that ends right behind the bytes, so that the sanitizer sees a read beyond.
 */
static int decode_exact(const u8 *bytes, unsigned len, unsigned size, struct insn *i)
{
    u8 *copy = malloc(len ? len : 1);
    int result;

    memcpy(copy, bytes, len);
    result = decode(copy, len, size, i);
    free(copy);
    return result;
}

static bool only_prefixes(const struct known *k)
{
    return k->size == CODE_64 && strcmp(k->hex, "40") == 0;
}

static void known_encodings(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        const struct known *k = &known[n];
        u8 bytes[32];
        unsigned len = parse_hex(k->hex, bytes);
        struct insn i;
        char text[128];
        int result = decode_exact(bytes, len, k->size, &i);

        if (k->text == NULL) {
            if (result != (only_prefixes(k) ? DECODE_TRUNCATED : DECODE_INVALID))
                fail_msg("%s: %d instead of an error", k->hex, result);
            continue;
        }
        if (result != (int)len)
            fail_msg("%s: length %d", k->hex, result);
        assert_int_equal(i.length, len);
        describe(text, &i, k->size);
        if (strcmp(text, k->text) != 0)
            fail_msg("%s: %s, not %s", k->hex, text, k->text);
    }
}

static void truncated(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        u8 bytes[32];
        unsigned len = parse_hex(known[n].hex, bytes);
        struct insn i;

        if (known[n].text == NULL)
            continue;
        for (unsigned cut = 0; cut < len; cut++) {
            int result = decode_exact(bytes, cut, known[n].size, &i);

            if (result != DECODE_TRUNCATED)
                fail_msg("%s cut to %u: %d", known[n].hex, cut, result);
        }
    }
}

/* Segment prefixes before an instruction until it has 15 bytes, then 16. */
static void too_long(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        u8 bytes[32], insn_bytes[32];
        unsigned len = parse_hex(known[n].hex, insn_bytes);
        struct insn i;

        if (known[n].text == NULL || len > 7 || strncmp(known[n].text, "CPUID_FORCED", 12) == 0)
            continue;
        for (unsigned total = INSN_MAX; total <= INSN_MAX + 3; total++) {
            memset(bytes, 0x3e, sizeof(bytes));
            memcpy(bytes + total - len, insn_bytes, len);
            if (total == INSN_MAX) {
                assert_int_equal(decode(bytes, INSN_MAX, known[n].size, &i), INSN_MAX);
                continue;
            }
            assert_int_equal(decode(bytes, INSN_MAX, known[n].size, &i), DECODE_TOO_LONG);
            assert_int_equal(decode(bytes, total, known[n].size, &i), DECODE_TOO_LONG);
        }
    }
    u8 prefixes[32];
    struct insn i;
    memset(prefixes, 0x66, sizeof(prefixes));
    assert_int_equal(decode(prefixes, 14, CODE_64, &i), DECODE_TRUNCATED);
    assert_int_equal(decode(prefixes, 15, CODE_64, &i), DECODE_TOO_LONG);
    assert_int_equal(decode(prefixes, 32, CODE_32, &i), DECODE_TOO_LONG);
}

static bool lockable(const struct insn *i)
{
    switch (i->operation) {
    case OP_ADD ... OP_XOR:
    case OP_INC ... OP_NEG:
    case OP_BTS ... OP_BTC:
    case OP_XCHG ... OP_CMPXCHG8B:
        return i->memory && i->dst == OPERAND_RM;
    }
    return false;
}

static void lock_prefix(void **state)
{
    unsigned allowed = 0;

    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        u8 bytes[32] = {0xf0};
        unsigned len = parse_hex(known[n].hex, bytes + 1);
        struct insn plain, i;
        int result;

        if (known[n].text == NULL || len > 14)
            continue;
        assert_int_equal(decode(bytes + 1, len, known[n].size, &plain), len);
        result = decode(bytes, len + 1, known[n].size, &i);
        if (lockable(&plain)) {
            assert_int_equal(result, len + 1);
            assert_true(i.prefixes & PREFIX_LOCK);
            allowed++;
        } else if (result != DECODE_INVALID) {
            fail_msg("lock %s: %d", known[n].hex, result);
        }
    }
    assert_true(allowed > 10);
}

static void rex_only_before_opcode(void **state)
{
    static const u8 bytes[] = {0x48, 0x2e, 0x41, 0x66, 0x89, 0x07};
    struct insn i;

    (void)state;
    assert_int_equal(decode(bytes, sizeof(bytes), CODE_64, &i), 6);
    assert_int_equal(i.rex, 0);
    assert_int_equal(i.operand_size, 2);
    assert_int_equal(i.base, REG_RDI);
}

static void ud2_near_a_page_end(void **state)
{
    static const u8 forced[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    static const u8 other[] = {0x0f, 0x0b, 'x', 'e', 'q', 0x0f, 0xa2};
    struct insn i;

    (void)state;
    assert_int_equal(decode(forced, 5, CODE_64, &i), DECODE_TRUNCATED);
    assert_int_equal(decode(other, 5, CODE_64, &i), DECODE_INVALID);
    assert_int_equal(decode(other, 7, CODE_64, &i), DECODE_INVALID);
}

static void random_bytes(void **state)
{
    static const u8 sizes[] = {CODE_16, CODE_32, CODE_64};
    u64 seed = 1;

    (void)state;
    for (unsigned n = 0; n < 300000; n++) {
        u8 bytes[INSN_BUFFER];
        unsigned size = sizes[n % 3], len = n / 3 % 17;
        struct insn i, again;
        int result;

        for (unsigned b = 0; b < sizeof(bytes); b++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            bytes[b] = seed >> 56;
        }
        if (n & 1)
            bytes[0] = 0x0f;
        result = decode_exact(bytes, len, size, &i);
        if (result < 0) {
            assert_true(result >= DECODE_TOO_LONG);
            assert_true(result != DECODE_TOO_LONG || len >= INSN_MAX);
        } else {
            assert_in_range(result, 1, MIN(len, INSN_MAX));
            assert_true(i.operation < OP_COUNT);
            /* what is behind the instruction does not matter */
            memset(bytes + result, 0xff, sizeof(bytes) - result);
            assert_int_equal(decode_padded(bytes, result, size, &again), result);
            assert_memory_equal(&i, &again, sizeof(i));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings),
        cmocka_unit_test(truncated),
        cmocka_unit_test(too_long),
        cmocka_unit_test(lock_prefix),
        cmocka_unit_test(rex_only_before_opcode),
        cmocka_unit_test(ud2_near_a_page_end),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
