/* Paravirtualization: what the PV files of the kit share. */
#ifndef KIT_PV_H
#define KIT_PV_H

#include "kit/types.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

struct trap_frame;

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
/* Maps the guest-physical [start, end) at its own address; returns the end of what is usable. */
u64 pv_map_memory(u64 start, u64 end);

/* Traps (pv_trap.c, trap_pv.asm); the meaning of each is in platform.h. */
void pv_trap_init(void);
void pv_trap_enter_at(unsigned vector, void (*stub)(void));
void pv_set_kernel_stack(u64 top);
void pv_resume(struct trap_frame *frame);

/* probe_pv.asm; the last one for TRAP_UPCALL. */
void probe_pv_plain(void);
void probe_pv_error(void);
void probe_pv_call(void);
void probe_pv_upcall(void);

/* Event channels (pv_events.c). */
void pv_events_init(void);
void pv_irq_off(void);
void pv_irq_on(void);
void pv_idle(void);
/* Binds a virtual interrupt to handler; returns the port. */
evtchn_port_t pv_bind_virq(u32 virq, void (*handler)(void));
/* Its own domain's number: what a port that waits for itself says. */
u16 pv_self(void);
/* Binds a port on which the guest sends to itself. */
evtchn_port_t pv_bind_self(void (*handler)(void));

/* The singleshot timer (pv_timer.c). */
void pv_timer_init(void);
/* The hypervisor's time, in nanoseconds. */
u64 pv_now(void);
void pv_timer_once(u64 ticks);
void pv_timer_periodic(u64 ticks);
void pv_timer_stop(void);

#endif
