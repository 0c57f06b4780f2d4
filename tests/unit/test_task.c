// sources: src/cpu/emulate/*.c tests/unit/stub_emulate_world.c
/*
 * Switches of tasks, on a machine that is a variable: what is saved, what is loaded, which bits
 * change, and which fault belongs to which task.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

enum {
    CODE_0 = 0x08,
    DATA_0 = 0x10,
    OLD = 0x18,
    NEW = 0x20,
    SHORT = 0x28,
    ABSENT = 0x30,
    DATA_3 = 0x3b
};
enum { OLD_AT = 0x400, NEW_AT = 0x500, SHORT_AT = 0x600, TYPE = 5, FLAGS_NT = 0x4000 };
enum { LINK = 0, IP = 32, FLAGS = 36, AX = 40, SP = 56, CS = 76, SS = 80, DS = 84, TRAP = 100 };
enum { SHORT_IP = 14, SHORT_AX = 18, SHORT_CS = 36 };

static struct regs r;
static struct emulate_ctx c;

static u32 word(unsigned at)
{
    u32 value;

    memcpy(&value, w.tables + at, sizeof(value));
    return value;
}
static void set_word(unsigned at, u32 value)
{
    memcpy(w.tables + at, &value, sizeof(value));
}
static void set_half(unsigned at, u16 value)
{
    memcpy(w.tables + at, &value, sizeof(value));
}

static int set_up(void **state)
{
    static const u64 gdt[] = {
        [CODE_0 >> 3] = 0x00cf9b000000ffff, [DATA_0 >> 3] = 0x00cf93000000ffff,
        [OLD >> 3] = 0x00008b0074000067,    [NEW >> 3] = 0x0000890075000067,
        [SHORT >> 3] = 0x000081007600002b,  [ABSENT >> 3] = 0x0000090075000067,
        [DATA_3 >> 3] = 0x00cff3000000ffff,
    };

    setup(state);
    memset(w.tables, 0, sizeof(w.tables));
    memcpy(w.tables, gdt, sizeof(gdt));
    w.gdt = TABLES;
    w.quiet_msr = true;
    w.msr = 0;
    w.cr0 = CR0_PE;
    w.seg[SEG_TR] = (struct segment){
        .selector = OLD, .base = TABLES + OLD_AT, .limit = 0x67, .attr = SEG_ATTR_P | 0xb};
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        w.seg[seg].selector = 0;
    w.seg[SEG_CS].selector = CODE_0;
    w.seg[SEG_SS].selector = DATA_0;
    set_word(NEW_AT + IP, 0x1234);
    set_word(NEW_AT + FLAGS, 0x202);
    set_word(NEW_AT + AX, 0xa0a0a0a0);
    set_word(NEW_AT + SP, DATA + 0x800);
    set_word(NEW_AT + CS, CODE_0);
    set_word(NEW_AT + SS, DATA_0);
    set_word(NEW_AT + DS, DATA_0);
    set_half(SHORT_AT + SHORT_IP, 0x4321);
    set_half(SHORT_AT + SHORT_AX, 0xb0b0);
    set_half(SHORT_AT + SHORT_CS, CODE_0);
    set_half(SHORT_AT + SHORT_CS + 2, DATA_0);
    r = (struct regs){.rax = 0x11223344, .rsp = DATA + 0x400, .rip = 0x5000, .rflags = 0x46};
    emulate_init(&c, &r, &world_ops, NULL, CODE_32, 0);
    return 0;
}

static enum emulate_result go(u16 selector, enum emulate_task why)
{
    return emulate_switch_task(&c, selector, why, 0x5007, NULL);
}

static void call_and_jump(void **state)
{
    (void)state;
    assert_int_equal(go(NEW, EMULATE_TASK_CALL), EMULATE_OK);
    assert_int_equal(word(OLD_AT + IP), 0x5007);
    assert_int_equal(word(OLD_AT + FLAGS), 0x46);
    assert_int_equal(word(OLD_AT + AX), 0x11223344);
    assert_int_equal(word(OLD_AT + CS), CODE_0);
    assert_int_equal(w.tables[OLD + TYPE], 0x8b);
    assert_int_equal(w.tables[NEW + TYPE], 0x8b);
    assert_int_equal(word(NEW_AT + LINK), OLD);
    assert_int_equal(r.rip, 0x1234);
    assert_int_equal(r.rflags, 0x202 | FLAGS_NT);
    assert_int_equal(r.rax, 0xa0a0a0a0);
    assert_int_equal(w.seg[SEG_TR].selector, NEW);
    assert_int_equal(w.seg[SEG_TR].attr & SEG_ATTR_TYPE, 0xb);
    assert_int_equal(w.seg[SEG_DS].selector, DATA_0);
    assert_true(w.seg[SEG_ES].attr & SEG_ATTR_UNUSABLE);
    assert_int_equal(c.notes, EMULATE_NEW_TASK);
    set_up(NULL);
    set_word(NEW_AT + TRAP, 1);
    assert_int_equal(go(NEW, EMULATE_TASK_JMP), EMULATE_OK);
    assert_int_equal(w.tables[OLD + TYPE], 0x89);
    assert_int_equal(r.rflags, 0x202);
    assert_int_equal(word(NEW_AT + LINK), 0);
    assert_true(c.notes & EMULATE_TASK_TRAP);
}

static void back_by_its_link(void **state)
{
    (void)state;
    w.tables[NEW + TYPE] = 0x8b;
    set_word(OLD_AT + LINK, NEW);
    r.rflags |= FLAGS_NT;
    assert_int_equal(go(0, EMULATE_TASK_IRET), EMULATE_OK);
    assert_int_equal(word(OLD_AT + FLAGS) & FLAGS_NT, 0);
    assert_int_equal(w.tables[OLD + TYPE], 0x89);
    assert_int_equal(w.tables[NEW + TYPE], 0x8b);
    assert_int_equal(r.rip, 0x1234);
}

static void error_code(void **state)
{
    const u32 error = 0x77;

    (void)state;
    assert_int_equal(emulate_switch_task(&c, NEW, EMULATE_TASK_GATE, 0x5000, &error), EMULATE_OK);
    assert_int_equal(r.rsp, DATA + 0x7fc);
    assert_int_equal(*(u32 *)(void *)(w.data + 0x7fc), 0x77);
    assert_int_equal(word(OLD_AT + IP), 0x5000);
}

static void of_16_bits(void **state)
{
    (void)state;
    assert_int_equal(go(SHORT, EMULATE_TASK_CALL), EMULATE_OK);
    assert_int_equal(r.rip, 0x4321);
    assert_int_equal(r.rax, 0xffffb0b0);
    assert_true(w.seg[SEG_FS].attr & SEG_ATTR_UNUSABLE);
    assert_int_equal(w.tables[SHORT + TYPE], 0x83);
    r.rip = 0x9876;
    assert_int_equal(go(0, EMULATE_TASK_IRET), EMULATE_OK);
    assert_int_equal(word(SHORT_AT + SHORT_IP) & 0xffff, 0x5007);
    assert_int_equal(r.rip, 0x5007);
    assert_int_equal(r.rax, 0x11223344);
}

/* The fault of a switch; nothing may have changed. */
static void refused(u16 selector, enum emulate_task why, u8 vector, u32 error)
{
    u8 before[TABLES_SIZE];

    memcpy(before, w.tables, sizeof(before));
    assert_int_equal(go(selector, why), EMULATE_FAULT);
    assert_int_equal(c.fault.vector, vector);
    assert_int_equal(c.fault.error, error);
    assert_int_equal(c.notes, 0);
    assert_int_equal(r.rip, 0x5000);
    assert_memory_equal(before, w.tables, sizeof(before));
}

static void faults_of_the_old_task(void **state)
{
    (void)state;
    refused(0, EMULATE_TASK_GATE, VEC_GP, 0);
    refused(NEW | 4, EMULATE_TASK_JMP, VEC_GP, NEW | 4);
    refused(0xf8, EMULATE_TASK_JMP, VEC_GP, 0xf8);
    refused(OLD, EMULATE_TASK_JMP, VEC_GP, OLD); /* busy */
    refused(DATA_0, EMULATE_TASK_GATE, VEC_GP, DATA_0);
    refused(ABSENT, EMULATE_TASK_CALL, VEC_NP, ABSENT);
    set_word(OLD_AT + LINK, NEW);
    refused(0, EMULATE_TASK_IRET, VEC_TS, NEW); /* not busy */
    set_half(NEW, 0x66);
    refused(NEW, EMULATE_TASK_CALL, VEC_TS, NEW);
}

static void faults_of_the_new_task(void **state)
{
    (void)state;
    set_word(NEW_AT + DS, 0xf8);
    assert_int_equal(go(NEW, EMULATE_TASK_CALL), EMULATE_FAULT);
    assert_int_equal(c.fault.vector, VEC_TS);
    assert_int_equal(c.fault.error, 0xf8);
    assert_true(c.notes & EMULATE_NEW_TASK);
    assert_int_equal(r.rip, 0x1234);
    assert_true(w.seg[SEG_DS].attr & SEG_ATTR_UNUSABLE);
    set_up(NULL);
    set_word(NEW_AT + SS, DATA_3);
    assert_int_equal(go(NEW, EMULATE_TASK_CALL), EMULATE_FAULT);
    assert_int_equal(c.fault.vector, VEC_TS);
    assert_int_equal(c.fault.error, DATA_3 & ~3);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_0); /* a pair that can be entered */
    set_up(NULL);
    set_word(NEW_AT + CS, 0);
    assert_int_equal(go(NEW, EMULATE_TASK_CALL), EMULATE_FAULT);
    assert_int_equal(c.fault.error, 0);
}

static void to_v86(void **state)
{
    (void)state;
    set_word(NEW_AT + FLAGS, (u32)RFLAGS_VM | 2);
    set_word(NEW_AT + CS, 0x1230);
    assert_int_equal(go(NEW, EMULATE_TASK_CALL), EMULATE_OK);
    assert_int_equal(w.seg[SEG_CS].base, 0x12300);
    assert_int_equal(w.seg[SEG_CS].attr, 0xf3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(call_and_jump, set_up),
        cmocka_unit_test_setup(back_by_its_link, set_up),
        cmocka_unit_test_setup(error_code, set_up),
        cmocka_unit_test_setup(of_16_bits, set_up),
        cmocka_unit_test_setup(faults_of_the_old_task, set_up),
        cmocka_unit_test_setup(faults_of_the_new_task, set_up),
        cmocka_unit_test_setup(to_v86, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
