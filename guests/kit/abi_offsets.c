/*
 * Numbers of C and of the Xen ABI for the assembly files: guests/guests.mk compiles this file to
 * assembly and turns each marked line into a definition in abi.inc. It is linked into nothing.
 */
#include "kit/machine.h"
#include "kit/trap.h"

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#include <stddef.h>

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"(value))

void abi_offsets(void);

void abi_offsets(void)
{
    DEFINE(PVH_MAGIC, XEN_HVM_START_MAGIC_VALUE);
    DEFINE(HYPERVISOR_IRET, __HYPERVISOR_iret);
    DEFINE(IN_SYSCALL, VGCF_in_syscall);
    DEFINE(FRAME_VECTOR, offsetof(struct trap_frame, vector));
    DEFINE(FRAME_RIP, offsetof(struct trap_frame, rip));
    DEFINE(FRAME_RCX, offsetof(struct trap_frame, rcx));
    DEFINE(FRAME_R11, offsetof(struct trap_frame, r11));
    DEFINE(FRAME_RAX, offsetof(struct trap_frame, rax));
    DEFINE(FRAME_ERROR, offsetof(struct trap_frame, error));
    DEFINE(FRAME_RFLAGS, offsetof(struct trap_frame, rflags));
    DEFINE(FRAME_RSP, offsetof(struct trap_frame, rsp));
    DEFINE(UPCALL_PENDING, offsetof(struct shared_info, vcpu_info[0].evtchn_upcall_pending));
    DEFINE(USER_SS, MACHINE_USER_SS);
    DEFINE(USER_CS, MACHINE_USER_CS);
    DEFINE(TRAP_VECTOR_COUNT, TRAP_VECTORS);
    DEFINE(SYSCALL_VECTOR, TRAP_SYSCALL);
    DEFINE(UPCALL_VECTOR, TRAP_UPCALL);
    DEFINE(PROBE_CALL, SYS_PROBE);
}
