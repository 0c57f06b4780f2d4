/* For host tests without a TLB model. */
#include "tlb.h"

void tlb_assert_gone(mfn_t frame)
{
    (void)frame;
}
