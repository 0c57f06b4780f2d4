/*
 * Error codes: the numbers of the Xen ABI (xen/errno.h), under their common names. A function
 * that can fail returns 0 or more for success, -E... for failure.
 */
#ifndef TRIVISOR_ERRNO_H
#define TRIVISOR_ERRNO_H

#define XEN_ERRNO(name, value) X##name = value,
enum trivisor_errno {
#include <xen/errno.h>
};

#ifndef HOST_TEST
#define EPERM      XEPERM
#define ENOENT     XENOENT
#define ESRCH      XESRCH
#define EINTR      XEINTR
#define EIO        XEIO
#define E2BIG      XE2BIG
#define ENOEXEC    XENOEXEC
#define EAGAIN     XEAGAIN
#define ENOMEM     XENOMEM
#define EACCES     XEACCES
#define EFAULT     XEFAULT
#define EBUSY      XEBUSY
#define EEXIST     XEEXIST
#define EDOM       XEDOM
#define ENODEV     XENODEV
#define EINVAL     XEINVAL
#define EISDIR     XEISDIR
#define EROFS      XEROFS
#define ENOTEMPTY  XENOTEMPTY
#define EISCONN    XEISCONN
#define ENOSPC     XENOSPC
#define ERANGE     XERANGE
#define ENOSYS     XENOSYS
#define ENXIO      XENXIO
#define ENODATA    XENODATA
#define EOPNOTSUPP XEOPNOTSUPP
#define ERESTART                                                                                   \
    85 /* never told to a guest: Xen's own number, which its public header leaves out */
#else
#include <errno.h> /* the host's: on Linux the numbers are the same */
#endif

#endif
