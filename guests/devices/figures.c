/*
 * What it costs to reach a device: a register of an interrupt controller in memory and as an MSR,
 * an MSR that the hypervisor answers, an instruction that it passes back as #UD, an interrupt sent
 * to oneself.
 */
#include "devices/devices.h"

u64 probe_vmlaunch(u64 unused);
u64 probe_self_ipi(u64 vector);
void handle_self_ipi(void);

enum { SELF_VECTOR = 0x61 };

static volatile u64 sink;

static void do_apic_read(void)
{
    sink = apic_get(APIC_TPR);
}
static void do_apic_write(void)
{
    apic_put(APIC_TPR, 0);
}
static void do_apic_eoi(void)
{
    apic_put(APIC_EOI, 0);
}
static void do_ioapic_read(void)
{
    sink = *(volatile u32 *)(IOAPIC_BASE + IOAPIC_WINDOW);
}
static void do_ioapic_write(void)
{
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_SELECT) = IOAPIC_VERSION;
}
static void do_rdmsr(void)
{
    sink = rdmsr(MSR_APIC_BASE);
}
static u64 do_undefined(void)
{
    return probe_vmlaunch(0);
}
static u64 do_self_ipi(void)
{
    return probe_self_ipi(SELF_VECTOR);
}
static u64 do_self_ipi_round(void)
{
    probe_self_ipi(SELF_VECTOR);
    return probe_round;
}

void measure_devices(void)
{
    figure(&(struct figure){.name = "apic_read", .op = do_apic_read});
    figure(&(struct figure){.name = "apic_write", .op = do_apic_write});
    figure(&(struct figure){.name = "apic_eoi", .op = do_apic_eoi});
    figure(&(struct figure){.name = "ioapic_read", .op = do_ioapic_read});
    figure(&(struct figure){.name = "ioapic_write", .op = do_ioapic_write});
    figure(&(struct figure){.name = "rdmsr_apic_base", .op = do_rdmsr});
    trap_enter_at(TRAP_UNDEFINED, platform->probe_plain);
    figure(&(struct figure){
        .name = "undefined_entry", .sample = do_undefined, .overhead = probe_nothing});
    trap_enter_at(TRAP_UNDEFINED, NULL);
}

void measure_x2apic(void)
{
    trap_enter_at(SELF_VECTOR, handle_self_ipi);
    figure(&(struct figure){
        .name = "self_ipi_entry", .sample = do_self_ipi, .overhead = probe_nothing});
    figure(&(struct figure){
        .name = "self_ipi_round", .sample = do_self_ipi_round, .overhead = probe_nothing});
    trap_enter_at(SELF_VECTOR, NULL);
}
