/*
 * For reports: where an address leads through tables that the processor itself walks.
 */
#ifndef TABLE_REPORT_H
#define TABLE_REPORT_H

#include "types.h"

/* Prints the walk of 4-level tables with the root at machine address `root` (as in CR3) for la. */
void report_tables(const char *name, u64 la, u64 root);

#endif
