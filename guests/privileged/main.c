/*
 * privileged: what one privileged instruction or one hypercall costs. CPUID, control registers,
 * MSRs, ports, the wake-up from HLT; where there are hypercalls, the cheapest ones, and an event
 * sent to itself.
 */
#include "calls.h"
#include "pv_check.h"
#include "kit/kit.h"

const char guest_name[] = "privileged";

enum msr { MSR_EFER = 0xc0000080, MSR_FS_BASE = 0xc0000100, EFER_LMA = 1 << 10 };
enum control { CR0_PE = 1, CR4_PAE = 1 << 5 };
enum ports {
    PORT_POST = 0x80
}; /* the power-on self test's display: a device's simplest register */
enum sleep { SLEEP_TICKS = 20000, SLEEP_SAMPLES = 17 };
#define CR0_PG (1ULL << 31)

static volatile u64 sink;

static void do_cpuid(void)
{
    sink = cpuid(0, 0).eax;
}
static void do_read_cr0(void)
{
    sink = read_cr0();
}
static void do_read_cr3(void)
{
    sink = read_cr3();
}
static void do_read_cr4(void)
{
    sink = read_cr4();
}
/* What is written back is what was read. */
static u64 cr0, cr3, cr4;

static void do_write_cr0(void)
{
    write_cr0(cr0);
}
static void do_write_cr3(void)
{
    write_cr3(cr3);
}
static void do_write_cr4(void)
{
    write_cr4(cr4);
}
static void do_rdmsr(void)
{
    sink = rdmsr(MSR_EFER);
}
static void do_wrmsr_efer(void)
{
    static u64 efer;

    if (!efer)
        efer = rdmsr(MSR_EFER);
    wrmsr(MSR_EFER, efer);
}
static void do_wrmsr_fs_base(void)
{
    wrmsr(MSR_FS_BASE, 0);
}
static void do_in(void)
{
    sink = in8(PORT_POST);
}
static void do_out(void)
{
    out8(PORT_POST, 0);
}

/* Sleeps until a timer: the ticks by which it came back late, arming the timer included. */
static u64 do_sleep(void)
{
    u64 start = rdtsc(), slept;

    platform->timer_once(SLEEP_TICKS);
    platform->idle();
    slept = rdtsc() - start;
    return slept > SLEEP_TICKS ? slept - SLEEP_TICKS : 0;
}

static volatile unsigned wakes;

static void on_timer(void)
{
    wakes++;
}

static void measure_registers(void)
{
    check("CR0 has protection and paging", (~read_cr0() & (CR0_PE | CR0_PG)) == 0);
    check("CR4 has PAE", read_cr4() & CR4_PAE);
    check("EFER has long mode", rdmsr(MSR_EFER) & EFER_LMA);
    check("CPUID answers the same twice", cpuid(1, 0).edx == cpuid(1, 0).edx);
    figure(&(struct figure){.name = "cpuid", .op = do_cpuid});
    figure(&(struct figure){.name = "read_cr0", .op = do_read_cr0});
    figure(&(struct figure){.name = "read_cr3", .op = do_read_cr3});
    figure(&(struct figure){.name = "read_cr4", .op = do_read_cr4});
    cr0 = read_cr0();
    cr3 = read_cr3();
    cr4 = read_cr4();
    figure(&(struct figure){.name = "write_cr0", .op = do_write_cr0});
    figure(&(struct figure){.name = "write_cr3", .op = do_write_cr3});
    figure(&(struct figure){.name = "write_cr4", .op = do_write_cr4});
    check_equal("CR0 reads as written", cr0, read_cr0());
    check_equal("CR3 reads as written", cr3, read_cr3());
    check_equal("CR4 reads as written", cr4, read_cr4());
    figure(&(struct figure){.name = "rdmsr_efer", .op = do_rdmsr});
    figure(&(struct figure){.name = "wrmsr_efer", .op = do_wrmsr_efer});
    figure(&(struct figure){.name = "wrmsr_fs_base", .op = do_wrmsr_fs_base});
    check_equal("FS base reads as written", 0, rdmsr(MSR_FS_BASE));
}

static void measure_ports(void)
{
    if (!calls_allow_ports()) {
        figure_none("port_in", "a paravirtual guest has no ports here");
        figure_none("port_out", "a paravirtual guest has no ports here");
        return;
    }
    figure(&(struct figure){.name = "port_in", .op = do_in});
    figure(&(struct figure){.name = "port_out", .op = do_out});
}

void guest_main(void)
{
    measure_registers();
    measure_ports();
    calls_measure();
    timer_handler = on_timer;
    platform->timer_init();
    figure(&(struct figure){.name = "hlt_wake", .sample = do_sleep, .n = SLEEP_SAMPLES});
    platform->timer_stop();
    check("every sleep was ended by the timer", wakes >= SLEEP_SAMPLES);
    if (platform->pv)
        pv_check();
}
