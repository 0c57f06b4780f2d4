/* Temporary: PV ABI smoke test. */
#include "kit/kit.h"
#include "kit/hypercall.h"
#include "kit/pv.h"
#include "kit/trap.h"
#include <xen/memory.h>
#include <xen/vcpu.h>
#include <xen/sched.h>
#include <xen/physdev.h>
#include <xen/version.h>
#include <xen/features.h>
#include "public/trivisor.h"

const char guest_name[] = "pvabi";
#define PG __attribute__((aligned(4096)))
static u64 gdt[512] PG, ldt[512] PG, data[512] PG, page[512] PG, info[512] PG;
static struct mmu_update list[60000] PG;
static u64 m(void *p) { return pv_machine((u64)p) ; }
static u64 mfn(void *p) { return m(p) >> 12; }
static s64 map(void *at, u64 e) { return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, e, UVMF_INVLPG); }
static void chk(const char *w, s64 got, s64 want)
{
    if (got != want) print("FAIL %s: got %ld want %ld\n", w, got, want);
    check(w, got == want);
}
static s64 ext(unsigned cmd, u64 a, u64 b)
{
    struct mmuext_op op = {.cmd = cmd}; op.arg1.mfn = a; op.arg2.src_mfn = b;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}
#define DATA3(base) (0x00cff3000000ffffULL | ((u64)(base) & 0xffffff) << 16 | ((u64)(base) >> 24) << 56)
static u64 via_fs(u16 sel, u64 off)
{
    u64 v;
    __asm__ volatile("mov %1, %%fs\n mov %%fs:(%2), %0" : "=r"(v) : "r"((u32)sel), "r"(off) : "memory");
    return v;
}
static void test_gdt(void)
{
    u64 frame = mfn(gdt);
    gdt[1] = DATA3((u64)data); data[0] = 77; data[1] = 78;
    chk("set_gdt of a writable page", hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 8), -16);
    chk("gdt ro", map(gdt, m(gdt) | 5), 0);
    chk("set_gdt", hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 8), 0);
    chk("fs base by gdt", via_fs(0xb, 0), 77);
    chk("update_descriptor", hypercall2(__HYPERVISOR_update_descriptor, m(&gdt[1]), DATA3((u64)&data[1])), 0);
    chk("fs base by gdt 2", via_fs(0xb, 0), 78);
    chk("dpl", hypercall2(__HYPERVISOR_update_descriptor, m(&gdt[2]), 0x00cf93000000ffffULL), 0);
    chk("dpl", gdt[2], 0x00cff3000000ffffULL);
    chk("bad descriptor gate", hypercall2(__HYPERVISOR_update_descriptor, m(&gdt[2]), 0x0000ee0000080000ULL), -22);
    chk("gdt writable", map(gdt, m(gdt) | 7), -16);
    frame = mfn(ldt);
    ldt[1] = DATA3((u64)&data[2]); data[2] = 79;
    chk("ldt ro", map(ldt, m(ldt) | 5), 0);
    chk("set_ldt", ext(MMUEXT_SET_LDT, (u64)ldt, 4), 0);
    chk("fs base by ldt", via_fs(0xf, 0), 79);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    chk("fs after yield", via_fs(0xf, 0), 79);
    if (pv_is_trivisor()) chk("check", platform->trivisor(TRIVISOR_CHECK, 0, 0) > 0, 0);
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    chk("no ldt", ext(MMUEXT_SET_LDT, 0, 0), 0);
    chk("ldt rw", map(ldt, m(ldt) | 7), 0);
    chk("no gdt", hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 0), 0);
    chk("gdt rw", map(gdt, m(gdt) | 7), 0);
}
static void test_lists(void)
{
    unsigned done = 0;
    struct multicall_entry mc[2] = {{.op = __HYPERVISOR_mmu_update}, {.op = __HYPERVISOR_xen_version}};
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        list[i] = (struct mmu_update){m(&page[i % 512]), i};
    chk("long mmu_update", hypercall4(__HYPERVISOR_mmu_update, (u64)list, ARRAY_SIZE(list), (u64)&done, DOMID_SELF), 0);
    chk("done", done, ARRAY_SIZE(list));
    chk("last", page[(ARRAY_SIZE(list) - 1) % 512], ARRAY_SIZE(list) - 1);
    mc[0].args[0] = (u64)list; mc[0].args[1] = ARRAY_SIZE(list); mc[0].args[2] = (u64)&done; mc[0].args[3] = DOMID_SELF;
    mc[0].result = mc[1].result = 99;
    chk("multicall", hypercall2(__HYPERVISOR_multicall, (u64)mc, 2), 0);
    chk("mc result", mc[0].result, 0);
    chk("mc done", done, ARRAY_SIZE(list));
    chk("mc version", mc[1].result, 4 << 16 | 17);
}
static volatile unsigned debugs; static u64 debug_dr6;
static struct trap_frame *on_debug(struct trap_frame *f)
{
    debugs++; debug_dr6 = hypercall2(__HYPERVISOR_get_debugreg, 6, 0);
    f->rflags &= ~0x100ULL;
    return f;
}
static volatile unsigned nms;
static struct trap_frame *on_nm(struct trap_frame *f) { nms++; return f; }
static volatile u64 watched; static u64 born;
static void test_debug(void)
{
    trap_handle(TRAP_DEBUG, on_debug);
    chk("dr0", hypercall2(__HYPERVISOR_set_debugreg, 0, (u64)&watched), 0);
    chk("dr7", hypercall2(__HYPERVISOR_set_debugreg, 7, 1 | 1 << 16 | 3 << 18), 0);
    watched = 1;
    chk("debugs", debugs, 1);
    chk("dr6", debug_dr6 & 0xf, 1);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    watched = 2;
    chk("debugs", debugs, 2);
    chk("dr7 off", hypercall2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    watched = 3;
    chk("debugs", debugs, 2);
    chk("get", hypercall2(__HYPERVISOR_get_debugreg, 0, 0), (u64)&watched);
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop" : : : "memory", "cc");
    chk("steps", debugs, 3);
    chk("dr6 bs", debug_dr6 >> 14 & 1, 1);
    __asm__ volatile("pushfq\n orq $0x4000, (%%rsp)\n popfq\n" : : : "memory", "cc"); /* NT */
    hypercall2(__HYPERVISOR_xen_version, 0, 0);
    __asm__ volatile("pushfq\n andq $~0x4000, (%%rsp)\n popfq\n" : : : "memory", "cc");
    trap_handle(7, on_nm);
    chk("taskswitch", hypercall2(__HYPERVISOR_fpu_taskswitch, 1, 0), 0);
    u64 cr0; __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    chk("ts", cr0 >> 3 & 1, 1);
    __asm__ volatile("fnop");
    chk("nm", nms, 1);
    __asm__ volatile("fnop");
    chk("nm", nms, 1);
    __asm__ volatile("mov %%cr0, %0\n or $8, %0\n mov %0, %%cr0\n clts\n fnop" : "=&r"(cr0));
    chk("clts", nms, 1);
}
static void test_events(void)
{
    struct evtchn_alloc_unbound a = {DOMID_SELF, DOMID_SELF, 0};
    struct evtchn_bind_interdomain b = {DOMID_SELF, 0, 0};
    struct evtchn_status s = {DOMID_SELF, 0, 0, 0, {{0}}};
    struct evtchn_send snd; struct evtchn_close cl;
    chk("alloc", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (u64)&a), 0);
    b.remote_port = a.port;
    chk("bind", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (u64)&b), 0);
    s.port = a.port;
    chk("status", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&s), 0);
    chk("status", s.status, EVTCHNSTAT_interdomain); chk("port", s.u.interdomain.port, b.local_port);
    PV_SHARED->evtchn_mask[0] |= 1ULL << a.port | 1ULL << b.local_port;
    snd.port = b.local_port;
    chk("send", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&snd), 0);
    chk("pending", PV_SHARED->evtchn_pending[0] >> a.port & 1, 1);
    /* poll: already pending */
    evtchn_port_t port = a.port; struct sched_poll p = {.nr_ports = 1}; 
    set_xen_guest_handle(p.ports, &port);
    chk("poll pending", hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p), 0);
    cl.port = a.port;
    chk("close", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&cl), 0);
    s.port = b.local_port;
    chk("status", hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&s), 0);
    chk("unbound", s.status, EVTCHNSTAT_unbound);
    port = b.local_port; PV_SHARED->evtchn_pending[0] = 0;
    struct vcpu_runstate_info r0, r1;
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)&r0);
    p.timeout = r0.time[0] + r0.time[1] + r0.time[2] + r0.time[3]; p.timeout += 50000000 + born;
    chk("poll timeout", hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p), 0);
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)&r1);
    chk("slept", r1.time[RUNSTATE_blocked] - r0.time[RUNSTATE_blocked] > 1000000, 1);
    chk("woke", r1.state_entry_time >= p.timeout && r1.state_entry_time < p.timeout + 20000000, 1);
    static struct vcpu_runstate_info area; struct vcpu_register_runstate_memory_area reg = {.addr.v = &area};
    chk("register runstate", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (u64)&reg), 0);
    chk("area", area.state_entry_time != 0 && area.state == RUNSTATE_running, 1);
    struct vcpu_set_periodic_timer per = {2000000};
    chk("periodic", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, (u64)&per), 0);
    chk("stop", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
}
static void test_memory(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    xen_pfn_t f = mfn(page), pfn = (u64)page >> 12, old = f;
    const u64 *m2p = (const u64 *)MACH2PHYS_VIRT_START;
    set_xen_guest_handle(r.extent_start, &f);
    s64 cur = hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, 0);
    chk("unmap", map(page, 0), 0);
    chk("decrease", hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r), 1);
    chk("current", hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, 0), cur - 1);
    chk("map gone", map(page, old << 12 | 7), -1);
    chk("m2p gone", m2p[old] == ~0ULL, 1);
    f = pfn;
    chk("populate", hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (u64)&r), 1);
    chk("m2p", m2p[f], pfn);
    chk("map", map(page, f << 12 | 7), 0);
    chk("zero", page[5], 0);
    page[5] = 1;
    f = pfn;
    chk("too much", hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (u64)&r), 0);
    chk("m2p update", hypercall4(__HYPERVISOR_mmu_update, (u64)&(struct mmu_update){(u64)mfn(gdt) << 12 | 1, 123}, 1, 0, DOMID_SELF), 0);
    chk("m2p", m2p[mfn(gdt)], 123);
    hypercall4(__HYPERVISOR_mmu_update, (u64)&(struct mmu_update){(u64)mfn(gdt) << 12 | 1, (u64)gdt >> 12}, 1, 0, DOMID_SELF);
    if (pv_is_trivisor()) chk("check", platform->trivisor(TRIVISOR_CHECK, 0, 0) > 0, 0);
}
static void test_misc(void)
{
    struct xen_feature_info fi = {0, 0}; char cap[1024];
    chk("features", hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, (u64)&fi), 0);
    print("features %x\n", fi.submap);
    chk("cap", hypercall2(__HYPERVISOR_xen_version, XENVER_capabilities, (u64)cap), 0);
    print("capabilities %s\n", cap);
    u64 v; u32 lo, hi;
    chk("fs", hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, (u64)data), 0);
    data[0] = 5;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(v)); chk("fs:0", v, 5);
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000100)); chk("rdmsr", lo, (u64)data);
    __asm__ volatile("wrmsr" : : "a"((u32)(u64)&data[1]), "d"(0), "c"(0xc0000101)); data[1] = 6;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v)); chk("gs:0", v, 6);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v)); chk("gs:0", v, 6);
    chk("gs user sel", hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0), 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v)); chk("gs:0", v, 6);
    chk("gs wild", hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0xe008), 0);
    struct physdev_set_iopl io = {1};
    chk("iopl", hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&io), 0);
    u8 b; __asm__ volatile("inb $0x80, %0" : "=a"(b)); chk("in", b, 0xff);
    __asm__ volatile("outb %%al, $0x80\n cli\n sti\n wbinvd" : : "a"(1));
    u64 before = 0xffff828000000000; __asm__ volatile("invlpg (%0)" : : "r"(before));
    __asm__ volatile("mov %%cr2, %0" : "=r"(v)); __asm__ volatile("mov %0, %%cr2" : : "r"(0x1234ULL));
    __asm__ volatile("mov %%cr2, %0" : "=r"(v)); chk("cr2", v, 0x1234);
    __asm__ volatile("mov %%dr7, %0" : "=r"(v)); chk("dr7", v, 0x400);
    __asm__ volatile("mov %%cr3, %0\n mov %0, %%cr3" : "=r"(v));
    u32 ecx; __asm__ volatile(".byte 0xf,0xb,0x78,0x65,0x6e; cpuid" : "=a"(lo), "=b"(hi), "=c"(ecx) : "0"(0x40000001) : "edx");
    chk("version leaf", lo, 4 << 16 | 17);
    struct vcpu_register_vcpu_info vi = {mfn(info), 64, 0};
    chk("register info", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&vi), 0);
    struct vcpu_info *mine = (void *)((u8 *)info + 64);
    chk("info", mine->time.system_time != 0 && mine->evtchn_upcall_pending, 1);
    chk("again", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&vi), -22);
    chk("info stays writable", ext(MMUEXT_PIN_L1_TABLE, mfn(info), 0), -16);
    chk("up", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0, 0), 1);
    if (pv_is_trivisor()) chk("check", platform->trivisor(TRIVISOR_CHECK, 0, 0) > 0, 0);
}
void guest_main(void)
{
    { struct vcpu_runstate_info r; hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)&r); born = r.state_entry_time - r.time[1] - r.time[2]; }
    test_gdt(); print("gdt done\n"); test_lists(); print("lists done\n"); test_debug(); print("debug done\n"); test_events(); print("events\n"); test_memory(); print("memory\n"); test_misc();
}
