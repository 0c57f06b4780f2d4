/*
 * VT-x as a vendor behind virt_ops.h.
 */
#include "cpuid_bits.h"
#include "insn.h"
#include "vmx.h"
#include "x86.h"

/* "Discovering Support for VMX" */
static bool vmx_present(void)
{
    return cpuid(1, 0).ecx & F1C_VMX;
}

static void vmx_init(void)
{
    vmx_capability_init();
    vmx_switch_on();
    if (!vmx_cap.timer)
        vmx_slice_init();
}

static bool vmx_has_rdtscp(void)
{
    return vmx_cap.proc2 & PROC2_RDTSCP;
}

static bool vmx_has_invpcid(void)
{
    return vmx_cap.proc2 & PROC2_INVPCID;
}

/* "VPID and EPT Capabilities" */
static u32 vmx_second_stage(void)
{
    u64 cap = vmx_cap.ept ? vmx_cap.ept_vpid : 0;
    u32 can = (cap & EPTCAP_1G ? SECOND_STAGE_1G : 0) |
              (cap & EPTCAP_EXECUTE_ONLY ? SECOND_STAGE_EXECUTE_ONLY : 0) |
              (cap & EPTCAP_FLAGS ? SECOND_STAGE_FLAGS : 0);

    return vmx_cap.log ? can | SECOND_STAGE_LOG : can;
}

extern const struct virt_ops vmx_ops;
const struct virt_ops vmx_ops = {
    .name = "vt-x",
    .present = vmx_present,
    .init = vmx_init,
    .second_stage = vmx_second_stage,
    .has_rdtscp = vmx_has_rdtscp,
    .has_invpcid = vmx_has_invpcid,
    .create = vmx_create,
    .destroy = vmx_destroy,
    .load = vmx_load,
    .put = vmx_put,
    .run = vmx_run,
    .read_reg = vmx_read_reg,
    .get_segment = vmx_get_segment,
    .set_segment = vmx_set_segment,
    .get_table = vmx_get_table,
    .set_table = vmx_set_table,
    .enterable = vmx_enterable,
    .cpl = vmx_cpl,
    .plain_64bit = vmx_plain_64bit,
    .plain_64bit_root = vmx_plain_64bit_root,
    .load_root = vmx_set_root,
    .show = vmx_show,
    .blocking = vmx_blocking,
    .completed = vmx_completed,
    .begin_shadow = vmx_begin_shadow,
    .block_nmi = vmx_block_nmi,
    .exit_rip = vmx_exit_rip,
    .report = vmx_report,
    .replay = vmx_replay,
    .log_init = vmx_log_init,
    .log_collect = vmx_log_collect,
    .flush_page = vmx_flush_page,
    .flush_root = vmx_flush_root,
    .flush_all = vmx_flush_all,
};

const struct virt_ops *const virt_vendors[] = {&vmx_ops, NULL};
