/*
 * tlb.h's way to the hardware under full virtualization: the vendor's.
 */
#include "tlb.h"
#include "virt_ops.h"

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    virt_ops->flush_page(root, gva);
}

void tlb_hw_flush_root(mfn_t root)
{
    virt_ops->flush_root(root);
}

void tlb_hw_flush_all(void)
{
    virt_ops->flush_all();
}
