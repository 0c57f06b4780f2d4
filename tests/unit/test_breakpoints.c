// sources: src/cpu/breakpoints.c
/*
 * Which breakpoints an access meets: lengths, what they are for, enables, alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../src/cpu/cpu.h"
#include "vcpu.h"
#include "virt.h"

static struct vcpu vcpu;
static u64 cr4;

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    assert_int_equal(r, VREG_CR4);
    return cr4;
}

/* Breakpoint n on these conditions (R/W, LEN as DR7 has them), by its global enable. */
static void arm(unsigned n, u64 at, unsigned on, unsigned length)
{
    vcpu.dr[n] = at;
    vcpu.dr7 |= 2ULL << 2 * n | (u64)(length << 2 | on) << (16 + 4 * n);
}

static int begin(void **state)
{
    static struct virt_vcpu virt;

    (void)state;
    vcpu = (struct vcpu){.virt = &virt, .dr7 = DR7_RESET};
    cr4 = 0;
    return 0;
}

static void data(void **state)
{
    (void)state;
    arm(0, 0x1000, 1, 3);             /* writes, 4 bytes */
    arm(1, 0x2005, 3, 2);             /* all data, 8 bytes: 0x2000 to 0x2007 */
    arm(3, 0xffffffffffffffff, 3, 0); /* one byte, the last there is */
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0x1000, 4), 1);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0x1000, 4), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0xffd, 4), 1);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0xffc, 4), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0x1003, 1), 1);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0x1004, 1), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0x2000, 1), 2);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0x2007, 8), 2);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0x2008, 8), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0xfffffffffffffff8, 8), 8);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_READ, 0, 8), 0);
    vcpu.dr7 &= ~(u64)DR7_ENABLES;
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0x1000, 4), 0);
}

static void code_and_ports(void **state)
{
    (void)state;
    arm(0, 0x60, 0, 0); /* code */
    arm(1, 0x60, 0, 1); /* code of two bytes: undefined */
    arm(2, 0x61, 2, 1); /* ports 0x60 and 0x61 */
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_PORT, 0x60, 1), 0);
    cr4 = CR4_DE;
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_PORT, 0x60, 1), 4);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_PORT, 0x5e, 4), 4);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_PORT, 0x62, 1), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_WRITE, 0x60, 1), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_CODE, 0x60, 1), 1);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_CODE, 0x5f, 1), 0);
    assert_int_equal(cpu_breakpoints_met(&vcpu, ACCESS_CODE, 0x61, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(data, begin),
        cmocka_unit_test_setup(code_and_ports, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
