/*
 * xen_version, vm_assist, and what other calls a guest makes to learn where it is. Source:
 * xen/version.h, xen/features.h.
 *
 * The features listed are those that are there: no writable page tables, no writable descriptor
 * tables. A command that is for who controls the machine answers as Xen does to everybody else.
 */
#include "errno.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/version.h>

#include <string.h>

#define DENIED "<denied>"

static s64 text(u64 to, const char *from, size_t size)
{
    char out[sizeof(xen_capabilities_info_t)] = {0};

    memcpy(out, from, strlen(from));
    return pv_copy_to(to, out, size) ? 0 : -EFAULT;
}

/* The frames that a domain names are the machine's; and it may name a node in memory_op, though it
 * has no more than one. */
static u32 features_of(const struct domain *d)
{
    u32 always = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                 1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported |
                 1u << XENFEAT_direct_mapped;

    return pv_assisted(d, VMASST_TYPE_pae_extended_cr3) ? always | 1u << XENFEAT_pae_pgdir_above_4gb
                                                        : always;
}

static s64 features(u64 argument)
{
    struct xen_feature_info f;

    if (!pv_copy_from(&f, argument, sizeof(f)))
        return -EFAULT;
    if (f.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    f.submap = f.submap_idx ? 0 : features_of(pv_current()->domain);
    return pv_copy_to(argument, &f, sizeof(f)) ? 0 : -EFAULT;
}

static s64 __attribute__((noinline)) other_version(u32 command, u64 argument)
{
    struct xen_compile_info compile = {.compiler = "gcc", .compile_by = "trivisor"};
    struct xen_platform_parameters platform = {.virt_start = HYPERVISOR_VIRT_START};
    xen_domain_handle_t handle = {0};

    switch (command) {
    case XENVER_extraversion:
        return text(argument, ".0-trivisor", sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return pv_copy_to(argument, &compile, sizeof(compile)) ? 0 : -EFAULT;
    case XENVER_capabilities:
        return text(argument, "xen-3.0-x86_64", sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return text(argument, "trivisor", sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        return pv_copy_to(argument, &platform, sizeof(platform)) ? 0 : -EFAULT;
    case XENVER_get_features:
        return features(argument);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return pv_copy_to(argument, &handle, sizeof(handle)) ? 0 : -EFAULT;
    case XENVER_commandline:
        return text(argument, DENIED, sizeof(DENIED));
    case XENVER_build_id:
        return -EPERM;
    default:
        return -ENOSYS;
    }
}

static s64 do_xen_version(u32 command, u64 argument)
{
    enum { MAJOR_SHIFT = 16 };

    if (likely(command == XENVER_version))
        return PV_VERSION_MAJOR << MAJOR_SHIFT | PV_VERSION_MINOR;
    return other_version(command, argument);
}
HYPERCALL(__HYPERVISOR_xen_version, do_xen_version, LC_HC_XEN_VERSION);

/* Segments of 4 GiB are a 32-bit guest's affair and change nothing here; the extended CR3 is, too,
 * but for a feature. */
static bool assist_known(u32 type)
{
    switch (type) {
    case VMASST_TYPE_4gb_segments:
    case VMASST_TYPE_4gb_segments_notify:
    case VMASST_TYPE_pae_extended_cr3:
    case VMASST_TYPE_writable_pagetables:
    case VMASST_TYPE_architectural_iopl:
    case VMASST_TYPE_runstate_update_flag:
    case VMASST_TYPE_m2p_strict: /* roots.c */
        return true;
    default:
        return false;
    }
}

static s64 do_vm_assist(u32 command, u32 type)
{
    struct pv_domain *p = pv_current()->domain->pv;
    bool enable = command == VMASST_CMD_enable;

    if (!assist_known(type))
        return -EINVAL;
    if (command > VMASST_CMD_disable)
        return -ENOSYS;
    if (type == VMASST_TYPE_architectural_iopl)
        pv_show_iopl(p->owner, enable);
    p->assists = enable ? p->assists | 1ULL << type : p->assists & ~(1ULL << type);
    return 0;
}
HYPERCALL(__HYPERVISOR_vm_assist, do_vm_assist, LC_HC_VM_ASSIST);
