/*
 * A hypercall and the answer that Xen 4.17 gives to it.
 */
#ifndef XENABI_H
#define XENABI_H

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

struct abi_case {
    const char *what; /* the call, and what is special in it */
    u8 number;        /* __HYPERVISOR_* */
    s64 expected;     /* 0 or more, or -errno */
    u64 a, b, c, d;   /* arguments */
};
void abi_run(const struct abi_case *list, unsigned count);
/* The same for a call made by hand. */
static inline void abi_equal(const char *what, s64 expected, s64 got)
{
    check_equal(what, (u64)expected, (u64)got);
}

/* Each file's calls. */
void abi_processor(void);
void abi_memory(void);
void abi_linear(void);
void abi_events(void);
void abi_grants(void);
void abi_compat(void);
void abi_traps(void);
void abi_msrs(void);
void abi_control(void);
void abi_tables(void);
void abi_foreign(void);
void abi_lists(void);
void abi_exchange(void);
void abi_exhaust(void);
void abi_grant_errors(void);
void abi_grant_device(void);
void abi_domain_u(void);
void abi_edges(void);
void abi_edges_memory(void);
void abi_edges_unused(void);
void abi_edges_events(void);
void abi_vcpu_info(void);

enum abi_errors {
    ABI_EPERM = 1,
    ABI_ENOENT = 2,
    ABI_ESRCH = 3,
    ABI_ENXIO = 6,
    ABI_E2BIG = 7,
    ABI_EACCES = 13,
    ABI_EFAULT = 14,
    ABI_EBUSY = 16,
    ABI_EEXIST = 17,
    ABI_ENODEV = 19,
    ABI_EINVAL = 22,
    ABI_ENOSPC = 28,
    ABI_EDOM = 33,
    ABI_ENOSYS = 38,
    ABI_ENODATA = 61,
    ABI_EOPNOTSUPP = 95,
};
/* An address of the hypervisor's; one that is not canonical; a domain and a frame that nobody has.
 */
#define ABI_BAD           0xffff830000000000ULL
#define ABI_NOT_CANONICAL 0x0000800000000000ULL
#define ABI_NO_FRAME      0x3ffffffffULL
enum { ABI_NOBODY = 0x7000 };

/* Memory for a case, and its machine frame. */
extern u64 abi_page[512];
u64 abi_frame(const void *p);
/* The table of grants, in place of the page at `at`: what update_va_mapping answers. */
s64 abi_show_grants(const void *at);

#endif
