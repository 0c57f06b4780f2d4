/*
 * Trivisor's own commands (public/trivisor.h), for every mode's hypercall or VMCALL.
 */
#ifndef TRIVISOR_OP_H
#define TRIVISOR_OP_H

#include "ledger.h"

struct vcpu;

/* Executes a command with its arguments; own is the counter to which the call itself is charged.
 * Returns what the guest finds in rax. */
s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own);

#endif
