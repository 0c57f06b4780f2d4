/*
 * What the kernels in this folder share: 32-bit, unpaged, without the kit. They are what somebody
 * else's kernel is to the hypervisor, started by `KERNEL=path` and not guests of the set.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include "types.h"

/* Announces the guest; called first. */
void plain_begin(const char *name);
/* Prints text, and a number in hexadecimal after it. */
void plain_text(const char *text);
void plain_number(const char *text, u64 number);
/* Counts a check, and reports it if it failed. */
void plain_check(const char *what, u64 expected, u64 got);
/* `cond` must hold. */
void plain_true(const char *what, bool cond);
/* Value of word `key=` (with its =) of a command line, in hexadecimal; false if it is not there. */
bool plain_option(const char *line, const char *key, u32 *value);
/* Sum of the bytes at an address, each times its place: what a file's bytes amount to. */
u32 plain_sum(u32 address, u32 bytes, u32 sum);
/* What both formats promise: protected mode, no paging, no interrupts, flat segments. */
void plain_check_processor(void);
/* The file's own data arrived whole, and what it has no bytes for is zero. */
void plain_check_memory(void);
/* Says how it went and ends the machine. */
void plain_end(void) __attribute__((noreturn));

/* What lies at a physical address. */
static inline const void *plain_at(u32 address)
{
    return (const void *)(uintptr_t)address;
}

/* From the linker script. */
extern u8 kernel_start[], kernel_end[];

#endif
