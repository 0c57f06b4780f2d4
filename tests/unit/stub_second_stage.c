/*
 * For the tests of the second stage: a processor whose own can do no more than the least.
 */
#include "virt_ops.h"

static u32 nothing(void)
{
    return 0;
}
static const struct virt_ops ops = {.second_stage = nothing};
const struct virt_ops *virt_ops = &ops;
