/* What Xen does for PV and PVH guests alike. */
#ifndef KIT_XEN_CALLS_H
#define KIT_XEN_CALLS_H

#include "kit/types.h"

/* console_io: the hypervisor's own console, for a domain that may use it. */
void xen_console_write(const char *text, size_t bytes);
/* SCHEDOP_shutdown: poweroff (0) or crash. */
void xen_end(unsigned code) __attribute__((noreturn));
/* Reads the memory map into boot_info: Xen's start_info of a PVH dom0 has none. */
void xen_read_memory(void);

#endif
