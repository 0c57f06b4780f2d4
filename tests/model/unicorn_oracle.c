/*
 * The oracle: see unicorn_oracle.h. Instructions are placed in fresh slots, as Unicorn keeps
 * translations; an engine that has used its slots up is closed and another opened. No branch goes
 * to the beginning of a slot (unicorn_generate.c), for what it finds there would be kept, too.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>
#include <cmocka.h>
#include "unicorn_oracle.h"
#include "x86.h"

enum { CODE_BYTES = CODE_SLOT * CODE_SLOTS, HLT = 0xf4 };

/* Unicorn frees little of what it allocates; the leak checker is for our own code. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
const char *__lsan_default_suppressions(void)
{
    return "leak:libunicorn\n";
}

static uc_engine *uc;
static uc_context *fresh; /* the processor before it has executed anything */
static enum code_size mode;
static u8 *code_memory, *data_memory, *table_memory;

enum { NOTHING_RAISED = -1 };
static int raised;        /* the vector of an exception */
static bool branches;     /* the instruction is a branch; then: */
static unsigned executed; /* instructions, of which the first counts */
static u64 went_to;       /* linear address of the second */

static int reg_ids[18] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                          UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                          UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                          UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
static int reg_ids_32[8] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                            UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

static void must(uc_err err)
{
    if (err != UC_ERR_OK)
        fail_msg("unicorn: %s", uc_strerror(err));
}

u64 machine_segment_base(enum code_size size, enum seg seg)
{
    static const u16 selectors_16[] = {
        [SEG_ES] = 0x1010, [SEG_CS] = 0,      [SEG_SS] = 0x0ff0,
        [SEG_DS] = 0x1000, [SEG_FS] = 0x1123, [SEG_GS] = 0x0f00,
    };

    if (size == CODE_16)
        return selectors_16[seg] << 4;
    if (size == CODE_64 && seg == SEG_FS)
        return 0x123;
    if (size == CODE_64 && seg == SEG_GS)
        return 0xffffffffffff0010ULL;
    return 0;
}

static void set_segments(void)
{
    static const int ids[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
                              UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};
    u64 fs = machine_segment_base(mode, SEG_FS), gs = machine_segment_base(mode, SEG_GS);

    if (mode == CODE_16)
        for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
            u16 selector = machine_segment_base(mode, seg) >> 4;

            if (seg != SEG_CS)
                must(uc_reg_write(uc, ids[seg], &selector));
        }
    if (mode == CODE_64) {
        must(uc_reg_write(uc, UC_X86_REG_FS_BASE, &fs));
        must(uc_reg_write(uc, UC_X86_REG_GS_BASE, &gs));
    }
}

/* An exception; and the end, as Unicorn would deliver it nowhere. */
static void on_interrupt(uc_engine *engine, uint32_t vector, void *opaque)
{
    (void)opaque;
    raised = vector;
    uc_emu_stop(engine);
}

/* A branch: the second instruction is where it went. */
static void on_code(uc_engine *engine, uint64_t la, uint32_t len, void *opaque)
{
    (void)len;
    (void)opaque;
    if (!branches || executed++ == 0)
        return;
    went_to = la;
    uc_emu_stop(engine);
}

/* Executes one instruction with this value in EAX before the test begins: writing a register of the
 * system's alone does not change what hangs on it. */
static void prepare(const u8 *bytes, unsigned len, u32 eax)
{
    enum { ASIDE = CODE_BASE + CODE_SLOT / 2 }; /* no slot's beginning */
    u16 cs = ASIDE >> 4;
    u32 zero = 0;

    branches = false;
    memcpy(code_memory + CODE_SLOT / 2, bytes, len);
    if (mode == CODE_16)
        must(uc_reg_write(uc, UC_X86_REG_CS, &cs));
    must(uc_reg_write(uc, UC_X86_REG_EAX, &eax));
    must(uc_emu_start(uc, ASIDE, ASIDE + len, 0, 0));
    must(uc_reg_write(uc, UC_X86_REG_EAX, &zero));
}

/* In 16-bit code CR4.OSFXSR, which the others begin with; in them SS with a descriptor. */
static void prepare_processor(void)
{
    static const u8 mov_cr4_eax[] = {0x0f, 0x22, 0xe0}, mov_ss_ax[] = {0x8e, 0xd0};
    static const u64 flat = 0x00cf93000000ffff;

    memcpy(table_memory + FLAT_STACK, &flat, sizeof(flat));
    if (mode == CODE_16)
        prepare(mov_cr4_eax, sizeof(mov_cr4_eax), CR4_OSFXSR);
    else
        prepare(mov_ss_ax, sizeof(mov_ss_ax), FLAT_STACK);
}

void oracle_open(enum code_size size, u8 **data, u8 **tables)
{
    uc_x86_mmr gdtr = {.base = TABLES_BASE, .limit = GDT_ENTRIES * sizeof(u64) - 1};
    uc_hook hook;

    mode = size;
    must(uc_open(UC_ARCH_X86,
                 size == CODE_64   ? UC_MODE_64
                 : size == CODE_32 ? UC_MODE_32
                                   : UC_MODE_16,
                 &uc));
    code_memory = aligned_alloc(4096, CODE_BYTES);
    data_memory = aligned_alloc(4096, DATA_SIZE);
    memset(code_memory, HLT, CODE_BYTES);
    table_memory = aligned_alloc(4096, PAGE_SIZE);
    memset(data_memory, 0, DATA_SIZE);
    memset(table_memory, 0, PAGE_SIZE);
    *tables = table_memory;
    must(uc_hook_add(uc, &hook, UC_HOOK_INTR, on_interrupt, NULL, 1, 0));
    must(uc_hook_add(uc, &hook, UC_HOOK_CODE, on_code, NULL, 1, 0));
    must(uc_mem_map_ptr(uc, CODE_BASE, CODE_BYTES, UC_PROT_EXEC, code_memory)); /* it is no data */
    must(uc_mem_map_ptr(uc, DATA_BASE, DATA_SIZE, UC_PROT_READ | UC_PROT_WRITE, data_memory));
    must(uc_mem_map_ptr(uc, TABLES_BASE, PAGE_SIZE, UC_PROT_READ | UC_PROT_WRITE, table_memory));
    set_segments();
    must(uc_reg_write(uc, UC_X86_REG_GDTR, &gdtr));
    prepare_processor();
    must(uc_context_alloc(uc, &fresh));
    must(uc_context_save(uc, fresh));
    *data = data_memory;
}

void oracle_close(void)
{
    must(uc_context_free(fresh));
    must(uc_close(uc));
    free(code_memory);
    free(data_memory);
    free(table_memory);
}

u64 oracle_place(unsigned slot, const u8 *bytes, unsigned len)
{
    assert_true(slot < CODE_SLOTS && len <= CODE_SLOT);
    if (slot > 0) /* a branch is to find nothing that could be executed */
        memset(code_memory + (slot - 1) * CODE_SLOT, HLT, CODE_SLOT);
    memcpy(code_memory + slot * CODE_SLOT, bytes, len);
    return CODE_BASE + slot * CODE_SLOT;
}

static unsigned reg_count(void)
{
    return mode == CODE_64 ? 16 : 8;
}

static void set_state(const struct machine_state *state)
{
    void *values[16];
    u64 flags = state->rflags;

    for (unsigned n = 0; n < reg_count(); n++)
        values[n] = (void *)&state->gpr[n];
    must(uc_reg_write_batch(uc, mode == CODE_64 ? reg_ids : reg_ids_32, values, reg_count()));
    must(uc_reg_write(uc, UC_X86_REG_EFLAGS, &flags));
}

static void get_state(u64 code_base, struct machine_state *state)
{
    void *values[16];
    u64 flags = 0;

    for (unsigned n = 0; n < reg_count(); n++) {
        state->gpr[n] = 0;
        values[n] = &state->gpr[n];
    }
    must(uc_reg_read_batch(uc, mode == CODE_64 ? reg_ids : reg_ids_32, values, reg_count()));
    must(uc_reg_read(uc, UC_X86_REG_EFLAGS, &flags));
    state->rflags = (u32)flags;
    state->rip = 0;
    if (executed > 1)
        state->rip = went_to - (mode == CODE_16 ? code_base : 0);
    else
        must(uc_reg_read(uc, mode == CODE_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP, &state->rip));
}

/* Reads or writes the vector registers. */
static void each_vector(struct machine_state *state, bool write)
{
    for (unsigned n = 0; n < reg_count(); n++) {
        int id = UC_X86_REG_XMM0 + (int)n;

        must(write ? uc_reg_write(uc, id, state->xmm[n]) : uc_reg_read(uc, id, state->xmm[n]));
    }
}

/* In 16-bit code RIP is counted from CS, which may be another. */
static void get_selectors(struct machine_state *state)
{
    static const int ids[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
                              UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
        state->selector[seg] = 0;
        must(uc_reg_read(uc, ids[seg], &state->selector[seg]));
    }
    if (executed > 1 && mode == CODE_16)
        state->rip = went_to - state->selector[SEG_CS] * 16;
}

int oracle_vector(void)
{
    return raised;
}

/* Where a branch goes to there need not be any code. */
static bool is_fetch(uc_err err)
{
    return err == UC_ERR_FETCH_UNMAPPED || err == UC_ERR_FETCH_PROT;
}

enum oracle_result oracle_run(unsigned slot, unsigned len, unsigned run,
                              struct machine_state *state)
{
    u64 start = CODE_BASE + slot * CODE_SLOT;
    bool jumps = run & RUN_BRANCH;
    u16 cs = start >> 4;
    uc_err err;

    if (mode == CODE_16)
        must(uc_reg_write(uc, UC_X86_REG_CS, &cs));
    set_state(state);
    if (run & RUN_VECTOR)
        each_vector(state, true);
    raised = NOTHING_RAISED;
    executed = 0;
    branches = jumps;
    err = uc_emu_start(uc, start, jumps ? 0 : start + len, 0, 0);
    get_state(start, state);
    if (run & RUN_VECTOR)
        each_vector(state, false);
    if (run & RUN_SEGMENT)
        get_selectors(state);
    /* An exception is not to make the next one a double fault, nor a segment to stay. */
    if (raised != NOTHING_RAISED || (run & RUN_SEGMENT))
        must(uc_context_restore(uc, fresh));
    if (raised != NOTHING_RAISED)
        return ORACLE_FAULT;
    if (jumps && is_fetch(err))
        err = UC_ERR_OK;
    switch (err) {
    case UC_ERR_OK:
        return ORACLE_OK;
    case UC_ERR_INSN_INVALID:
        return ORACLE_UD;
    default:
        return ORACLE_FAULT;
    }
}
