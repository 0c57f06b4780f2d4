/*
 * What src/pv/ asks of the rest of the hypervisor, in the small machine: as little as will do.
 */
#include "pvworld/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_steps.h"
#include "console.h"
#include "descriptors.h"
#include "errno.h"
#include "extable.h"
#include "fpu.h"
#include "guest_access.h"
#include "host_trap.h"
#include "machine.h"
#include "port.h"
#include "wall_clock.h"
#include "sched.h"
#include "timer.h"
#include "trivisor_op.h"
#include "virt.h"
#include "x86.h"

extern const struct hypercall __start_hypercalls[], __stop_hypercalls[];
const struct hypercall hypercalls_start[1];
extern const struct hypercall hypercalls_end[1] __attribute__((alias("hypercalls_start")));

struct pcpu host_pcpu;
struct world_cpu world_cpu;
u64 tsc_khz = 1000000, sched_slice = 1000;
static u64 hypervisors_l4[PT_ENTRIES];
u64 *hypervisor_l4 = hypervisors_l4;
static u64 gdt[PT_ENTRIES], other_msr;

void world_calls_init(void)
{
    host_pcpu.gdt = gdt;
    hypercall_init();
    for (const struct hypercall *h = __start_hypercalls; h < __stop_hypercalls; h++)
        hypercall_slot[h->number] = (struct hypercall_slot){.handler = h->handler};
}

u64 *world_msr(u32 msr)
{
    switch (msr) {
    case MSR_FS_BASE:
        return &world_cpu.fs_base;
    case MSR_GS_BASE:
        return &world_cpu.gs_base;
    case MSR_KERNEL_GS_BASE:
        return &world_cpu.kernel_gs_base;
    default:
        return &other_msr;
    }
}

void machine_violation(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void m2p_set(u64 mfn, u64 gfn)
{
    (void)mfn;
    (void)gfn;
}

u64 safe_load_gs(u16 sel)
{
    world_cpu.gs = sel;
    return 0;
}

u64 safe_load_fs(u16 sel)
{
    world_cpu.fs = sel;
    return 0;
}

u64 safe_load_ds(u16 sel)
{
    world_cpu.ds = sel;
    return 0;
}

u64 safe_load_es(u16 sel)
{
    world_cpu.es = sel;
    return 0;
}

u64 sched_now(void)
{
    return rdtsc();
}

void sched_wake(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
}

void sched_block(struct vcpu *v)
{
    v->state = VCPU_BLOCKED;
}

void sched_yield_vcpu(struct vcpu *v)
{
    (void)v;
}

u64 system_time_ns(u64 tsc)
{
    return tsc;
}

u64 system_time_to_tsc(u64 ns)
{
    return ns;
}

unsigned world_printed;
const char *world_typed = "";

void console_guest_putc(struct domain *d, char c)
{
    (void)d;
    (void)c;
    world_printed++;
}

void io_space_destroy(struct domain *d)
{
    (void)d;
}

void gdt_set_system(u64 *table, u16 sel, u64 base, u32 limit, u8 type)
{
    (void)table;
    (void)sel;
    (void)base;
    (void)limit;
    (void)type;
}

s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own)
{
    (void)v;
    (void)command;
    (void)argument;
    (void)own;
    return -ENOSYS;
}

s64 pv_iret(void)
{
    return -ENOSYS;
}

void pv_report_fall(struct vcpu *v)
{
    (void)v;
}

void pv_trace_arrival(struct vcpu *v)
{
    (void)v;
}

void host_interrupt(u8 vector)
{
    (void)vector;
}

/* Rights are the same for both of a guest's halves. */
size_t guest_read(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    (void)v;
    *f = (struct access_fault){.gva = gva};
    return pv_copy_bytes_from(to, gva, len) ? len : 0;
}

size_t guest_fetch(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    return guest_read(v, to, gva, len, f);
}

size_t guest_write(struct vcpu *v, u64 gva, const void *from, size_t len, struct access_fault *f)
{
    (void)v;
    *f = (struct access_fault){.gva = gva, .error = PF_W};
    return pv_copy_to(gva, from, len) ? len : 0;
}

void pv_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    (void)leaf;
    (void)subleaf;
    memset(out, 0, 4 * sizeof(*out));
}

int fpu_set_xcr0(struct vcpu *v, u64 value)
{
    (void)v;
    return value == XCR0_X87 ? 0 : -EINVAL;
}

u64 safe_rdmsr(u32 msr, u64 *value)
{
    *value = 0;
    return msr & 1;
}

u32 port_read(struct domain *d, u16 port, unsigned size)
{
    (void)d;
    (void)port;
    (void)size;
    return ~0u;
}

void port_write(struct domain *d, u16 port, unsigned size, u32 value)
{
    (void)d;
    (void)port;
    (void)size;
    (void)value;
}

bool sched_time_is_up(void)
{
    return sched_now() >= host_pcpu.until;
}

/* The machine was switched on in 2000. */
u64 wall_clock(u64 now)
{
    enum { YEAR_2000 = 946684800 };

    return YEAR_2000 + system_time_ns(now) / 1000000000;
}

/* Nobody types. */
bool console_has_input(const struct domain *d)
{
    (void)d;
    return *world_typed;
}

int console_getc(const struct domain *d)
{
    (void)d;
    return *world_typed ? *world_typed++ : -1;
}
