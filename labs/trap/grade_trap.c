// sources: src/cpu/exits.c src/cpu/breakpoints.c src/cpu/cpuid.c src/cpu/cpuid_policy.c
// sources: src/io/io_space.c src/cpu/emulate/decode*.c src/cpu/emulate/opcode*.c
// sources: labs/kit/grade_machine.c tests/unit/stub_heap.c
// sources: labs/trap/grade_world.c labs/trap/grade_policy.c labs/trap/grade_decode.c
/*
 * The host part of the lab trap's grader: the handlers of exits, each with a vcpu whose registers
 * are full of dirt.
 */
#include "grade_trap.h"

#include "grade.h"

#include "devices.h"
#include "errno.h"
#include "port.h"
#include "x86.h"

#include "../../src/cpu/cpuid_policy.h"
#include "../../src/io/io_space.h"

#include <string.h>

enum { ROUNDS = 50, PORT = 0x510, PORTS = 4, DEVICES = 3 };
#define LOW 0xffffffffULL

/* trap.3 */

#define WHERE_3  "trap.3: src/cpu/cpuid.c, answer"
#define WHERE_3B "trap.3: src/cpu/cpuid.c, answer_varying"

static void cpuid_exit(u32 leaf, u32 subleaf)
{
    struct exit e = {.reason = EXIT_CPUID};

    w.vcpu.regs.rax = (random_u64() & ~LOW) | leaf;
    w.vcpu.regs.rcx = (random_u64() & ~LOW) | subleaf;
    world_exit(&e);
}

static void expect_cpuid(const u32 expected[CPUID_REGISTERS], const char *where)
{
    GRADE_EQUAL("RAX", w.vcpu.regs.rax, expected[CPUID_EAX], where);
    GRADE_EQUAL("RBX", w.vcpu.regs.rbx, expected[CPUID_EBX], where);
    GRADE_EQUAL("RCX", w.vcpu.regs.rcx, expected[CPUID_ECX], where);
    GRADE_EQUAL("RDX", w.vcpu.regs.rdx, expected[CPUID_EDX], where);
    expect_done(where);
}

static void cpuid_constant(void **state)
{
    static const u32 leaves[] = {0, 2, 3, 0xb, 0x80000001, 0x80000004};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
        u32 leaf = leaves[i], *row = leaf < LEAF_EXTENDED
                                         ? cpuid_tables.basic[leaf]
                                         : cpuid_tables.extended[leaf - LEAF_EXTENDED];

        world_init();
        for (unsigned r = 0; r < CPUID_REGISTERS; r++)
            row[r] = (u32)random_u64() | 1u << 31; /* a sign to extend, if one does */
        GRADE_CASE("CPUID, leaf 0x%x", leaf);
        cpuid_exit(leaf, (u32)random_u64());
        expect_cpuid(row, WHERE_3);
    }
}

static void cpuid_varying(void **state)
{
    enum { OSXSAVE = 1 << 27, APIC_ID_SHIFT = 24 };
    static const u32 nothing[CPUID_REGISTERS];

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool osxsave = i & 1;
        u32 id = (u32)(random_u64() & 0xff), row[CPUID_REGISTERS];

        world_init();
        w.vcpu.id = id;
        w.virt.reg[VREG_CR4] = (random_u64() & ~(u64)CR4_OSXSAVE) | (osxsave ? CR4_OSXSAVE : 0);
        for (unsigned r = 0; r < CPUID_REGISTERS; r++)
            row[r] = cpuid_tables.basic[1][r] = (u32)random_u64() & 0x00ffffff;
        row[CPUID_EBX] |= id << APIC_ID_SHIFT;
        row[CPUID_ECX] |= osxsave ? (u32)OSXSAVE : 0;
        GRADE_CASE("CPUID, leaf 1, vcpu %u, CR4.OSXSAVE %u", id, osxsave);
        cpuid_exit(1, 0);
        expect_cpuid(row, WHERE_3B);
        for (unsigned r = 0; r < CPUID_REGISTERS; r++)
            row[r] = cpuid_tables.basic[7][r] = (u32)random_u64();
        GRADE_CASE("CPUID, leaf 7, subleaf %u", i & 1);
        world_init();
        cpuid_exit(7, i & 1);
        expect_cpuid(i & 1 ? nothing : row, WHERE_3B);
    }
}

/* trap.4 and trap.5: a device that writes down what it gets */

#define WHERE_4  "trap.4: src/io/io_space.c, port_find"
#define WHERE_4B "trap.4: src/io/io_space.c, port_read and port_write"
#define WHERE_5  "trap.5: src/cpu/exits.c, on_io"

static struct device {
    unsigned reads, writes; /* accesses */
    u16 port;               /* of the last one */
    unsigned size;
    u32 value; /* what was written, or will be read */
} devices[DEVICES];

static u32 device_read(void *device, u16 port, unsigned size)
{
    struct device *d = device;

    d->reads++;
    d->port = port;
    d->size = size;
    return d->value;
}

static void device_write(void *device, u16 port, unsigned size, u32 value)
{
    struct device *d = device;

    d->writes++;
    d->port = port;
    d->size = size;
    d->value = value;
}

/* Three devices: PORT..PORT+3, the four behind a gap of four, and the last port of all. */
static void attach(void)
{
    static const struct port_ops ops = {.read = device_read, .write = device_write};

    world_init();
    memset(devices, 0, sizeof(devices));
    if (io_space_init(&w.domain) || port_register(&w.domain, PORT, PORTS, &ops, &devices[0]) ||
        port_register(&w.domain, PORT + 2 * PORTS, PORTS, &ops, &devices[1]) ||
        port_register(&w.domain, 0xffff, 1, &ops, &devices[2]))
        grade_error("the ports could not be claimed");
}

/* Whose an access is, by the plainest rule: every byte is the same device's. */
static int owner(u32 port, unsigned size)
{
    int found = -1;

    for (unsigned i = 0; i < size; i++) {
        u32 at = port + i;
        int whose = at >= PORT && at < PORT + PORTS                   ? 0
                    : at >= PORT + 2 * PORTS && at < PORT + 3 * PORTS ? 1
                    : at == 0xffff                                    ? 2
                                                                      : -1;
        if (whose < 0 || (i && whose != found))
            return -1;
        found = whose;
    }
    return found;
}

static void port_owner_one(u16 port, unsigned size)
{
    u32 ones = size == 4 ? ~0u : (1u << 8 * size) - 1, value = (u32)random_u64();
    int whose = owner(port, size);

    attach();
    for (unsigned i = 0; i < DEVICES; i++)
        devices[i].value = value;
    GRADE_CASE("a read of %u at port 0x%x; the devices have 0x%x to 0x%x, 0x%x to 0x%x, 0xffff",
               size, port, PORT, PORT + PORTS - 1, PORT + 2 * PORTS, PORT + 3 * PORTS - 1);
    GRADE_EQUAL("what is read", port_read(&w.domain, port, size), whose < 0 ? ones : value & ones,
                whose < 0 ? WHERE_4 : WHERE_4B);
    for (int i = 0; i < DEVICES; i++)
        GRADE_EQUAL("reads that reached the device", devices[i].reads, i == whose, WHERE_4);
    GRADE_EQUAL("unclaimed accesses counted", w.domain.ledger.cell[LC_UNCLAIMED_ACCESS].n,
                whose < 0, WHERE_4);
    GRADE_CASE("a write of %u at port 0x%x", size, port);
    port_write(&w.domain, port, size, value);
    for (int i = 0; i < DEVICES; i++)
        GRADE_EQUAL("writes that reached the device", devices[i].writes, i == whose, WHERE_4B);
    if (whose >= 0) {
        GRADE_EQUAL("what the device got", devices[whose].value, value & ones, WHERE_4B);
        GRADE_EQUAL("at which port", devices[whose].port, port, WHERE_4B);
    }
    io_space_destroy(&w.domain);
}

static void port_owner(void **state)
{
    static const u16 others[] = {0, 1, 0x7fff, 0xfffc, 0xfffd, 0xfffe, 0xffff};

    (void)state;
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (u16 port = PORT - 5; port < PORT + 4 * PORTS; port++)
            port_owner_one(port, size);
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
            port_owner_one(others[i], size);
    }
}

static void io_in(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned size = 1u << i % 3;
        u64 mask = ~0ULL >> (64 - 8 * size), before;
        struct exit e = {.reason = EXIT_IO, .in = true, .size = (u8)size, .port = PORT};

        attach();
        devices[0].value = (u32)random_u64() | 1u << 31;
        before = w.vcpu.regs.rax;
        GRADE_CASE("IN of %u bytes, RAX 0x%llx before, the device has 0x%x", size,
                   (unsigned long long)before, devices[0].value);
        world_exit(&e);
        GRADE_EQUAL("reads that reached the device", devices[0].reads, 1, WHERE_5);
        GRADE_EQUAL("writes that reached it", devices[0].writes, 0, WHERE_5);
        GRADE_EQUAL("RAX", w.vcpu.regs.rax,
                    size == 4 ? devices[0].value : (before & ~mask) | (devices[0].value & mask),
                    WHERE_5);
        expect_done(WHERE_5);
        io_space_destroy(&w.domain);
    }
}

static void io_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned size = 1u << i % 3;
        u64 mask = ~0ULL >> (64 - 8 * size), before;
        struct exit e = {.reason = EXIT_IO, .size = (u8)size, .port = PORT};

        attach();
        before = w.vcpu.regs.rax;
        GRADE_CASE("OUT of %u bytes, RAX 0x%llx", size, (unsigned long long)before);
        world_exit(&e);
        GRADE_EQUAL("writes that reached the device", devices[0].writes, 1, WHERE_5);
        GRADE_EQUAL("reads that reached it", devices[0].reads, 0, WHERE_5);
        GRADE_EQUAL("what it got", devices[0].value, before & mask, WHERE_5);
        GRADE_EQUAL("of how many bytes", devices[0].size, size, WHERE_5);
        GRADE_EQUAL("RAX", w.vcpu.regs.rax, before, WHERE_5);
        expect_done(WHERE_5);
        io_space_destroy(&w.domain);
    }
}

static void io_string(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct exit e = {
            .reason = EXIT_IO, .string = true, .rep = i & 1, .in = i & 2, .size = 1, .port = PORT};
        u64 before;

        attach();
        before = w.vcpu.regs.rax;
        GRADE_CASE("%s%s", i & 1 ? "REP " : "", i & 2 ? "INSB" : "OUTSB");
        world_exit(&e);
        GRADE_EQUAL("calls of cpu_emulate", w.emulated, 1, WHERE_5);
        GRADE_EQUAL("accesses besides", devices[0].reads + devices[0].writes, 0, WHERE_5);
        GRADE_EQUAL("RAX", w.vcpu.regs.rax, before, WHERE_5);
        expect_not_done(WHERE_5);
        io_space_destroy(&w.domain);
    }
}

/* trap.2 */

#define WHERE_2  "trap.2: src/cpu/exits.c, on_rdmsr"
#define WHERE_2B "trap.2: src/cpu/exits.c, on_wrmsr"

static void msr_world(void)
{
    world_init();
    w.msr = (u32)random_u64() | 1u << 31;
    w.msr_value = random_u64();
    w.vcpu.regs.rcx = (w.vcpu.regs.rcx & ~LOW) | w.msr;
}

static void expect_gp(u64 rax, u64 rdx, const char *where)
{
    GRADE_EQUAL("faults injected", w.injected, 1, where);
    GRADE_EQUAL("the fault's vector", w.vector, VEC_GP, where);
    GRADE_EQUAL("its error code", w.error, 0, where);
    GRADE_EQUAL("RAX", w.vcpu.regs.rax, rax, where);
    GRADE_EQUAL("RDX", w.vcpu.regs.rdx, rdx, where);
    expect_not_done(where);
}

static void msr_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct exit e = {.reason = EXIT_RDMSR};

        msr_world();
        w.msr_value |= 0x8000000080000000ULL;
        GRADE_CASE("RDMSR, ECX 0x%x, the MSR is 0x%llx", w.msr, (unsigned long long)w.msr_value);
        world_exit(&e);
        GRADE_EQUAL("RAX", w.vcpu.regs.rax, w.msr_value & LOW, WHERE_2);
        GRADE_EQUAL("RDX", w.vcpu.regs.rdx, w.msr_value >> 32, WHERE_2);
        expect_done(WHERE_2);
    }
}

static void msr_write(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct exit e = {.reason = EXIT_WRMSR};
        u64 value;

        msr_world();
        w.vcpu.regs.rdx &= ~(1ULL << 31);
        value = (w.vcpu.regs.rdx << 32) | (w.vcpu.regs.rax & LOW);
        GRADE_CASE("WRMSR, ECX 0x%x, RDX 0x%llx, RAX 0x%llx", w.msr,
                   (unsigned long long)w.vcpu.regs.rdx, (unsigned long long)w.vcpu.regs.rax);
        world_exit(&e);
        GRADE_EQUAL("the MSR", w.msr_value, value, WHERE_2B);
        GRADE_EQUAL("times that it was written", w.accesses, 1, WHERE_2B);
        expect_done(WHERE_2B);
    }
}

static void msr_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct exit e = {.reason = i == 0 ? EXIT_RDMSR : EXIT_WRMSR};
        u64 rax, rdx;

        msr_world();
        if (i < 2)
            w.vcpu.regs.rcx ^= 1;
        else
            w.vcpu.regs.rdx |= 1u << 31;
        rax = w.vcpu.regs.rax;
        rdx = w.vcpu.regs.rdx;
        GRADE_CASE("%s", i == 0   ? "RDMSR of an MSR that is not there"
                         : i == 1 ? "WRMSR of an MSR that is not there"
                                  : "WRMSR of a value that cpu_wrmsr refuses");
        world_exit(&e);
        expect_gp(rax, rdx, i == 0 ? WHERE_2 : WHERE_2B);
    }
}

/* trap.9 */

#define WHERE_9 "trap.9: src/cpu/exits.c, on_hlt"
enum { FLAGS_FIXED = 2, FLAG_IF = 0x200 };

static void hlt(u64 rflags, bool pending)
{
    struct exit e = {.reason = EXIT_HLT};

    world_init();
    w.virt.reg[VREG_RFLAGS] = rflags;
    w.pending = pending;
    GRADE_CASE("HLT, IF %d, %s pending", !!(rflags & FLAG_IF),
               pending ? "an interrupt" : "nothing");
    world_exit(&e);
}

static void hlt_sleeps(void **state)
{
    (void)state;
    hlt(FLAGS_FIXED | FLAG_IF, false);
    GRADE_EQUAL("times that it was put to sleep", w.blocked, 1, WHERE_9);
    GRADE_EQUAL("domains ended", w.ended, 0, WHERE_9);
    expect_done(WHERE_9);
}

static void hlt_stays_awake(void **state)
{
    (void)state;
    hlt(FLAGS_FIXED | FLAG_IF, true);
    GRADE_EQUAL("times that it was put to sleep", w.blocked, 0, WHERE_9);
    GRADE_EQUAL("domains ended", w.ended, 0, WHERE_9);
    expect_done(WHERE_9);
}

static void hlt_for_ever(void **state)
{
    (void)state;
    for (int pending = 0; pending < 2; pending++) {
        hlt(FLAGS_FIXED, pending);
        GRADE_EQUAL("domains ended", w.ended, 1, WHERE_9);
        GRADE_EQUAL("as crashed (END_CRASH)", w.reason, END_CRASH, WHERE_9);
        GRADE_EQUAL("times that it was put to sleep", w.blocked, 0, WHERE_9);
    }
}

GRADE_MAIN(cmocka_unit_test(policy_leaf_1), cmocka_unit_test(policy_leaf_7),
           cmocka_unit_test(policy_without_xsave), cmocka_unit_test(cpuid_constant),
           cmocka_unit_test(cpuid_varying), cmocka_unit_test(port_owner), cmocka_unit_test(io_in),
           cmocka_unit_test(io_out), cmocka_unit_test(io_string), cmocka_unit_test(msr_read),
           cmocka_unit_test(msr_write), cmocka_unit_test(msr_refused),
           cmocka_unit_test(modrm_registers), cmocka_unit_test(modrm_byte_registers),
           cmocka_unit_test(modrm_memory_64), cmocka_unit_test(modrm_sib),
           cmocka_unit_test(modrm_memory_32), cmocka_unit_test(modrm_memory_16),
           cmocka_unit_test(hlt_sleeps), cmocka_unit_test(hlt_stays_awake),
           cmocka_unit_test(hlt_for_ever))
