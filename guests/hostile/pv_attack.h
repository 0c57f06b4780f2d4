/* What the paravirtual attacks share. */
#ifndef HOSTILE_PV_ATTACK_H
#define HOSTILE_PV_ATTACK_H

#include "hostile/attack.h"

#include "kit/types.h"

/* xen/errno.h */
enum pv_error {
    PV_EPERM = 1,
    PV_ENOENT = 2,
    PV_EFAULT = 14,
    PV_EBUSY = 16,
    PV_EINVAL = 22,
    PV_ENOSYS = 38,
};

/* update_va_mapping of the page at `at`; one mmu_update; one mmuext_op. 0 or -errno. */
s64 pv_map(const void *at, u64 machine_entry);
s64 pv_update(u64 pointer, u64 value, u64 domain);
s64 pv_ext(unsigned command, u64 frame, u64 second);

#define ATTEMPT(f)                                                                                 \
    static struct outcome try_##f(void)                                                            \
    {                                                                                              \
        return probe(f);                                                                           \
    }

#endif
