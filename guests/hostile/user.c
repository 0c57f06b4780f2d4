/*
 * Attacks by a user program, on the hypervisor and on the guest's own kernel.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"
#include "hostile/user_attack.h"

#include "kit/kit.h"
#include "kit/user.h"

#include "public/trivisor.h"

#define HYPERVISOR_IMAGE 0xffff828000210000ULL
#define DIRECT_MAP       0xffff830000000000ULL
#define NOT_CANONICAL    0x0000800000000000ULL
#define LAST_USER_PAGE   0x00007ffffffff000ULL
#define KERNEL_MEMORY    0x100000ULL
enum numbers { COM1 = 0x3f8, SYSCALL_BYTES = 2 };
#define MSR_EFER 0xc0000080

static struct space space;
static bool made;

static void enter_space(void)
{
    if (!made)
        user_space_create(&space);
    made = true;
    platform->space_load(&space);
}

/* Runs the program; its outcome is the trap that ended it, or what it returned. */
static user_function program;
static u64 argument;
static s64 run(void)
{
    return (s64)user_run(&space, program, argument);
}
static struct outcome by_user(user_function function, u64 value)
{
    program = function;
    argument = value;
    enter_space();
    struct outcome o = probe(run);
    platform->space_load(&kernel_space);
    return o;
}

#define BY_USER(name, value)                                                                       \
    static struct outcome try_##name(void)                                                         \
    {                                                                                              \
        return by_user(user_##name, value);                                                        \
    }
BY_USER(hlt, 0)
BY_USER(cli, 0)
BY_USER(in, COM1)
BY_USER(rdmsr, MSR_EFER)
BY_USER(read_cr3, 0)
BY_USER(vmcall, TRIVISOR_HYPERCALL)
BY_USER(int_gate, 0)
BY_USER(int1, 0)
BY_USER(int3_long, 0)
BY_USER(sysenter, 0)
BY_USER(load_ss, 0xe010)
static struct outcome read_image(void)
{
    return by_user(user_read, HYPERVISOR_IMAGE);
}
static struct outcome write_image(void)
{
    return by_user(user_write, HYPERVISOR_IMAGE);
}
static struct outcome read_direct_map(void)
{
    return by_user(user_read, DIRECT_MAP);
}
static struct outcome jump_to_image(void)
{
    return by_user(user_jump, HYPERVISOR_IMAGE);
}
static struct outcome read_kernel(void)
{
    return by_user(user_read, KERNEL_MEMORY);
}
static struct outcome jump_not_canonical(void)
{
    return by_user(user_jump, NOT_CANONICAL);
}

/* SYSCALL as the last instruction of the last user page: the address to return to is not
 * canonical. The kernel's way back must fault in the kernel, or, if it is the hypervisor's, never
 * in the hypervisor. */
static s64 return_to_the_end(void)
{
    static struct trap_frame frame;

    user_start_frame(&frame, &space, user_hlt, 0, USER_STACK_TOP);
    frame.rip = NOT_CANONICAL - SYSCALL_BYTES;
    frame.rax = SYS_NULL;
    return (s64)enter_user(&frame, platform->resume);
}
static struct outcome syscall_at_the_end(void)
{
    static const u8 code[SYSCALL_BYTES] = {0x0f, 0x05};
    struct space own;
    u8 *page = page_alloc_zeroed();

    memcpy(page + PAGE_SIZE - SYSCALL_BYTES, code, SYSCALL_BYTES);
    space_create(&own);
    space_map(&own, LAST_USER_PAGE, (u64)page, ENTRY_USER_RO);
    space_publish(&own);
    platform->space_load(&own);
    struct outcome o = probe(return_to_the_end);
    platform->space_load(&kernel_space);
    space_destroy(&own);
    page_free(page);
    return o;
}

enum { P = FAULT_PRESENT, W = FAULT_WRITE, U = FAULT_USER, I = FAULT_FETCH, GATE_14 = 14 * 8 + 2 };
#define PF(e) FAULTS(TRAP_PAGE_FAULT, e)
#define GP(e) FAULTS(TRAP_GENERAL_PROTECTION, e)

#define BOTH                                                                                       \
    {"HLT by a program", SURVIVES, try_hlt, GP(0), 0},                                             \
        {"CLI by a program", SURVIVES, try_cli, GP(0), 0},                                         \
        {"IN by a program", SURVIVES, try_in, GP(0), 0},                                           \
        {"RDMSR by a program", SURVIVES, try_rdmsr, GP(0), 0},                                     \
        {"reading CR3 by a program", SURVIVES, try_read_cr3, GP(0), 0},                            \
        {"INT of a gate that is the kernel's", SURVIVES, try_int_gate, GP(GATE_14), 0},            \
        {"INT 3 in two bytes by a program", SURVIVES, try_int3_long, FAULTS(TRAP_BREAKPOINT, 0),   \
         0},                                                                                       \
        {"INT1 by a program", SURVIVES, try_int1, FAULTS(TRAP_DEBUG, 0), 0},                       \
        {"SYSENTER by a program", SURVIVES, try_sysenter, GP(0), 0},                               \
        {"SS = a selector of the hypervisor's, by a program", SURVIVES, try_load_ss, GP(0xe010),   \
         0},                                                                                       \
    {                                                                                              \
        "a program's jump to an address that is not canonical", SURVIVES, jump_not_canonical,      \
            GP(0), 0                                                                               \
    }

static const struct attack full[] = {
    BOTH,
    {"a program reads the hypervisor's image", SURVIVES, read_image, PF(U), 0},
    {"a program writes the hypervisor's image", SURVIVES, write_image, PF(U | W), 0},
    {"a program reads the direct map", SURVIVES, read_direct_map, PF(U), 0},
    {"a program jumps into the hypervisor", SURVIVES, jump_to_image, PF(U | I), 0},
    {"a program reads its kernel", SURVIVES, read_kernel, PF(U | P), 0},
    {"VMCALL by a program", SURVIVES, try_vmcall, RETURNS(-PV_EPERM), 0},
    {"SYSCALL at the end of canonical addresses", SURVIVES, syscall_at_the_end, GP(0), 0},
};
static const struct attack pv[] = {
    BOTH,
    {"a program reads the hypervisor's image", SURVIVES, read_image, PF(U | P), 0},
    {"a program writes the hypervisor's image", SURVIVES, write_image, PF(U | P | W), 0},
    {"a program reads the direct map", SURVIVES, read_direct_map, PF(U | P), 0},
    {"a program jumps into the hypervisor", SURVIVES, jump_to_image, PF(U | P | I), 0},
    {"a program reads its kernel", SURVIVES, read_kernel, PF(U), 0},
    {"VMCALL by a program", SURVIVES, try_vmcall, FAULTS(TRAP_UNDEFINED, 0), 0},
    {"SYSCALL at the end of canonical addresses", SURVIVES, syscall_at_the_end, GP(0), 0},
};
const struct attack_list full_user_attacks = {full, ARRAY_SIZE(full)};
const struct attack_list pv_user_attacks = {pv, ARRAY_SIZE(pv)};
