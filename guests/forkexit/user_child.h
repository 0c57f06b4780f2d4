/* The user side of `forkexit`. */
#ifndef USER_CHILD_H
#define USER_CHILD_H

#include "kit/types.h"

#define CHILD_DATA 0xa000000000ULL /* the pages that the child shares with its parent */

/* Adds up the first words of `pages` pages and overwrites each; returns the sum. */
u64 user_child(u64 pages);

#endif
