/*
 * Code that may trap, and how the guest comes back from it: every exception's handler resumes at
 * probe_recover while a probe is under way.
 */
#include "hostile/attack.h"

#include "kit/kit.h"
#include "kit/user.h"

#include <xen/xen.h>

/* probe.asm: calls code with the stack remembered; probe_recover returns from that call instead,
 * wherever the code was. */
s64 probe_call(s64 (*code)(void));
void probe_recover(void);
extern u64 probe_stack;

enum { KERNEL_RFLAGS = 0x2, TRAP_FLAG = 0x100 };
/* Of a return that stays in kernel mode: privilege level 0 stands for it. */
enum { PV_KERNEL_CS = FLAT_KERNEL_CS & ~3 };

static volatile bool under_way;
static volatile bool trapped;
static struct outcome caught;
static u64 fault_address;

u64 random_state;

u64 random_next(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static struct trap_frame *on_trap(struct trap_frame *f)
{
    if (!under_way) {
        print("trap %lu, error %lx, at %lx, address %lx\n", f->vector, f->error, f->rip,
              platform->fault_address());
        check("no trap outside of an attack", false);
        finish();
    }
    trapped = true;
    caught = (struct outcome){.kind = TRAPPED, .vector = (unsigned)f->vector, .error = f->error};
    if (f->vector == TRAP_PAGE_FAULT)
        fault_address = platform->fault_address();
    if (trap_from_user(f))
        leave_user(0);
    if (platform->pv) { /* they may be those of a frame that could not be loaded */
        f->cs = PV_KERNEL_CS;
        f->ss = FLAT_KERNEL_SS;
    }
    f->rip = (u64)probe_recover;
    f->rflags &= ~(u64)TRAP_FLAG;
    f->rsp = probe_stack;
    return f;
}

void probe_init(void)
{
    for (unsigned vector = 0; vector < TRAP_EXCEPTIONS; vector++)
        trap_handle(vector, on_trap);
}

u64 probe_fault_address(void)
{
    return fault_address;
}

struct outcome probe(s64 (*code)(void))
{
    trapped = false;
    under_way = true;
    s64 value = probe_call(code);
    under_way = false;
    return trapped ? caught : returned(value);
}
