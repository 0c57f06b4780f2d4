/*
 * The frame that the hypervisor lays on the kernel's stack when it sends the guest to its handler
 * (xen/arch-x86/xen-x86_64.h), word by word.
 */
#include "judge.h"
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"
#include "kit/pv_paging.h"

#include "grade_guest.h"

#define WHERE_FRAME   "pv.8: src/pv/bounce.asm, part 1, the frame"
#define WHERE_HANDLER "pv.8: src/pv/bounce.asm, part 2, the handler"
#define WHERE_STACK   "pv.8: src/pv/bounce.asm, part 1, where the stack may be"

enum {
    STACK = 4096,
    FLAGS_IF = 0x200,
    FLAGS_ONE = 2,
    FLAGS_AC = 1 << 18,
    FLAGS_CF = 1,
    FLAGS_TF = 1 << 8,
    FLAGS_NT = 1 << 14,
    FLAGS_RF = 1 << 16
};
enum {
    SELECTOR = 0xffff,
    PLAIN_WORDS = 7,
    ERROR_WORDS = 8,
    MASK_BIT = 32,
    INFO_RING3 = 3,
    OTHER_MASK = 0x80,
    ERROR_READ_MISSING = 4
};
#define MISSING     0x50000000ULL
#define DIRECT_MAP  0xffff830000000000ULL
#define KERNEL_CS   (u64)(FLAT_KERNEL_CS & ~3)
#define NON_CANONIC 0x0000900000001000ULL
#define LOWER_END   0x0000800000000000ULL
#define XEN_END     HYPERVISOR_VIRT_END

static u8 stack[STACK] __attribute__((aligned(64)));
static u64 own_page[PAGE_SIZE / 8] __attribute__((aligned(4096)));

static volatile u8 *mask(void)
{
    return (volatile u8 *)&PV_SHARED->vcpu_info[0].evtchn_upcall_mask;
}

/* A trap from this stack; masked: the event mask when it happens. */
static void trap_from(u64 rsp, u64 flags, u64 fault_at, u8 masked)
{
    for (unsigned i = 0; i < FRAME_WORDS; i++)
        capture_frame[i] = 0;
    *mask() = masked;
    capture(rsp, flags, fault_at);
}

static void expect_words(unsigned at, u64 rip, u64 rsp, u64 flags, bool masked)
{
    const u64 *f = capture_frame + at;

    grade_equal("rip in the frame", rip, f[0], WHERE_FRAME);
    grade_equal("cs in the frame, the event mask in bit 32", KERNEL_CS | (u64)masked << MASK_BIT,
                f[1], WHERE_FRAME);
    grade_equal("rflags in the frame, IF clear if events are masked",
                FLAGS_ONE | flags | (masked ? 0 : FLAGS_IF), f[2] & ~(u64)FLAGS_RF, WHERE_FRAME);
    grade_equal("rsp in the frame", rsp, f[3], WHERE_FRAME);
    grade_equal("ss in the frame", FLAT_KERNEL_SS, f[4], WHERE_FRAME);
    grade_equal("ss in the handler", FLAT_KERNEL_SS, capture_ss & SELECTOR, WHERE_HANDLER);
}

static void plain_frame(void)
{
    u64 rsp = (u64)stack + 2048;

    grade_begin("frame");
    trap_from(rsp, FLAGS_CF, 0, false);
    grade_equal("the first word of the frame: rcx", MAGIC_RCX, capture_frame[0], WHERE_FRAME);
    grade_equal("the second word of the frame: r11", MAGIC_R11, capture_frame[1], WHERE_FRAME);
    expect_words(2, (u64)capture_int3_end, rsp, FLAGS_CF, false);
    grade_equal("rsp in the handler, 7 words below a stack that is aligned", rsp - 8 * PLAIN_WORDS,
                capture_rsp, WHERE_FRAME);
    grade_end();
}

static void error_frame(void)
{
    u64 rsp = (u64)stack + 2048;

    grade_begin("frame_error");
    trap_from(rsp, 0, MISSING, false);
    grade_equal("the first word of the frame: rcx", MAGIC_RCX, capture_frame[0], WHERE_FRAME);
    grade_equal("the second word of the frame: r11", MAGIC_R11, capture_frame[1], WHERE_FRAME);
    grade_equal("the error code of a read of a missing page", 0,
                capture_frame[2] & ~(u64)ERROR_READ_MISSING, WHERE_FRAME);
    expect_words(3, (u64)capture_read, rsp, 0, false);
    grade_equal("rsp in the handler, 8 words below", rsp - 8 * ERROR_WORDS, capture_rsp,
                WHERE_FRAME);
    grade_end();
}

/* Wherever the guest has a page its stack may be: at the end of the lower half, behind the
 * hypervisor's slots. */
static void frame_at(const char *what, u64 end)
{
    pv_set_entry(space_entry(&kernel_space, end - PAGE_SIZE, 1, true),
                 pv_entry_of((u64)own_page, ENTRY_USER_RW));
    trap_from(end, 0, 0, false);
    grade_equal(what, end, capture_frame[5], WHERE_STACK);
    grade_equal("rsp in the handler there", end - 8 * PLAIN_WORDS, capture_rsp, WHERE_STACK);
}

static void aligned_frame(void)
{
    grade_begin("frame_aligned");
    for (unsigned less = 0; less < 16; less += 3) {
        u64 rsp = (u64)stack + 2048 - less;

        trap_from(rsp, 0, 0, false);
        grade_equal("rsp in the frame", rsp, capture_frame[5], WHERE_FRAME);
        grade_equal("rsp in the handler, 7 words below the next multiple of 16",
                    (rsp & ~15ULL) - 8 * PLAIN_WORDS, capture_rsp, WHERE_FRAME);
    }
    frame_at("rsp in the frame on a stack that ends with the lower half", LOWER_END);
    frame_at("rsp in the frame on a stack behind the hypervisor's memory", XEN_END + PAGE_SIZE);
    grade_end();
}

/* A gate that does not ask for events to be masked. */
static void set_plain_gate(unsigned vector)
{
    trap_info_t info[2] = {
        {(u8)vector, INFO_RING3, FLAT_KERNEL_CS, (unsigned long)capture_handler}};

    hypercall2(__HYPERVISOR_set_trap_table, (u64)info, 0);
}

static void event_mask(void)
{
    u64 rsp = (u64)stack + 2048;

    grade_begin("frame_mask");
    trap_from(rsp, 0, 0, false);
    grade_equal("the event mask in the handler, whose gate sets it", 1, *mask(), WHERE_HANDLER);
    trap_from(rsp, 0, 0, true);
    expect_words(2, (u64)capture_int3_end, rsp, 0, true);
    set_plain_gate(TRAP_BREAKPOINT);
    trap_from(rsp, 0, 0, false);
    grade_equal("the event mask in a handler whose gate does not set it", 0, *mask(),
                WHERE_HANDLER);
    expect_words(2, (u64)capture_int3_end, rsp, 0, false);
    trap_from(rsp, 0, 0, true);
    grade_equal("the same when events were masked before", 1, *mask(), WHERE_HANDLER);
    trap_from(rsp, 0, 0, OTHER_MASK);
    expect_words(2, (u64)capture_int3_end, rsp, 0, true);
    grade_true("a mask that is not 0 is not 0 in the handler", *mask() != 0, WHERE_HANDLER);
    *mask() = 1;
    grade_end();
}

static void handler_flags(void)
{
    u64 rsp = (u64)stack + 2048;
    bool good;

    grade_begin("handler_flags");
    trap_from(rsp, FLAGS_AC, 0, false);
    expect_words(2, (u64)capture_int3_end, rsp, FLAGS_AC, false);
    good = grade_equal("AC in the handler", 0, capture_flags & FLAGS_AC, WHERE_HANDLER);
    trap_from(rsp, FLAGS_NT, 0, false);
    expect_words(2, (u64)capture_int3_end, rsp, FLAGS_NT, false);
    good &= grade_equal("NT in the handler", 0, capture_flags & FLAGS_NT, WHERE_HANDLER);
    if (good) { /* a handler that starts with TF never gets beyond its first instruction */
        trap_from(rsp, FLAGS_TF, 0, false); /* a #DB before INT3 is reached */
        expect_words(2, (u64)capture_int3_end - 1, rsp, FLAGS_TF, false);
        grade_equal("TF in the handler", 0, capture_flags & FLAGS_TF, WHERE_HANDLER);
    }
    grade_end();
}

static void enter(void)
{
    pv_trap_enter_at(TRAP_BREAKPOINT, capture_handler);
    pv_trap_enter_at(TRAP_PAGE_FAULT, capture_handler);
    pv_trap_enter_at(TRAP_DEBUG, capture_handler);
}

void test_bad_stack(unsigned number)
{
    const struct {
        u64 end;
        const char *why;
    } stacks[BAD_STACKS] = {
        {DIRECT_MAP + pv_machine((u64)own_page) + PAGE_SIZE,
         "this life ends, as the frame would lie in the hypervisor's memory"},
        {XEN_END + 16, /* where the frame's last words would be the hypervisor's */
         "this life ends, as the frame would lie partly in the hypervisor's memory"},
        {NON_CANONIC, "this life ends, as no frame can lie at an address that is not canonical"},
        {(u64)own_page + PAGE_SIZE, "this life ends, as its stack cannot be written"},
    };

    enter();
    if (number == BAD_STACKS - 1)
        pv_set_entry(space_entry(&kernel_space, (u64)own_page, 1, false),
                     pv_entry_of((u64)own_page, ENTRY_USER_RO));
    trap_from(stacks[number].end, 0, 0, false);
    grade_begin("bad_stack");
    grade_true(stacks[number].why, false, WHERE_STACK);
    grade_equal("words of the frame that were stored there all the same", 0,
                own_page[PAGE_SIZE / 8 - 1] != 0, WHERE_STACK);
    grade_end();
}

void test_frames(void)
{
    enter();
    plain_frame();
    error_frame();
    handler_flags();
    event_mask();
    aligned_frame();
}
