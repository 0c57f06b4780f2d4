/*
 * What a trap leaves on the kernel's stack, word for word, and which instructions trap at all: in
 * the kernel and in a program, by gates of each level. Source: xen/arch-x86/xen-x86_64.h; Xen's
 * answers.
 */
#include "xenabi.h"

#include "kit/insn.h"
#include "kit/user.h"

#include <xen/physdev.h>
#include <xen/vcpu.h>

enum trap_words { SEEN_R11 = 1, SEEN_REST, NO_ERROR = ~0u };
enum traps_numbers {
    KERNEL_CS = 0xe030, /* a frame's in which the kernel was */
    SOFT_VECTOR = 0x21,
    GATE_MASKS = 4,
    FLAGS_START = 0x202,
    FLAGS_RF = 1 << 16,
    FLAGS_TF = 1 << 8,
    FLAGS_IOPL_3 = 3 << 12,
    DR6_RESET_VALUE = 0xffff0ff0,
    DR6_BS = 1 << 14,
    DR6_B0 = 1,
    DR7_OFF = 0x400,
    IDT_ERROR = 2, /* of a #GP's error code */
};
#define M2P_START      0xffff800000000000ULL
#define HYPERVISORS_CS 0xe008

typedef void code_function(void);
extern u64 traps_seen[], traps_cs;
extern u32 traps_nmis, traps_nmi_deepest;
extern code_function *const traps_stubs[256], traps_nmi;
extern code_function insn_ud2, insn_int21, insn_int13, insn_int14, insn_int3, insn_int3_long,
    insn_int4, insn_int80, insn_icebp, insn_hlt, insn_invlpg, insn_invd, insn_wbinvd, insn_clts,
    insn_lmsw, insn_swapgs, insn_lldt, insn_cr8, insn_in, insn_cli, insn_read, insn_write,
    insn_load_ds, insn_step, insn_forced_rdtsc, insn_forced_cpuid;

static u64 no_resume_flag; /* FLAGS_RF where faults do not set it: QEMU's */
static struct space space; /* its user table has the kernel's slot, too */
static u8 stack[4096] __attribute__((aligned(16)));

static void set_gate(unsigned vector, u8 flags, u16 cs, code_function *address)
{
    trap_info_t info[2] = {{(u8)vector, flags, cs, (u64)address}};

    hypercall2(__HYPERVISOR_set_trap_table, (u64)info, 0);
}

static void gate(unsigned vector, u8 level)
{
    set_gate(vector, level | GATE_MASKS, FLAT_KERNEL_CS, traps_stubs[vector]);
}

/* The vector by which the instruction ends: that of UD2 if by itself it does not trap. */
static u64 run(code_function *code, bool user, u64 flags, u64 rdx)
{
    struct trap_frame f = {.rip = (u64)code,
                           .cs = user ? FLAT_USER_CS : KERNEL_CS,
                           .rflags = flags,
                           .rsp = (u64)stack + sizeof(stack) / 2,
                           .ss = FLAT_USER_SS,
                           .r11 = 11,
                           .rcx = 12,
                           .rdx = rdx};
    u64 vector = enter_user(&f, platform->resume);

    PV_SHARED->vcpu_info[0].evtchn_upcall_mask = 1;
    return vector;
}

/* The words of the frame above r11: an error code if one is expected; rip; cs; rflags. */
struct expected {
    unsigned vector;    /* of the handler */
    unsigned error;     /* or NO_ERROR */
    unsigned rip;       /* bytes behind the instruction's begin */
    u64 flags, ignored; /* rflags, and which of them are not looked at */
};

static void expect(const char *what, code_function *code, bool user, u64 flags, u64 rdx,
                   struct expected e)
{
    const u64 *w = traps_seen;
    u64 vector = run(code, user, flags, rdx);

    if (!check_equal(what, e.vector, vector))
        return;
    check("r11 and rcx lie lowest", (w[0] == 12 || code == insn_forced_cpuid) && w[SEEN_R11] == 11);
    w += SEEN_REST;
    if (e.error != NO_ERROR)
        check_equal("its error code", e.error, *w++);
    check_equal("its rip", (u64)code + e.rip, w[0]);
    check_equal("its cs", user ? FLAT_USER_CS : KERNEL_CS, (u32)w[1]);
    check_equal("the mask beside it", !(flags & FLAGS_START & ~2), w[1] >> 32);
    e.ignored |= no_resume_flag;
    check_equal("its rflags", e.flags & ~e.ignored, w[2] & ~e.ignored);
    check_equal("its rsp", (u64)stack + sizeof(stack) / 2, w[3]);
    check_equal("its ss", FLAT_USER_SS, w[4]);
    check_equal("the handler's cs", FLAT_KERNEL_CS, traps_cs);
}

/* #GP of INT n. */
static void refused(const char *what, code_function *code, bool user, unsigned vector)
{
    expect(what, code, user, FLAGS_START, 0,
           (struct expected){TRAP_GENERAL_PROTECTION, vector << 3 | IDT_ERROR, 0,
                             FLAGS_START | FLAGS_RF, 0});
}

/* INT n comes, without an error code; RF is as it may be (Xen has it from a #GP). */
static void taken(const char *what, code_function *code, bool user, unsigned vector, unsigned rip)
{
    expect(what, code, user, FLAGS_START, 0,
           (struct expected){vector, NO_ERROR, rip, FLAGS_START, FLAGS_RF});
}

static void check_levels(bool user, u8 level)
{
    static const unsigned vectors[] = {
        3, 4, TRAP_GENERAL_PROTECTION, TRAP_PAGE_FAULT, SOFT_VECTOR, TRAP_INT80};
    bool may = level >= (user ? 3 : 1);

    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        gate(vectors[i], level);
    (may ? (taken("INT 0x21", insn_int21, user, SOFT_VECTOR, 2),
            taken("INT 13", insn_int13, user, 13, 2), taken("INT 14", insn_int14, user, 14, 2))
         : (refused("INT 0x21, refused", insn_int21, user, SOFT_VECTOR),
            refused("INT 13, refused", insn_int13, user, 13),
            refused("INT 14, refused", insn_int14, user, 14)));
    /* Whatever the level. */
    taken("INT3", insn_int3, user, 3, 1);
    taken("INT 3", insn_int3_long, user, 3, 2);
    taken("INT 4", insn_int4, user, 4, 2);
    taken("INT 0x80", insn_int80, user, TRAP_INT80, 2);
}

static void check_gates(bool user)
{
    for (u8 level = 0; level < 4; level += level ? 2 : 1)
        check_levels(user, level);
    set_gate(SOFT_VECTOR, 3 | GATE_MASKS, HYPERVISORS_CS, traps_stubs[SOFT_VECTOR]);
    taken("by a gate of the hypervisor's cs", insn_int21, user, SOFT_VECTOR, 2);
    set_gate(SOFT_VECTOR, 3 | GATE_MASKS, 0, traps_stubs[SOFT_VECTOR]);
    taken("by a gate of no cs", insn_int21, user, SOFT_VECTOR, 2);
    for (unsigned i = TRAP_GENERAL_PROTECTION; i <= TRAP_PAGE_FAULT; i++)
        gate(i, 0);
}

static void faults(const char *what, code_function *code, bool user, unsigned vector, u64 rdx,
                   unsigned error)
{
    expect(what, code, user, FLAGS_START, rdx,
           (struct expected){vector, error, 0, FLAGS_START | FLAGS_RF, 0});
}

static void check_instructions(bool user)
{
    static const struct {
        const char *what;    /* the instruction */
        code_function *code; /* it */
        bool emulated;       /* in the kernel it does not fault */
    } list[] = {
        {"HLT", insn_hlt, false},      {"INVLPG", insn_invlpg, false}, {"INVD", insn_invd, false},
        {"LMSW", insn_lmsw, false},    {"SWAPGS", insn_swapgs, false}, {"LLDT", insn_lldt, false},
        {"MOV CR8", insn_cr8, false},  {"IN", insn_in, false},         {"CLI", insn_cli, false},
        {"WBINVD", insn_wbinvd, true}, {"CLTS", insn_clts, true},
    };
    enum { UNMAPPED_READ = 0, PRESENT_READ = 1, WRITE = 2 };
    unsigned by_user = user ? FAULT_USER : 0;

    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        if (user || !list[i].emulated)
            faults(list[i].what, list[i].code, user, TRAP_GENERAL_PROTECTION, 0, 0);
        else
            check_equal(list[i].what, TRAP_UNDEFINED, run(list[i].code, user, FLAGS_START, 0));
    }
    faults("forced emulation of RDTSC", insn_forced_rdtsc, user, TRAP_UNDEFINED, 0, NO_ERROR);
    expect("forced emulation of CPUID", insn_forced_cpuid, user, FLAGS_START, 0,
           (struct expected){TRAP_UNDEFINED, NO_ERROR, 7, FLAGS_START | FLAGS_RF, 0});
    if (run(insn_icebp, user, FLAGS_START, 0) != TRAP_UNDEFINED) /* as in QEMU, which has none */
        expect("INT1", insn_icebp, user, FLAGS_START, 0,
               (struct expected){TRAP_DEBUG, NO_ERROR, 1, FLAGS_START, 0});
    faults("a selector of the hypervisor's", insn_load_ds, user, TRAP_GENERAL_PROTECTION,
           HYPERVISORS_CS, HYPERVISORS_CS);
    faults("an address that is not canonical", insn_read, user, TRAP_GENERAL_PROTECTION,
           ABI_NOT_CANONICAL, 0);
    faults("the hypervisor's memory", insn_read, user, TRAP_PAGE_FAULT, ABI_BAD,
           PRESENT_READ | by_user);
    if (user) {
        faults("the M2P is not for programs", insn_read, user, TRAP_PAGE_FAULT, M2P_START,
               UNMAPPED_READ | by_user);
        faults("nor to be written", insn_write, user, TRAP_PAGE_FAULT, M2P_START, WRITE | by_user);
    } else {
        check_equal("the M2P is for the kernel", TRAP_UNDEFINED,
                    run(insn_read, user, FLAGS_START, M2P_START));
        faults("but not to be written", insn_write, user, TRAP_PAGE_FAULT, M2P_START,
               PRESENT_READ | WRITE);
    }
}

static void set_iopl(u32 iopl)
{
    struct physdev_set_iopl level = {.iopl = iopl};

    hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&level);
}

static void shows(const char *what, code_function *code, bool user, u64 flags, unsigned rip)
{
    expect(what, code, user, flags, 0,
           (struct expected){TRAP_UNDEFINED, NO_ERROR, rip, flags | FLAGS_RF, FLAGS_IOPL_3});
}

/* With VMASST_TYPE_architectural_iopl the level is in the frames; else it is not. */
static void check_iopl(bool user)
{
    const u64 *flags = &traps_seen[SEEN_REST + 2];

    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl);
    shows("a frame of level 0", insn_ud2, user, FLAGS_START, 1);
    check_equal("it says so", 0, *flags & FLAGS_IOPL_3);
    shows("a frame of level 3", insn_ud2, user, FLAGS_START | FLAGS_IOPL_3, 1);
    check_equal("it says that, too", FLAGS_IOPL_3, *flags & FLAGS_IOPL_3);
    shows("IN at level 3", insn_in, user, FLAGS_START | FLAGS_IOPL_3, 2);
    shows("CLI at level 3", insn_cli, user, FLAGS_START | FLAGS_IOPL_3, 1);
    gate(SOFT_VECTOR, 3);
    expect("INT 0x21 at level 3", insn_int21, user, FLAGS_START | FLAGS_IOPL_3, 0,
           (struct expected){SOFT_VECTOR, NO_ERROR, 2, FLAGS_START | FLAGS_IOPL_3, FLAGS_RF});
    expect("a page fault at level 3", insn_read, user, FLAGS_START | FLAGS_IOPL_3, 0x7f0000000000,
           (struct expected){TRAP_PAGE_FAULT, user ? FAULT_USER : 0, 0,
                             FLAGS_START | FLAGS_IOPL_3 | FLAGS_RF, 0});
    set_iopl(3);
    shows("the frame's level goes before that of physdev_op", insn_ud2, user, FLAGS_START, 1);
    check_equal("it is 0", 0, *flags & FLAGS_IOPL_3);
    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_architectural_iopl);
    set_iopl(3);
    shows("IN, by physdev_op", insn_in, user, FLAGS_START, 2);
    shows("CLI, by physdev_op", insn_cli, user, FLAGS_START, 1);
    check_equal("no frame says so", 0, *flags & FLAGS_IOPL_3);
    shows("nor takes it from one", insn_in, user, FLAGS_START | FLAGS_IOPL_3, 2);
    check_equal("which shows none", 0, *flags & FLAGS_IOPL_3);
    set_iopl(0);
    faults("IN at level 0", insn_in, user, TRAP_GENERAL_PROTECTION, 0, 0);
}

static u64 status(void)
{
    return (u64)hypercall2(__HYPERVISOR_get_debugreg, 6, 0);
}

/* What is in DR6 stays until the guest takes it away. */
static void check_status(bool user)
{
    hypercall2(__HYPERVISOR_set_debugreg, 6, 0);
    check_equal("DR6: nothing", DR6_RESET_VALUE, status());
    expect("a single step", insn_step, user, FLAGS_START | FLAGS_TF, 0,
           (struct expected){TRAP_DEBUG, NO_ERROR, 1, FLAGS_START | FLAGS_TF, 0});
    check_equal("DR6: a step", DR6_RESET_VALUE | DR6_BS, status());
    hypercall2(__HYPERVISOR_set_debugreg, 0, (u64)insn_ud2);
    hypercall2(__HYPERVISOR_set_debugreg, 7, DR7_OFF | 1);
    expect("a breakpoint", insn_ud2, user, FLAGS_START, 0,
           (struct expected){TRAP_DEBUG, NO_ERROR, 0, FLAGS_START, FLAGS_RF});
    check_equal("DR6: and the breakpoint", DR6_RESET_VALUE | DR6_BS | DR6_B0, status());
    hypercall2(__HYPERVISOR_set_debugreg, 7, DR7_OFF);
    hypercall2(__HYPERVISOR_set_debugreg, 0, 0);
    hypercall2(__HYPERVISOR_set_debugreg, 6, ~0u);
    check_equal("DR6: all that can be set", 0xffffefff, status());
    hypercall2(__HYPERVISOR_set_debugreg, 6, DR6_RESET_VALUE);
}

/* An NMI does not come while the handler of another one runs. */
static void check_nmi(void)
{
    set_gate(2, GATE_MASKS, FLAT_KERNEL_CS, traps_nmi);
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
    for (unsigned i = 0; i < 100 && *(volatile u32 *)&traps_nmis < 3; i++)
        hypercall2(__HYPERVISOR_sched_op, 0, 0);
    check_equal("NMIs sent in an NMI's handler come", 3, traps_nmis);
    check_equal("one after the other", 1, traps_nmi_deepest);
}

void abi_traps(void)
{
    space_create(&space);
    space.user_root[0] = space.root[0];
    space_publish(&space);
    platform->space_load(&space);
    for (unsigned vector = 0; vector < TRAP_EXCEPTIONS; vector++)
        gate(vector, 0);
    run(insn_ud2, false, FLAGS_START, 0);
    no_resume_flag = traps_seen[SEEN_REST + 2] & FLAGS_RF ? 0 : FLAGS_RF;
    for (unsigned user = 0; user < 2; user++) {
        check_gates(user);
        check_instructions(user);
        check_iopl(user);
        check_status(user);
    }
    check_nmi();
    pv_trap_init();
    platform->space_load(&kernel_space);
}
