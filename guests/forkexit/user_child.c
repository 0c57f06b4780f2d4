/*
 * The child process: reads and writes every page that it has.
 */
#include "user_child.h"
#include "kit/user_kit.h"

u64 user_child(u64 pages)
{
    u64 sum = 0;

    for (u64 i = 0; i < pages; i++) {
        volatile u64 *word = (u64 *)(CHILD_DATA + i * 4096);

        sum += *word;
        *word = ~i;
    }
    return sum;
}
