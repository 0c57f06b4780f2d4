/*
 * Calls and jumps whose target is read from memory that nobody claims, and a stack that is there.
 * A target of ones is a fault, of the instruction (far) or at the target; where the operand lies
 * across the border to RAM, a part of it is RAM's, and it is a place where there is code.
 */
#include "mmio.h"

/* It begins with sixteen ones, and the last byte is ones: at either border they can be nobody's. */
#define TARGET_PAGE 0xffffff0000000000ULL
enum { TARGET_AT = 0xff, RAM_FIRST = 0xffa, RAM_LAST = 0x2fff, ONES = 0x1040 };
enum { OPCODE_GROUP = 0xff, CALL = 2, CALL_FAR = 3, JMP = 4, JMP_FAR = 5 };
enum { REX_W = 0x48, RET = 0xc3, RETF = 0xcb, MOV_EDX = 0xba, DONE = 0x600d };

static u8 *target;

/* A fault is told in the state that it leaves: vector, error code, where. RET in its stead. */
static struct trap_frame *on_fault(struct trap_frame *f)
{
    f->rbx = f->vector;
    f->r8 = f->error;
    f->r9 = f->rip - (u64)code;
    f->rip = *(const u64 *)f->rsp;
    f->rsp += sizeof(u64);
    return f;
}

/* What is called: EDX shows that it was. */
static void put_target(bool far_call)
{
    u8 *at = target + TARGET_AT;

    *at++ = MOV_EDX;
    memcpy(at, &(u32){DONE}, sizeof(u32));
    at += sizeof(u32);
    if (far_call) {
        *at++ = REX_W;
        *at = RETF;
    } else {
        *at = RET;
    }
}

/* A far pointer to it across one of the borders, as far as there is RAM. */
static void put_pointer(u64 at)
{
    u64 offset = TARGET_PAGE + TARGET_AT;
    u16 cs;
    u8 bytes[sizeof(offset) + sizeof(cs)];

    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    memcpy(bytes, &offset, sizeof(offset));
    memcpy(bytes + sizeof(offset), &cs, sizeof(cs));
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        u64 page = (at + i) / PAGE_SIZE, in_page = (at + i) % PAGE_SIZE;

        if (page == 0 || page == PAGES - 1)
            edge[page != 0][in_page] = mirror[page][in_page] = bytes[i];
    }
}

static void try_branch(unsigned digit, u64 at)
{
    struct state s;
    unsigned n = 0;

    fill();
    put_target(digit == CALL_FAR);
    put_pointer(at);
    random_state_of(&s);
    if (digit == CALL_FAR || digit == JMP_FAR)
        code[n++] = REX_W;
    code[n++] = OPCODE_GROUP;
    code[n++] = (u8)(digit << 3 | RDI);
    code[n] = RET;
    try_both("a branch through memory", W64, n, &s, at, FLAGS_ALL);
}

/* The instruction with RDI as its stack's pointer. */
static void try_stack(const u8 *bytes, unsigned count, u64 at)
{
    static const u8 xchg_rsp_rdi[] = {0x48, 0x87, 0xfc};
    struct state s;

    fill();
    random_state_of(&s);
    memcpy(code, xchg_rsp_rdi, sizeof(xchg_rsp_rdi));
    memcpy(code + sizeof(xchg_rsp_rdi), bytes, count);
    memcpy(code + sizeof(xchg_rsp_rdi) + count, xchg_rsp_rdi, sizeof(xchg_rsp_rdi));
    code[2 * sizeof(xchg_rsp_rdi) + count] = RET;
    try_both("a stack", W64, 2 * sizeof(xchg_rsp_rdi) + count, &s, at, FLAGS_ALL);
}

void try_flow(unsigned rounds)
{
    static const u16 branch_places[] = {RAM_FIRST, RAM_LAST, ONES};
    static const u16 stack_places[] = {0x1000, 0x1004, 0x1040, 0x1ffc, 0x2000, 0x2ffd, 0xffa};
    static const struct {
        u8 count, bytes[5];
    } stacks[] = {
        {1, {0x52}},       /* PUSH RDX */
        {1, {0x5a}},       /* POP RDX */
        {2, {0x66, 0x52}}, /* PUSH DX */
        {2, {0x66, 0x5a}}, /* POP DX */
        {2, {0x6a, 0x91}}, /* PUSH imm8 */
        {1, {0x9c}},       /* PUSHFQ */
        {5, {0xe8}},       /* CALL the next one */
    };

    target = page_alloc_zeroed();
    space_map(&space, TARGET_PAGE, (u64)target, ENTRY_RW);
    trap_handle(TRAP_GENERAL_PROTECTION, on_fault);
    trap_handle(TRAP_PAGE_FAULT, on_fault);
    for (unsigned n = 0; n < rounds; n++) {
        for (unsigned digit = CALL; digit <= JMP_FAR; digit++)
            for (unsigned i = 0; i < sizeof(branch_places) / sizeof(branch_places[0]); i++)
                try_branch(digit, branch_places[i]);
        for (unsigned k = 0; k < sizeof(stacks) / sizeof(stacks[0]); k++)
            for (unsigned i = 0; i < sizeof(stack_places) / sizeof(stack_places[0]); i++)
                try_stack(stacks[k].bytes, stacks[k].count, stack_places[i]);
    }
    trap_handle(TRAP_GENERAL_PROTECTION, NULL);
    trap_handle(TRAP_PAGE_FAULT, NULL);
}
