/*
 * The guest that judges the lab pv from inside. Its first lives end each in a trap on a stack where
 * no frame may be stored; the last one looks at frames.
 */
#include "judge.h"
#include "kit/kit.h"

#include "grade_guest.h"
#include "public/trivisor.h"

const char guest_name[] = "pv-guest";

void guest_main(void)
{
    u64 life = (u64)platform->trivisor(TRIVISOR_LIFE, 0, 0);

    if (life == 1)
        test_memory();
    if (life <= BAD_STACKS)
        test_bad_stack((unsigned)life - 1);
    if (life == BAD_STACKS + 1) {
        grade_begin("bad_stack");
        grade_true("the lives before have ended", true, "pv.8");
        grade_end();
        test_frames();
    }
}
