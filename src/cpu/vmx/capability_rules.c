/*
 * capability_rules.h: nothing here reads a register, so that a host test can play any processor.
 *
 * Invariant: no control is chosen that the capability register does not allow.
 */
#include "capability_rules.h"

#include "vmcs.h"

const char *vmx_choose_controls(u64 capability, const struct vmx_requirement *needed, size_t count,
                                u32 optional, u32 *controls)
{
    /* lab ept.1 */
    u32 must = (u32)capability, may = (u32)(capability >> 32);

    *controls = must | (optional & may);
    for (size_t i = 0; i < count; i++) {
        if (!(may & needed[i].bit))
            return needed[i].name;
        *controls |= (u32)needed[i].bit;
    }
    return NULL;
    /* lab end ept.1 */
}

const char *vmx_ept_lacks(u64 capability)
{
    /* lab ept.1 */
    static const struct vmx_requirement needed[] = {
        {EPTCAP_WALK_4, "page walks of length 4"},
        {EPTCAP_WRITE_BACK, "write-back paging structures"},
        {EPTCAP_INVEPT, "INVEPT"},
        {EPTCAP_INVEPT_ONE, "single-context INVEPT"},
        {EPTCAP_INVEPT_ALL, "all-context INVEPT"},
        {EPTCAP_2M, "2 MiB pages"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (!(capability & needed[i].bit))
            return needed[i].name;
    return NULL;
    /* lab end ept.1 */
}
