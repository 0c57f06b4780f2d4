/*
 * trap.6 to trap.8: instructions with the operands that the GNU disassembler sees in them
 * (vectors.py), alone and cut short.
 */
#include "grade_trap.h"

#include "grade.h"

#include "decode.h"

#include <stdio.h>
#include <string.h>

enum { TEXT = 80 };

struct vector {
    int size;         /* enum code_size */
    const char *hex;  /* the bytes */
    const char *text; /* its operands */
};
#include "vectors.inc"

static const char *name_of(unsigned reg)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
                                        "ah",  "ch",  "dh",  "bh",  "rip", ""};

    return reg < ARRAY_SIZE(names) ? names[reg] : "(no register)";
}

static void memory(const struct insn *i, char *out)
{
    static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    char inside[TEXT] = "", *p = inside;

    p += sprintf(p, "%s", name_of(i->base));
    if (i->index != REG_NONE)
        p +=
            sprintf(p, "%s%s*%u", p == inside ? "" : "+", name_of(i->index), 1u << (i->scale & 31));
    if (i->disp)
        sprintf(p, "%s0x%llx",
                i->disp < 0   ? "-"
                : p == inside ? ""
                              : "+",
                (unsigned long long)(i->disp < 0 ? -(u64)i->disp : (u64)i->disp));
    sprintf(out, "%s:[%s]", i->segment < ARRAY_SIZE(segments) ? segments[i->segment] : "?", inside);
}

static void operand(const struct insn *i, unsigned kind, char *out)
{
    if (kind == OPERAND_RM && i->memory)
        memory(i, out);
    else
        strcpy(out, name_of(kind == OPERAND_RM ? i->rm : i->reg));
}

static unsigned parse(const char *hex, u8 *bytes)
{
    unsigned n = 0, value;
    int used;

    for (; sscanf(hex, "%2x%n", &value, &used) == 1; hex += used)
        bytes[n++] = (u8)value;
    return n;
}

/* cut: also without its last bytes (what decode puts there makes another operand of it). */
static void one(const struct vector *v, bool cut, const char *where)
{
    u8 bytes[INSN_MAX];
    unsigned length = parse(v->hex, bytes);
    struct insn i;
    char dst[TEXT], src[TEXT], text[2 * TEXT + 2];
    int got = decode(bytes, length, v->size, &i);

    GRADE_CASE("%d-bit code, bytes %s", v->size * 8, v->hex);
    GRADE_EQUAL("the instruction's length, or an error", got, length, where);
    operand(&i, i.dst, dst);
    operand(&i, i.src, src);
    sprintf(text, "%s, %s", dst, src);
    GRADE_SAME("its operands", text, v->text, where);
    for (unsigned n = 1; cut && n < length; n++)
        GRADE_EQUAL("decode's answer when its last bytes are missing",
                    decode(bytes, n, v->size, &i), DECODE_TRUNCATED, where);
}

#define RUN(table, cut, where)                                                                     \
    for (unsigned n = 0; n < ARRAY_SIZE(table); n++)                                               \
    one(&(table)[n], cut, where)

void modrm_registers(void **state)
{
    (void)state;
    RUN(registers, false, "trap.6: src/cpu/emulate/decode.c, take_modrm");
}

void modrm_byte_registers(void **state)
{
    (void)state;
    RUN(byte_registers, false, "trap.6: src/cpu/emulate/decode.c, name_byte_registers");
}

void modrm_memory_64(void **state)
{
    (void)state;
    RUN(memory_64, true, "trap.7: src/cpu/emulate/decode.c, memory_32");
}

void modrm_sib(void **state)
{
    (void)state;
    RUN(sib, true, "trap.7: src/cpu/emulate/decode.c, memory_32: the SIB byte");
}

void modrm_memory_32(void **state)
{
    (void)state;
    RUN(memory_32, true, "trap.7: src/cpu/emulate/decode.c, memory_32: 32-bit addresses, segments");
}

void modrm_memory_16(void **state)
{
    (void)state;
    RUN(memory_16, true, "trap.8: src/cpu/emulate/decode.c, memory_16");
}
