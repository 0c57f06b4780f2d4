/*
 * What the differential test covers: every form of every opcode that the decoder's tables give an
 * operation, in each code size, with a register and with memory, but for those whose effect is not
 * in registers and memory. A row that is new in the tables is covered without further ado.
 */
#ifndef UNICORN_FORMS_H
#define UNICORN_FORMS_H

#include "decode.h"

enum { FORM_CASES = 100 }; /* at least so many cases a form */

/* One form of one opcode in one code size. */
struct form {
    u8 size;         /* enum code_size */
    u8 map;          /* enum opcode_map */
    u8 opcode;       /* its last byte */
    u8 prefix;       /* 66, F2 or F3 if that makes it another instruction, or 0 */
    u8 operation;    /* enum operation */
    s8 reg;          /* ModRM.reg; -1: any, or there is no ModRM byte */
    bool modrm;      /* there is one */
    bool memory;     /* its operand is memory */
    unsigned cases;  /* so many were run */
    unsigned faults; /* of these so many ended in a fault */
};

/* All forms of a code size; *count of them. Made at the first call. */
struct form *all_forms(enum code_size size, unsigned *count);
/* Is it a move of a vector? */
bool is_vector(unsigned operation);
/* Does it load segment registers, or ask about them? */
bool is_about_segments(unsigned operation);
/* Is i of this form? */
bool is_of_form(const struct insn *i, const struct form *form);
/* A table of cases by opcode. Returns the forms that had fewer than FORM_CASES. */
unsigned print_forms(void);

#endif
