/*
 * physdev_op: a domain's right to use ports, by level and by bitmap. Source: xen/physdev.h.
 *
 * Invariant: the rights are to the domain's own emulated ports (io_space), never to the machine's.
 */
#include "errno.h"
#include "hypercall.h"
#include "layout.h"
#include "pv_emulate.h"
#include "table.h"

#include <xen/physdev.h>

enum { IOPL_MAX = 3, PORTS = 65536 };

static s64 set_iopl(struct virt_vcpu *x, u64 argument)
{
    struct physdev_set_iopl s;

    if (!pv_copy_from(&s, argument, sizeof(s)))
        return -EFAULT;
    if (s.iopl > IOPL_MAX)
        return -EINVAL;
    x->iopl = (u8)s.iopl;
    return 0;
}

static s64 set_iobitmap(struct virt_vcpu *x, u64 argument)
{
    struct physdev_set_iobitmap s;
    u64 bitmap;

    if (!pv_copy_from(&s, argument, sizeof(s)))
        return -EFAULT;
    bitmap = (u64)(uintptr_t)s.bitmap.p;
    if (s.nr_ports > PORTS || !pv_address_ok(bitmap))
        return -EINVAL;
    x->io_bitmap = bitmap;
    x->io_ports = s.nr_ports;
    return 0;
}

/* A byte of the bitmap, through the kernel's table whichever is loaded; all ones: not there. */
static u8 bitmap_byte(const struct vcpu *v, u64 gva)
{
    struct frame *table;
    const u64 *l1 = table_find_l1(v->domain, v->virt->kernel_root, gva, &table);

    if (!l1 || !(*l1 & PTE_P))
        return ~0;
    return *(volatile const u8 *)mpa_to_va(mpa_of((*l1 & PTE_ADDR) + (gva & PAGE_OFFSET_MASK)));
}

/* The kernel counts as level 1, or as level 0. */
bool pv_level_suffices(const struct vcpu *v)
{
    const struct virt_vcpu *x = v->virt;

    return x->iopl >= (x->kernel_mode ? 1 : 3) ||
           (x->kernel_mode && pv_assisted(v->domain, VMASST_TYPE_architectural_iopl));
}

bool pv_port_allowed(const struct vcpu *v, u16 port, unsigned len)
{
    const struct virt_vcpu *x = v->virt;

    if (pv_level_suffices(v))
        return true;
    if (!x->io_ports || port + len > x->io_ports)
        return false;
    for (unsigned i = port; i < port + len; i++)
        if (bitmap_byte(v, x->io_bitmap + i / 8) >> (i % 8) & 1)
            return false;
    return true;
}

static s64 do_physdev_op(u32 command, u64 argument)
{
    struct virt_vcpu *x = pv_current()->virt;

    switch (command) {
    case PHYSDEVOP_set_iopl:
        return set_iopl(x, argument);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(x, argument);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_physdev_op, do_physdev_op, LC_HC_OTHER);
