/* The user side of the attacks: each takes an address or a number and returns what came of it, if
 * it comes back. */
#ifndef HOSTILE_USER_ATTACK_H
#define HOSTILE_USER_ATTACK_H

#include "kit/types.h"

u64 user_read(u64 address);
u64 user_write(u64 address);
u64 user_jump(u64 address);
u64 user_hlt(u64 unused);
u64 user_cli(u64 unused);
u64 user_in(u64 port);
u64 user_rdmsr(u64 msr);
u64 user_read_cr3(u64 unused);
u64 user_vmcall(u64 number);
u64 user_int_gate(u64 unused);
u64 user_int3_long(u64 unused);
u64 user_int1(u64 unused);
u64 user_sysenter(u64 unused);
u64 user_load_ss(u64 selector);
/* MOV SS from user_watched, then SYSCALL. */
u64 user_movss_syscall(u64 unused);
extern u64 user_watched;

#endif
