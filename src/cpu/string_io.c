/*
 * The quick way for REP INS and REP OUTS, with which a driver moves a disk's sector: in a kernel's
 * 64-bit code, within a page of RAM. Everything else is left to the emulator (instruction.c),
 * whose result this must equal.
 *
 * The exit has told the port, the direction and the width, and that the guest may access the port.
 * A length of 2, or 3 with 16-bit operands, has room for no other prefix: the addresses are 64 bits
 * wide, in DS or ES. Memory is looked at before the device is: what was read from a port cannot be
 * put back. After MOST repetitions, or at the page's end, the instruction begins again, so that
 * others have their turn.
 */
#include "bytes_at.h"
#include "cpu.h"
#include "domain.h"
#include "guest_access.h"
#include "paging.h"
#include "port.h"
#include "walk.h"
#include "x86.h"

enum { MOST = 1024, LENGTH = 2, LENGTH_16 = 3 };

/* Whether the instruction is one of ours; its repetitions here, or 0. */
static u64 repetitions(struct vcpu *v, const struct exit *e, u64 gva)
{
    u64 rflags;

    if (!e->rep || e->insn_len != (e->size == 2 ? LENGTH_16 : LENGTH) || v->dr7 & DR7_ENABLES)
        return 0;
    rflags = virt_ops->plain_64bit(v);
    if (!rflags || rflags & RFLAGS_DF || virt_cpl(v))
        return 0;
    return MIN(MIN(v->regs.rcx, (u64)MOST), (PAGE_SIZE - (gva & PAGE_OFFSET_MASK)) / e->size);
}

/* Does so many, fewer if the domain ends meanwhile; returns how many. */
static u64 move(struct domain *d, const struct exit *e, char *p, u64 count)
{
    u64 done;

    for (done = 0; done < count && !d->doomed; done++, p += e->size) {
        if (e->in)
            put_bytes(p, e->size, port_read(d, e->port, e->size));
        else
            port_write(d, e->port, e->size, get_bytes(p, e->size));
    }
    return done;
}

bool cpu_string_io(struct vcpu *v, const struct exit *e)
{
    u64 *address = e->in ? &v->regs.rdi : &v->regs.rsi, gpa;
    u64 count = repetitions(v, e, *address);
    struct access_fault f;

    if (!count)
        return false;
    char *p = cpu_reach(v, *address, e->in ? WALK_WRITE : WALK_READ, &gpa, &f);
    if (!p)
        return false;
    count = move(v->domain, e, p, count);
    if (e->in)
        paging_guest_written(v->domain, gpa, (unsigned)(count * e->size));
    *address += count * e->size;
    v->regs.rcx -= count;
    if (!v->regs.rcx)
        cpu_skip(v, e);
    return true;
}
