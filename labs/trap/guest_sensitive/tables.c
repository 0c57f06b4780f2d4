/*
 * A second set of descriptor tables, with other contents in LDTR and TR: the hypervisor's, while
 * the program that is to take itself for a kernel runs in ring 3.
 */
#include "tables.h"
#include "user_probes.h"

enum {
    KIT_TSS = 0x30,   /* the kit's selector; two entries */
    OTHER_TSS = 0x40, /* ours */
    OTHER_LDT = 0x50,
    OTHER_ENTRIES = 12,
};
#define TSS_BUSY       (1ULL << 41)
#define LDT_DESCRIPTOR 0x0000820000000007ULL /* present, type LDT, 8 bytes, at address 0 */

static struct table_register kit_gdt, kit_idt;
static u64 gdt[OTHER_ENTRIES] __attribute__((aligned(16)));
static u8 idt[PAGE_SIZE] __attribute__((aligned(16)));

static void load_fs(u16 selector)
{
    __asm__ volatile("mov %0, %%fs" : : "r"(selector));
}

static void lldt(u16 selector)
{
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

void tables_init(void)
{
    __asm__ volatile("sgdt %0" : "=m"(kit_gdt));
    __asm__ volatile("sidt %0" : "=m"(kit_idt));
    memcpy(gdt, (const void *)kit_gdt.base, KIT_TSS);
    memcpy(gdt + OTHER_TSS / 8, (const char *)kit_gdt.base + KIT_TSS, 16);
    gdt[OTHER_LDT / 8] = LDT_DESCRIPTOR;
    memcpy(idt, (const void *)kit_idt.base, kit_idt.limit + 1u);
}

void tables_of_kernel(void)
{
    ((u64 *)kit_gdt.base)[KIT_TSS / 8] &= ~TSS_BUSY;
    lgdt(&kit_gdt);
    lidt(&kit_idt);
    ltr(KIT_TSS);
    lldt(0);
    load_fs(RING0_DATA);
}

void tables_of_hypervisor(void)
{
    const struct table_register other_gdt = {sizeof(gdt) - 1, (u64)gdt};
    const struct table_register other_idt = {kit_idt.limit, (u64)idt};

    gdt[OTHER_TSS / 8] &= ~TSS_BUSY;
    lgdt(&other_gdt);
    lidt(&other_idt);
    ltr(OTHER_TSS);
    lldt(OTHER_LDT);
    load_fs(RING3_DATA);
}

u64 tables_kernel_gdt(void)
{
    return kit_gdt.base;
}

u64 tables_kernel_idt(void)
{
    return kit_idt.base;
}
