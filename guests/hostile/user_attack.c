/*
 * What a user program may try. It runs in ring 3 on every platform.
 */
#include "hostile/user_attack.h"

#include "kit/trap.h"

u64 user_watched;

u64 user_read(u64 address)
{
    return *(volatile u64 *)address;
}
u64 user_write(u64 address)
{
    *(volatile u64 *)address = 0;
    return 0;
}
u64 user_jump(u64 address)
{
    __asm__ volatile("jmp *%0" : : "r"(address) : "memory");
    return 0;
}
u64 user_hlt(u64 unused)
{
    __asm__ volatile("hlt");
    return unused;
}
u64 user_cli(u64 unused)
{
    __asm__ volatile("cli");
    return unused;
}
u64 user_in(u64 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"((u16)port));
    return value;
}
u64 user_rdmsr(u64 msr)
{
    u32 low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((u32)msr));
    return low;
}
u64 user_read_cr3(u64 unused)
{
    u64 value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value + unused;
}
u64 user_vmcall(u64 number)
{
    u64 result;

    __asm__ volatile("vmcall" : "=a"(result) : "a"(number), "D"(0), "S"(0) : "memory");
    return result;
}
u64 user_int_gate(u64 unused)
{
    __asm__ volatile("int $14");
    return unused;
}
u64 user_int3_long(u64 unused)
{
    __asm__ volatile(".byte 0xcd, 0x03");
    return unused;
}
u64 user_int1(u64 unused)
{
    __asm__ volatile(".byte 0xf1");
    return unused;
}
u64 user_sysenter(u64 unused)
{
    __asm__ volatile("sysenter" : : : "memory");
    return unused;
}
u64 user_load_ss(u64 selector)
{
    __asm__ volatile("mov %0, %%ss" : : "r"((u32)selector) : "memory");
    return 0;
}
u64 user_movss_syscall(u64 unused)
{
    u64 number = SYS_NULL;

    __asm__ volatile("mov %1, %%ss\n syscall\n nop"
                     : "+a"(number)
                     : "m"(user_watched)
                     : "rcx", "r11", "memory");
    return number + unused;
}
