/*
 * The guest that judges the lab pv from inside. Its first life ends in a trap on a stack where
 * nobody may store a frame; the second looks at frames.
 */
#include "judge.h"
#include "kit/kit.h"

#include "grade_guest.h"
#include "public/trivisor.h"

const char guest_name[] = "pv-guest";

enum { FIRST = 1, SECOND = 2 };

void guest_main(void)
{
    u64 life = (u64)platform->trivisor(TRIVISOR_LIFE, 0, 0);

    if (life == FIRST) {
        test_memory();
        test_bad_stack();
    }
    if (life == SECOND) {
        grade_begin("bad_stack");
        grade_true("the life before has ended", true, "pv.8");
        grade_end();
        test_frames();
    }
}
