/*
 * Real mode for code that nobody wrote (real.asm). A segment is its code, and INT3 behind it;
 * others are its stack and data, which overlap. Where there is no unrestricted guest, the
 * hypervisor runs all of it by hand; so it does what some of the code begins with, protected mode
 * with the segments of real mode.
 */
#include "chaos/chaos.h"
#include "kit/low.h"

enum places { CODE_SEGMENT = 0x2000, STACK_SEGMENT = 0x3000, SEGMENT_BYTES = 0x10000 };
enum bytes { INT3 = 0xcc };
enum flags { EFLAGS_FIXED = 2, EFLAGS_TF = 1 << 8, EFLAGS_IF = 1 << 9 };
enum { ONE_PROTECTED_IN = 128, HEAD = 16 };

extern const u8 chaos_real_start[];

/* MOV EAX, CR0; OR AL, 1; MOV CR0, EAX */
static const u8 protect[] = {0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0};

static void make_start(struct real_start *s)
{
    static const u16 segments[] = {STACK_SEGMENT, 0x4000, 0x8fff, 0xb800, 0xf000, 0xfff8};

    for (unsigned i = 0; i < REAL_REGISTERS; i++)
        s->reg[i] = (u32)chaos_value() & (chaos_next() % 2 ? 0xffff : ~0u);
    if (chaos_next() % 8)
        s->reg[REAL_ECX] &= 0xff;
    for (unsigned i = 0; i < ARRAY_SIZE(s->segment); i++)
        s->segment[i] =
            chaos_next() % 2 ? segments[chaos_next() % ARRAY_SIZE(segments)] : STACK_SEGMENT;
    s->eflags = EFLAGS_FIXED | (chaos_next() % 8 ? 0 : EFLAGS_IF);
    if (chaos_next() % 16 == 0)
        s->eflags |= EFLAGS_TF;
    s->ss = STACK_SEGMENT;
    s->sp = chaos_next() % 8 ? 0x8000 : (u16)chaos_value();
    s->cs = CODE_SEGMENT;
    s->ip = chaos_next() % 16 ? HEAD : (u16)(SEGMENT_BYTES - CODE_BYTES / 2);
}

void chaos_real(void)
{
    static u8 made[CODE_BYTES];
    u8 *code = (u8 *)((u64)CODE_SEGMENT << 4);
    struct real_start start;
    unsigned ip, bytes;

    make_start(&start);
    ip = start.ip;
    bytes = SEGMENT_BYTES - ip < CODE_BYTES ? SEGMENT_BYTES - ip : CODE_BYTES;
    memset((void *)1, INT3, LOW_BASE - 1); /* where IRET from an empty stack leads */
    memset(code, INT3, SEGMENT_BYTES);
    chaos_make_16bit(made);
    memcpy(code + ip, made, bytes);
    if (chaos_next() % ONE_PROTECTED_IN == 0)
        memcpy(code + ip, protect, sizeof(protect));
    memcpy((void *)LOW_BASE, low_start, (size_t)(low_end - low_start));
    memcpy((void *)(LOW_BASE + (u64)(chaos_real_start - low_start)), &start, sizeof(start));
    low_enter();
}
