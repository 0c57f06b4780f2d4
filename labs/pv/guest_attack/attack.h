/* What the attack of exercise pv.9 has to work with. */
#ifndef ATTACK_H
#define ATTACK_H

#include "kit/types.h"

enum {
    ENTRIES = 512,           /* of a page table */
    MACHINE_FRAMES = 131072, /* of the machine: 512 MiB */
};
/* The neighbour's page: its first word is SECRET_MARK, its second the secret. */
#define SECRET_MARK 0x5345435245543a20ULL

/* 2 MiB of addresses at which nothing is mapped: WINDOW + i * 4096 by entry i of window_table, an
 * L1 table of this guest's, in use, all of whose entries are empty. */
#define WINDOW 0x40000000ULL
extern u64 *window_table;
/* Two pages of this guest's, mapped writable; full of zeros. */
extern u64 *page, *empty_page;

/* The machine frame of a page of this guest's. */
u64 frame_of_page(const void *p);
/* One mmuext_op (xen/xen.h: MMUEXT_...): arg1.mfn and arg2.src_mfn, each used or not. Returns 0 or
 * -errno. */
s64 mmuext(unsigned command, u64 mfn, u64 src_mfn);
/* One mmu_update: the entry `number` of a table. Returns 0 or -errno. */
s64 mmu_update(const u64 *table, unsigned number, u64 entry);

/* attack.c: the neighbour's secret, or 0. */
u64 attack(void);

#endif
