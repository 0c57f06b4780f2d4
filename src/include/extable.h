/*
 * The exception table: instructions of the hypervisor's that may fault on a guest's account, and
 * where to go on. Entries are made by the macro EXTABLE in assembly (src/include/extable.inc) and
 * collected by the linker.
 */
#ifndef EXTABLE_H
#define EXTABLE_H

#include "types.h"

struct extable_entry {
    u64 fault; /* address of the instruction that may fault */
    u64 fixup; /* where to continue; rax then holds (vector << 32 | error code) + 1 */
};

/* Where to continue after a fault at rip, or 0: then it is a bug. */
u64 extable_lookup(u64 rip);

/* Instructions that may fault, as functions (src/core/extable_ops.asm): 0, or (vector << 32 |
 * error) + 1 on a fault. */
u64 safe_rdmsr(u32 msr, u64 *value);
u64 safe_wrmsr(u32 msr, u64 value);
/* Copies through the loaded page tables; returns the bytes not copied. The fault's error is stored
 * in *error. */
size_t safe_copy(void *to, const void *from, size_t len, u64 *error);
/* Loads a segment register with a guest's selector. */
u64 safe_load_ds(u16 sel);
u64 safe_load_es(u16 sel);
u64 safe_load_fs(u16 sel);
u64 safe_load_gs(u16 sel);
/* 8-byte compare and exchange through the loaded page tables. */
u64 safe_cmpxchg(u64 *p, u64 *old, u64 new_value);

#endif
