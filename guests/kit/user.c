/*
 * Starting user programs.
 */
#include "kit/user.h"
#include "kit/kit.h"

extern u8 user_start[];

enum user_flags { RFLAGS_IF_FIXED = 0x202 };

u64 user_address(const void *thing)
{
    return USER_BASE + (u64)thing - (u64)user_start;
}

void user_space_create(struct space *s)
{
    space_create(s);
    space_map_user_image(s);
    for (unsigned i = 1; i <= USER_STACK_PAGES; i++)
        space_map(s, USER_STACK_TOP - i * PAGE_SIZE, (u64)page_alloc_zeroed(), ENTRY_USER_RW);
    space_publish(s);
}

void user_start_frame(struct trap_frame *f, struct space *s, user_function function, u64 argument,
                      u64 stack_top)
{
    u64 top = stack_top - 2 * sizeof(u64);
    u64 *entry = space_entry(s, top, 1, false);
    u64 page = platform->entry_pa(*entry);

    *(u64 *)(page + (top & (PAGE_SIZE - 1)) + sizeof(u64)) = user_address(user_return);
    memset(f, 0, sizeof(*f));
    f->rip = user_address((const void *)function);
    f->rdi = argument;
    f->rsp = top + sizeof(u64);
    f->cs = platform->user_cs;
    f->ss = platform->user_ss;
    f->rflags = RFLAGS_IF_FIXED;
}

u64 user_run(struct space *s, user_function function, u64 argument)
{
    struct trap_frame frame;

    user_start_frame(&frame, s, function, argument, USER_STACK_TOP);
    return enter_user(&frame, platform->resume);
}
