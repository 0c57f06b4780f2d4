/*
 * Xen's hypercalls, through the page that the hypervisor fills (32 bytes a call). PV and Xen's PVH
 * only. Numbers and structures come from <xen/...>; results are 0 or more, or -errno.
 */
#ifndef KIT_HYPERCALL_H
#define KIT_HYPERCALL_H

#include "kit/types.h"

#include <xen/xen.h>

enum { HYPERCALL_BYTES = 32, ERROR_NOSYS = 38 };
extern u8 hypercall_page[];

static inline s64 hypercall4(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    register u64 r10 __asm__("r10") = d;
    s64 result;

    __asm__ volatile("call *%[entry]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
                     : [entry] "a"(hypercall_page + number * HYPERCALL_BYTES)
                     : "rcx", "r8", "r9", "r11", "memory");
    return result;
}
static inline s64 hypercall3(u64 number, u64 a, u64 b, u64 c)
{
    s64 result;

    __asm__ volatile("call *%[entry]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : [entry] "a"(hypercall_page + number * HYPERCALL_BYTES)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}
static inline s64 hypercall2(u64 number, u64 a, u64 b)
{
    s64 result;

    __asm__ volatile("call *%[entry]"
                     : "=a"(result), "+D"(a), "+S"(b)
                     : [entry] "a"(hypercall_page + number * HYPERCALL_BYTES)
                     : "rdx", "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

#endif
