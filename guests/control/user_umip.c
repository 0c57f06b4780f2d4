/* User mode: SGDT, SIDT, SLDT, STR and SMSW. */
#include "user_umip.h"

#define RESUMABLE(instruction) "lea 1f(%%rip), %%rbx; " instruction "; 1:"
#define TRY(instruction)       __asm__ volatile(RESUMABLE(instruction) : "+m"(where) : : "rbx", "memory")

u64 user_umip(u64 number)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) where;

    switch (number) {
    case 0:
        TRY("sgdt %0");
        break;
    case 1:
        TRY("sidt %0");
        break;
    case 2:
        TRY("sldt %0");
        break;
    case 3:
        TRY("str %0");
        break;
    default:
        TRY("smsw %0");
    }
    return number;
}
