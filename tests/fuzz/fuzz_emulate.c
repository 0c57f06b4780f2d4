/*
 * The executor under libFuzzer (`make fuzz-emulate`): any bytes as code in any state, and any event
 * through any table of gates, with hooks that fail now and then. It must not crash, must not leave
 * a half-done instruction, and must not ask a hook for what its contract excludes
 * (tests/unit/stub_emulate_world.c checks that).
 *
 * Input: how to begin (struct beginning), then the code.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The first bytes of the input. */
struct beginning {
    u8 seed[4];  /* of registers, tables and failures */
    u8 mode;     /* enum mode_bits */
    u8 failures; /* a hook fails one time in so many; 0: never */
    u8 event; /* 0: none, else one is delivered instead: its vector, and by the same bits its kind
               */
};

enum mode_bits {
    MODE_SIZE = 3,           /* code size: 0 16, 1 32, else 64 */
    MODE_CPL_SHIFT = 2,      /* two bits */
    MODE_PROTECTED = 1 << 4, /* CR0.PE */
    MODE_LONG = 1 << 5,      /* EFER.LMA */
    MODE_V86 = 1 << 6,
    MODE_NEAR = 1 << 7, /* small numbers in registers */
};

static void begin(const struct beginning *b)
{
    bool near = b->mode & MODE_NEAR;

    setup(NULL);
    world_seed(b->seed[0] | b->seed[1] << 8 | b->seed[2] << 16 | (u64)b->seed[3] << 24);
    for (unsigned n = 0; n < sizeof(regs) / sizeof(u32); n++)
        ((u32 *)&regs)[n] = random_u32() % 3 ? near ? random_u32() & 0x1fff : random_u32() : 0;
    for (unsigned n = 0; n < sizeof(w.tables); n += sizeof(u32)) {
        u32 value = random_u32();

        memcpy(w.tables + n, &value, sizeof(value));
    }
    regs.rip = CODE;
    regs.rcx &= 0xf00000000000003f;
    regs.rflags &= ~RFLAGS_VM;
    w.cr0 = CR0_MP | (b->mode & MODE_PROTECTED ? CR0_PE : 0);
    w.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
    w.msr = b->mode & MODE_LONG ? EFER_LMA : 0;
    w.quiet_msr = true;
    w.fail_one_in = b->failures ? b->failures : 0x7fffffff; /* either way all memory is there */
}

static void deliver(u8 event)
{
    static const u8 types[] = {VIRT_INTERRUPT, VIRT_NMI, VIRT_EXCEPTION, VIRT_SOFT_INT};
    const struct virt_event ev = {
        .type = types[event % ARRAY_SIZE(types)], .vector = event & 15, .has_error = event & 16};
    const struct regs before = regs;
    enum emulate_result result = event & 32 ? emulate_real_interrupt(&ctx, ev.vector, CODE)
                                            : emulate_protected_interrupt(&ctx, &ev, CODE);

    if (result != EMULATE_OK && !(ctx.notes & EMULATE_NEW_TASK))
        assert_memory_equal(&regs, &before, sizeof(regs));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const u8 sizes[] = {CODE_16, CODE_32, CODE_64, CODE_64};
    struct beginning b;
    struct regs before;
    enum emulate_result result;
    unsigned code_size, cpl;

    if (size <= sizeof(b))
        return 0;
    memcpy(&b, data, sizeof(b));
    begin(&b);
    code_size = sizes[b.mode & MODE_SIZE];
    cpl = b.mode >> MODE_CPL_SHIFT & 3;
    if ((b.mode & MODE_V86) && code_size == CODE_16) {
        regs.rflags |= RFLAGS_VM;
        cpl = 3;
    }
    memcpy(w.code, data + sizeof(b), MIN(size - sizeof(b), INSN_BUFFER));
    before = regs;
    emulate_init(&ctx, &regs, &world_ops, NULL, code_size, cpl);
    if (b.event) {
        ctx.notes = 0;
        deliver(b.event);
        return 0;
    }
    result = emulate_insn(&ctx);
    if (result != EMULATE_OK && !(ctx.insn.operation >= OP_MOVS && ctx.insn.operation <= OP_OUTS))
        assert_memory_equal(&regs, &before, sizeof(regs));
    if (result == EMULATE_OK && !(ctx.notes & (EMULATE_REP_MORE | EMULATE_JUMPED)))
        assert_in_range(regs.rip - CODE, 1, INSN_MAX);
    return 0;
}
