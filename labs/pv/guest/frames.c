/*
 * The frame that the hypervisor lays on the kernel's stack when it sends the guest to its handler
 * (xen/arch-x86/xen-x86_64.h), word by word.
 */
#include "judge.h"
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

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
    FLAGS_RF = 1 << 16
};
enum { PLAIN_WORDS = 7, ERROR_WORDS = 8, MASK_BIT = 32, INFO_RING3 = 3, ERROR_READ_MISSING = 4 };
#define MISSING     0x50000000ULL
#define DIRECT_MAP  0xffff830000000000ULL
#define KERNEL_CS   (u64)(FLAT_KERNEL_CS & ~3)
#define NON_CANONIC 0x0000900000001000ULL

static u8 stack[STACK] __attribute__((aligned(64)));
static u64 own_page[PAGE_SIZE / 8] __attribute__((aligned(4096)));

static volatile u8 *mask(void)
{
    return (volatile u8 *)&PV_SHARED->vcpu_info[0].evtchn_upcall_mask;
}

/* A trap from this stack; masked: events are when it happens. */
static void trap_from(u64 rsp, u64 flags, u64 fault_at, bool masked)
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
    *mask() = 1;
    grade_end();
}

static void handler_flags(void)
{
    u64 rsp = (u64)stack + 2048;

    grade_begin("handler_flags");
    trap_from(rsp, FLAGS_AC, 0, false);
    expect_words(2, (u64)capture_int3_end, rsp, FLAGS_AC, false);
    grade_equal("AC in the handler", 0, capture_flags & FLAGS_AC, WHERE_HANDLER);
    grade_end();
}

static void enter(void)
{
    pv_trap_enter_at(TRAP_BREAKPOINT, capture_handler);
    pv_trap_enter_at(TRAP_PAGE_FAULT, capture_handler);
}

/* The frame would lie in the hypervisor's direct map of the machine: that ends the life. */
void test_bad_stack(void)
{
    u64 end = DIRECT_MAP + pv_machine((u64)own_page) + PAGE_SIZE;

    enter();
    trap_from(end, 0, 0, false);
    grade_begin("bad_stack");
    grade_true("this life ends, as the frame would lie in the hypervisor's memory", false,
               WHERE_STACK);
    grade_equal("words of the frame that were stored there all the same", 0,
                own_page[PAGE_SIZE / 8 - 1] != 0, WHERE_STACK);
    grade_end();
}

void test_frames(void)
{
    enter();
    plain_frame();
    error_frame();
    aligned_frame();
    handler_flags();
    event_mask();
}
