/*
 * Forms from the decoder's tables: see unicorn_forms.h.
 */
#include <stdio.h>
#include <string.h>
#include "unicorn_forms.h"

enum { MOST_FORMS = 2000, OPCODES = 256 };

static struct form forms[3][MOST_FORMS];
static unsigned form_count[3];

/* Instructions whose effect a machine without devices, tables and a supervisor does not show;
 * tests/unit/test_emulate_privilege.c and test_emulate_rules.c have them. */
static bool elsewhere(unsigned operation)
{
    switch (operation) {
    case OP_UNKNOWN:
    case OP_FNINIT ... OP_FNSTCW:
    case OP_INT ... OP_INT1:
    case OP_INS ... OP_OUT:
    case OP_MOV_FROM_CR ... OP_VMCALL:
        return true;
    case OP_MOVBE: /* Unicorn 2.0.1's processor has none of these */
    case OP_TZCNT ... OP_POPCNT:
        return true;
    }
    return false;
}

/* Undocumented ones that Unicorn does not take: TEST /1, prefetching a register. */
static bool invalid_to_unicorn(const struct insn *i)
{
    if (i->map == MAP_1)
        return (i->opcode == 0xf6 || i->opcode == 0xf7) && (i->modrm >> 3 & 7) == 1;
    return i->map == MAP_0F && (i->opcode == 0x0d || i->opcode == 0x18) && !i->memory;
}

bool is_vector(unsigned operation)
{
    return operation >= OP_MOVUPS && operation <= OP_MOVD;
}

bool is_about_segments(unsigned operation)
{
    return (operation >= OP_JMP_FAR && operation <= OP_ARPL) || operation == OP_MOV_TO_SEG ||
           operation == OP_MOV_FROM_SEG;
}

bool is_of_form(const struct insn *i, const struct form *form)
{
    return i->map == form->map && i->opcode == form->opcode && i->operation == form->operation &&
           (!form->modrm || i->memory == form->memory) &&
           (form->reg < 0 || (i->modrm >> 3 & 7) == form->reg);
}

/* Does ModRM follow? Behind such an opcode its mod field says whether there is memory. */
static bool has_modrm(const u8 *bytes, unsigned opcode_at, enum code_size size)
{
    u8 copy[INSN_BUFFER];
    struct insn i;

    for (unsigned modrm = 0; modrm < OPCODES; modrm++) {
        memcpy(copy, bytes, sizeof(copy));
        copy[opcode_at + 1] = modrm;
        if (decode(copy, INSN_MAX, size, &i) > 0 && i.modrm)
            return true;
    }
    return false;
}

static void add_form(const u8 *bytes, struct form form)
{
    struct form *list = forms[form.size / 4], *last;
    unsigned *count = &form_count[form.size / 4];
    struct insn i;

    if (decode(bytes, INSN_MAX, form.size, &i) < 0 || i.map != form.map ||
        i.opcode != form.opcode || elsewhere(i.operation) ||
        (form.modrm && i.memory != form.memory) || invalid_to_unicorn(&i))
        return;
    if (form.prefix && !is_vector(i.operation)) /* no other instruction */
        return;
    form.operation = i.operation;
    last = *count ? &list[*count - 1] : NULL;
    /* Not a group: one form for all of ModRM.reg. */
    if (last && form.modrm && last->map == form.map && last->opcode == form.opcode &&
        last->prefix == form.prefix && last->memory == form.memory &&
        last->operation == form.operation) {
        last->reg = -1;
        return;
    }
    list[(*count)++] = form;
}

static void add_forms(const u8 *bytes, unsigned opcode_at, struct form form)
{
    u8 copy[INSN_BUFFER];

    memcpy(copy, bytes, sizeof(copy));
    form.reg = -1;
    form.modrm = has_modrm(bytes, opcode_at, form.size);
    if (!form.modrm) {
        add_form(copy, form);
        return;
    }
    for (unsigned memory = 0; memory < 2; memory++)
        for (form.reg = 0; form.reg < 8; form.reg++) {
            form.memory = memory;
            copy[opcode_at + 1] = (memory ? 0 : 0xc0) | form.reg << 3 | 1;
            add_form(copy, form);
        }
}

static void find_forms(enum code_size size)
{
    static const u8 prefixes[] = {0, 0x66, 0xf2, 0xf3};

    for (unsigned map = MAP_1; map <= MAP_0F38; map++)
        for (unsigned opcode = 0; opcode < OPCODES; opcode++)
            for (unsigned p = 0; p < sizeof(prefixes); p++) {
                struct form form = {.size = size, .map = map, .opcode = opcode};
                u8 bytes[INSN_BUFFER] = {0};
                unsigned at = 0;

                form.prefix = prefixes[p];
                if (form.prefix)
                    bytes[at++] = form.prefix;
                if (map != MAP_1)
                    bytes[at++] = 0x0f;
                if (map == MAP_0F38)
                    bytes[at++] = 0x38;
                bytes[at] = opcode;
                add_forms(bytes, at, form);
            }
}

struct form *all_forms(enum code_size size, unsigned *count)
{
    if (form_count[size / 4] == 0)
        find_forms(size);
    *count = form_count[size / 4];
    return forms[size / 4];
}

/* May b be told on a's line? Neighbours of the same operation. */
static bool same_line(const struct form *a, const struct form *b)
{
    return a->map == b->map && a->operation == b->operation && a->prefix == b->prefix &&
           a->reg == b->reg && (b->opcode == a->opcode || b->opcode == a->opcode + 1);
}

struct line {
    unsigned forms, least, cases, faults;
};

static void count_in(struct line *line, const struct form *form)
{
    if (line->forms++ == 0 || form->cases < line->least)
        line->least = form->cases;
    line->cases += form->cases;
    line->faults += form->faults;
}

static void print_line(const struct form *first, const struct form *last, const struct line *line)
{
    static const char *const escapes[] = {"", "0f ", "0f 38 ", "0f 3a "};
    char text[32] = "";
    unsigned at = 0;

    if (first->prefix)
        at += sprintf(text, "%02x ", first->prefix);
    at += sprintf(text + at, "%s%02x", escapes[first->map], first->opcode);
    if (last->opcode != first->opcode)
        at += sprintf(text + at, "-%02x", last->opcode);
    if (first->reg >= 0)
        sprintf(text + at, " /%d", first->reg);
    printf("%2d-bit  %-14s %-10s %5u %7u %8u %7u\n", 8 * first->size, text,
           operation_name(first->operation), line->forms, line->least, line->cases, line->faults);
}

unsigned print_forms(void)
{
    unsigned poor = 0, cases = 0, faults = 0, total = 0;

    printf("code    opcode         operation  forms   least    cases  faults\n");
    for (unsigned s = 0; s < ARRAY_SIZE(forms); s++)
        for (unsigned n = 0, next; n < form_count[s]; n = next) {
            const struct form *first = &forms[s][n];
            struct line line = {0};

            for (next = n;
                 next < form_count[s] && same_line(&forms[s][next - (next > n)], &forms[s][next]);
                 next++) {
                count_in(&line, &forms[s][next]);
                poor += forms[s][next].cases < FORM_CASES;
            }
            print_line(first, &forms[s][next - 1], &line);
            cases += line.cases;
            faults += line.faults;
            total += line.forms;
        }
    printf("all: %u forms, %u cases, %u faults\n", total, cases, faults);
    return poor;
}
