/*
 * The hypercall table, the page of stubs, and the calls that need no file of their own.
 */
#include "hypercall.h"

#include "errno.h"
#include "log.h"
#include "sched.h"
#include "trivisor_op.h"

#include "public/trivisor.h"

#include <string.h>

struct hypercall_slot hypercall_slot[HYPERCALLS];

extern const struct hypercall hypercalls_start[], hypercalls_end[];

static s64 unknown(void)
{
    return -ENOSYS;
}

static u64 cell_offset(u32 counter)
{
    return offsetof(struct domain, ledger.cell) + counter * sizeof(struct ledger_cell);
}

/* Every slot has a handler afterwards, as entry.asm calls what it finds: `unknown`, counted as
 * LC_HC_OTHER, unless an entry of the linker's table names its number. That table ends before
 * hypercalls_end; no entry may have the number HYPERCALL_UNKNOWN or a higher one, which is
 * asserted. */
void hypercall_init(void)
{
    /* lab pv.1 */
    for (unsigned i = 0; i < HYPERCALLS; i++)
        hypercall_slot[i] =
            (struct hypercall_slot){(s64(*)(u64, u64, u64, u64, u64, u64))(void (*)(void))unknown,
                                    cell_offset(LC_HC_OTHER)};
    for (const struct hypercall *h = hypercalls_start; h < hypercalls_end; h++) {
        ASSERT(h->number < HYPERCALL_UNKNOWN);
        hypercall_slot[h->number] = (struct hypercall_slot){h->handler, cell_offset(h->counter)};
    }
    /* lab end pv.1 */
}

bool pv_time_is_up_now(void)
{
    return sched_time_is_up();
}

bool pv_time_is_up(u64 i)
{
    enum { BETWEEN_LOOKS = 16 };

    return unlikely(i % BETWEEN_LOOKS == BETWEEN_LOOKS - 1) && pv_time_is_up_now();
}

/* The guest shall make this call again, with these first two arguments: its rip goes back to the
 * `syscall`, number and arguments are in the registers in which it will bring them (the result
 * of a handler is what rax becomes), and the run loop is asked for. An item of a multicall has no
 * instruction of its own: the arguments are kept in x->again_first and _second, x->again says so,
 * and nothing of the guest's registers changes; the result is 0 then. */
s64 pv_again(struct vcpu *v, u64 number, u64 first, u64 second)
{
    struct virt_vcpu *x = v->virt;

    /* lab pv.1: return lab_missing("pv.1"), 0; */
    if (x->in_multicall) {
        x->again = true;
        x->again_first = first;
        x->again_second = second;
        return 0;
    }
    v->regs.rip -= SYSCALL_BYTES;
    v->regs.rdi = first;
    v->regs.rsi = second;
    v->kicked = 1;
    return (s64)number;
    /* lab end pv.1 */
}

s64 pv_again_third(struct vcpu *v, u64 number, u64 first, u64 second, u64 third)
{
    if (v->virt->in_multicall) {
        v->virt->again_more = true;
        v->virt->again_third = third;
    } else {
        v->regs.rdx = third;
    }
    return pv_again(v, number, first, second);
}

/* 32 bytes a stub, as the ABI's hypercall page has them: what `syscall` destroys is kept on the
 * guest's stack. */
enum stub { STUB_BYTES = 32, STUBS = PAGE_SIZE / STUB_BYTES };

void hypercall_page_fill(void *page)
{
    /* push rcx; push r11; mov eax, n; syscall; pop r11; pop rcx; ret */
    static const u8 stub[] = {0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                              0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    /* push rcx; push r11; push rax; mov eax, n; syscall */
    static const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05};
    enum { STUB_NUMBER = 4, IRET_NUMBER = 5, INT3 = 0xcc };
    u8 *p = page;

    memset(p, INT3, PAGE_SIZE);
    for (u32 i = 0; i < STUBS; i++, p += STUB_BYTES) {
        bool is_iret = i == __HYPERVISOR_iret;

        memcpy(p, is_iret ? iret : stub, is_iret ? sizeof(iret) : sizeof(stub));
        memcpy(p + (is_iret ? IRET_NUMBER : STUB_NUMBER), &i, sizeof(i));
    }
}

static s64 do_trivisor(u64 command, u64 argument)
{
    return trivisor_op(pv_current(), command, argument, LC_HC_TRIVISOR);
}
HYPERCALL(TRIVISOR_HYPERCALL, do_trivisor, LC_HC_TRIVISOR);
