/*
 * What torture needs of the build that it is part of: the format of the guest's page tables, and
 * who prints. main.c is the 64-bit one; plain/ has the 32-bit ones.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "cases.h"

enum torture_numbers {
    SHARE = 131072, /* cases, unless told otherwise */
    PAGE_INDEX = 5, /* which entry of the lower table is tried, so which page of the region */
    MODES = 16,
};

/* Bits of a mode's number. */
enum mode_bit { MODE_WP = 1, MODE_FORMAT = 2, MODE_SMEP = 4, MODE_SMAP = 8 };

/* The modes that this processor has: the bits that may be set. */
unsigned subject_modes(void);
/* Switches to mode `number`, flushes everything, and describes it. MODE_FORMAT is EFER.NXE, or,
 * with entries of 4 bytes, CR4.PSE. */
void subject_set_mode(unsigned number, struct mode *m);
/* Writes both entries, the upper one first; reads them. */
void subject_store(const struct pair *entries);
struct pair subject_load(void);
/* Flushes the page that they map. */
void subject_flush(void);
/* One line about a difference. */
void subject_report(const char *what, const struct mode *m, unsigned kind,
                    const struct pair *entries, const struct seen *s);

/* What came of it all. */
struct tally {
    unsigned tried, faulted, differences, modes;
};

/* Tries `cases` cases from number `first` on. page: the address that the entries map; user_code:
 * where user mode sees access_user. */
void torture(const struct target *target, unsigned cases, unsigned first, uintptr_t page,
             uintptr_t user_code, struct tally *tally);

#endif
