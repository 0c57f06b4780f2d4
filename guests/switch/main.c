/*
 * switch: processes in address spaces of their own take turns, each yielding to the next by a
 * system call: 2, 8 and 16 of them, each touching 0, 16 or 64 KiB when its turn comes (as lmbench's
 * lat_ctx). The figure is one switch, the touching itself taken off. And the bare load of a known
 * root.
 */
#include "kit/kit.h"
#include "user_process.h"

const char guest_name[] = "switch";

enum switch_limits { PROCESSES = 16, SET_BYTES = 64 << 10 };

struct process {
    struct space space;
    struct trap_frame frame; /* where it goes on, while another runs */
};

static struct process process[PROCESSES];
static unsigned current, taking_turns;
static u64 switches;

static struct trap_frame *on_system_call(struct trap_frame *frame)
{
    if (frame->rax != SYS_YIELD)
        return trap_default_system_call(frame);
    frame->rax = 0;
    process[current].frame = *frame;
    current = current + 1 == taking_turns ? 0 : current + 1;
    switches++;
    platform->space_load(&process[current].space);
    return &process[current].frame;
}

/* The contents of process p's working set, at offset `at`. */
static u64 set_word(unsigned p, u64 at)
{
    return (u64)(p + 1) << 32 | at;
}

static void make_process(unsigned p)
{
    struct space *s = &process[p].space;

    user_space_create(s);
    for (u64 at = 0; at < SET_BYTES; at += PAGE_SIZE) {
        u8 *page = page_alloc_zeroed();

        for (u64 i = 0; i < PAGE_SIZE; i += TOUCH_STRIDE)
            *(u64 *)(page + i) = set_word(p, at + i);
        space_map(s, WORKING_SET + at, (u64)page, ENTRY_USER_RW);
    }
}

static void run_turns(void)
{
    u64 sum = 0;

    for (unsigned p = 1; p < taking_turns; p++)
        user_start_frame(&process[p].frame, &process[p].space, user_other, 0, USER_STACK_TOP);
    current = 0;
    switches = 0;
    platform->space_load(&process[0].space);
    for (u64 at = 0; at < user_run_record.bytes; at += TOUCH_STRIDE)
        sum += set_word(0, at);
    check_equal("the sum of the first one's memory", sum,
                user_run(&process[0].space, user_first, 0));
    check_equal("switches", (1 + SWITCH_SAMPLES * SWITCH_ROUNDS) * taking_turns, switches);
}

static void measure(unsigned processes, unsigned kib)
{
    struct switch_run *run = &user_run_record;
    u64 sample[SWITCH_SAMPLES];
    char name[32];

    run->bytes = (u64)kib << 10;
    run->processes = taking_turns = processes;
    run_turns();
    for (unsigned i = 0; i < SWITCH_SAMPLES; i++)
        sample[i] = run->ticks[i] > run->touch_ticks ? run->ticks[i] - run->touch_ticks : 0;
    format_text(name, sizeof(name), "switch_%up_%uk", processes, kib);
    figure_samples(name, sample, SWITCH_SAMPLES, run_turns,
                   (1 + SWITCH_SAMPLES * SWITCH_ROUNDS) * processes);
}

static void load_first(void)
{
    platform->space_load(&process[0].space);
}
static void load_second(void)
{
    platform->space_load(&process[1].space);
}

void guest_main(void)
{
    static const unsigned counts[] = {2, 8, 16}, sets[] = {0, 16, 64};

    for (unsigned p = 0; p < PROCESSES; p++)
        make_process(p);
    trap_handle(TRAP_SYSCALL, on_system_call);
    for (unsigned c = 0; c < ARRAY_SIZE(counts); c++)
        for (unsigned s = 0; s < ARRAY_SIZE(sets); s++)
            measure(counts[c], sets[s]);
    load_first();
    figure(&(struct figure){.name = "load_root", .op = load_first, .after = load_second});
    platform->space_load(&kernel_space);
    for (unsigned p = 0; p < PROCESSES; p++)
        space_destroy(&process[p].space);
}
