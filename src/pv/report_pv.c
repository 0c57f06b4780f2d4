/*
 * What a person needs when a paravirtualized guest falls over: its state, where its addresses lead,
 * and its last exits, hypercalls and faults.
 */
#include "domain.h"
#include "insn.h"
#include "pv.h"
#include "sched.h"
#include "table_report.h"
#include "trace.h"
#include "virt.h"

#include "public/trivisor.h"

void pv_report_fall(struct vcpu *v)
{
    u64 now = sched_now(), root = pv_active_root();

    virt_report(v, NULL);
    if (v->domain->expect != TRIVISOR_EXPECT_NONE)
        return;
    report_tables("rip", v->regs.rip, root);
    report_tables("rsp", v->regs.rsp, root);
    report_tables("kernel stack", v->virt->kernel_sp, root);
    report_tables("cr2", v->virt->info->arch.cr2, root);
    trace_print_recent(v, now, TRACE_SCREEN);
}
