/* Paravirtualization: what the PV files of the kit share. */
#ifndef KIT_PV_H
#define KIT_PV_H

#include "kit/types.h"

#include <xen/xen.h>

/* The start of day, copied; and the page shared with the hypervisor, once pv_init has run. */
extern start_info_t pv_start;
extern u8 pv_shared_page[];
#define PV_SHARED ((volatile shared_info_t *)pv_shared_page)

/* Reads start_info into boot_info. */
void pv_boot(u64 start_info);
/* Whether hypercall 55 is Trivisor's. */
bool pv_is_trivisor(void);

/* The console ring of a domain that is not the first. */
void pv_ring_write(const char *text, size_t bytes);
void pv_ring_init(void);

/* The machine address of a guest-physical one. */
u64 pv_machine(u64 pa);
/* Maps a machine address read-write in place of a page of the image. */
void pv_map_here(void *page, u64 machine);

#endif
