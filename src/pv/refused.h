/*
 * The hypercalls and operations of the ABI that are refused on purpose, and why. Each other one has
 * a handler. docs/hypercalls.md is made of these lines and the handlers (`make hypercalls`), and
 * `make check` fails if a number of Xen's headers is in neither; tests/unit/test_pv_world.c makes
 * each of these calls and compares the answer.
 */
#ifndef PV_REFUSED_H
#define PV_REFUSED_H

/* Whole hypercalls: all answer -ENOSYS. */
#define REFUSED_CALLS(R)                                                                           \
    R(__HYPERVISOR_sched_op_compat, "superseded by sched_op before 64-bit guests existed")         \
    R(__HYPERVISOR_platform_op, "for the domain that controls the machine; here none does")        \
    R(__HYPERVISOR_event_channel_op_compat, "superseded by event_channel_op")                      \
    R(__HYPERVISOR_physdev_op_compat, "superseded by physdev_op")                                  \
    R(__HYPERVISOR_xsm_op, "there is no policy language: a domain reaches itself, no more")        \
    R(__HYPERVISOR_xenoprof_op, "withdrawn from the ABI; the ledger counts instead")               \
    R(__HYPERVISOR_hvm_op, "for guests under full virtualization")                                 \
    R(__HYPERVISOR_sysctl, "for the domain that controls the machine")                             \
    R(__HYPERVISOR_domctl, "for the domain that controls the others")                              \
    R(__HYPERVISOR_kexec_op, "for the domain that controls the machine")                           \
    R(__HYPERVISOR_tmem_op, "withdrawn from the ABI")                                              \
    R(__HYPERVISOR_argo_op, "a way between domains that this machine does not have")               \
    R(__HYPERVISOR_xenpmu_op, "the performance counters stay the machine's")                       \
    R(__HYPERVISOR_dm_op, "for device models in other domains")                                    \
    R(__HYPERVISOR_hypfs_op, "there is no tree of the hypervisor's parameters")                    \
    R(__HYPERVISOR_arch_0, "a machine check is nobody's but the hypervisor's")                     \
    R(__HYPERVISOR_arch_1, "paging_domctl_cont: for the domain that controls the others")          \
    R(__HYPERVISOR_arch_2, "not assigned")                                                         \
    R(__HYPERVISOR_arch_3, "not assigned")                                                         \
    R(__HYPERVISOR_arch_4, "not assigned")                                                         \
    R(__HYPERVISOR_arch_5, "not assigned")                                                         \
    R(__HYPERVISOR_arch_6, "not assigned")

/* Operations of a hypercall that has others. */
#define REFUSED_OPERATIONS(R)                                                                      \
    R(memory_op, XENMEM_machphys_mfn_list, ENOSYS, "the M2P is not in extents of 2 MiB")           \
    R(memory_op, XENMEM_machphys_compat_mfn_list, ENOSYS, "there are no 32-bit guests")            \
    R(memory_op, XENMEM_machine_memory_map, ENOSYS, "the machine's memory is not shown")           \
    R(memory_op, XENMEM_set_memory_map, ENOSYS, "for the domain that builds others")               \
    R(memory_op, XENMEM_add_to_physmap_batch, ENOSYS, "for translated guests")                     \
    R(memory_op, XENMEM_remove_from_physmap, ENOSYS, "for translated guests")                      \
    R(memory_op, XENMEM_set_pod_target, ENOSYS, "memory on demand is for translated guests")       \
    R(memory_op, XENMEM_get_pod_target, ENOSYS, "memory on demand is for translated guests")       \
    R(memory_op, XENMEM_get_sharing_freed_pages, ENOSYS, "no frames are shared by content")        \
    R(memory_op, XENMEM_get_sharing_shared_pages, ENOSYS, "no frames are shared by content")       \
    R(memory_op, XENMEM_paging_op, ENOSYS, "nothing is paged out")                                 \
    R(memory_op, XENMEM_access_op, ENOSYS, "for a domain that watches another")                    \
    R(memory_op, XENMEM_sharing_op, ENOSYS, "no frames are shared by content")                     \
    R(memory_op, XENMEM_claim_pages, ENOSYS, "for the domain that builds others")                  \
    R(memory_op, XENMEM_get_vnumainfo, ENOSYS, "a domain's memory is all alike")                   \
    R(memory_op, XENMEM_reserved_device_memory_map, ENOSYS, "no device is a domain's own")         \
    R(memory_op, XENMEM_acquire_resource, ENOSYS, "for the domain that builds others")             \
    R(event_channel_op, EVTCHNOP_init_control, ENOSYS, "the FIFO kind: there are two levels")      \
    R(event_channel_op, EVTCHNOP_expand_array, ENOSYS, "the FIFO kind: there are two levels")      \
    R(event_channel_op, EVTCHNOP_set_priority, ENOSYS, "the FIFO kind: there are two levels")      \
    R(grant_table_op, GNTTABOP_transfer, ENOSYS,                                                   \
      "a frame changes its owner by the allocator only")                                           \
    R(grant_table_op, GNTTABOP_dump_table, ENOSYS, "withdrawn: it filled the console")             \
    R(grant_table_op, GNTTABOP_get_status_frames, ENOSYS, "version 2 of the table")                \
    R(grant_table_op, GNTTABOP_cache_flush, ENOSYS, "no device looks past the caches")             \
    R(physdev_op, PHYSDEVOP_eoi, ENOSYS, "no interrupt of a device is a domain's")                 \
    R(physdev_op, PHYSDEVOP_irq_status_query, ENOSYS, "no interrupt of a device is a domain's")    \
    R(physdev_op, PHYSDEVOP_apic_read, ENOSYS, "the I/O APICs are the machine's")                  \
    R(physdev_op, PHYSDEVOP_apic_write, ENOSYS, "the I/O APICs are the machine's")                 \
    R(physdev_op, PHYSDEVOP_alloc_irq_vector, ENOSYS, "no interrupt of a device is a domain's")    \
    R(physdev_op, PHYSDEVOP_free_irq_vector, ENOSYS, "no interrupt of a device is a domain's")     \
    R(physdev_op, PHYSDEVOP_map_pirq, ENOSYS, "no interrupt of a device is a domain's")            \
    R(physdev_op, PHYSDEVOP_unmap_pirq, ENOSYS, "no interrupt of a device is a domain's")          \
    R(physdev_op, PHYSDEVOP_manage_pci_add, ENOSYS, "no device is a domain's own")                 \
    R(physdev_op, PHYSDEVOP_manage_pci_remove, ENOSYS, "no device is a domain's own")              \
    R(physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v1, ENOSYS, "no interrupt of a device is a domain's")    \
    R(physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, ENOSYS, "no interrupt of a device is a domain's")    \
    R(physdev_op, PHYSDEVOP_restore_msi, ENOSYS, "no device is a domain's own")                    \
    R(physdev_op, PHYSDEVOP_restore_msi_ext, ENOSYS, "no device is a domain's own")                \
    R(physdev_op, PHYSDEVOP_manage_pci_add_ext, ENOSYS, "no device is a domain's own")             \
    R(physdev_op, PHYSDEVOP_setup_gsi, ENOSYS, "no interrupt of a device is a domain's")           \
    R(physdev_op, PHYSDEVOP_get_free_pirq, ENOSYS, "no interrupt of a device is a domain's")       \
    R(physdev_op, PHYSDEVOP_pci_mmcfg_reserved, ENOSYS, "no device is a domain's own")             \
    R(physdev_op, PHYSDEVOP_pci_device_add, ENOSYS, "no device is a domain's own")                 \
    R(physdev_op, PHYSDEVOP_pci_device_remove, ENOSYS, "no device is a domain's own")              \
    R(physdev_op, PHYSDEVOP_prepare_msix, ENOSYS, "no device is a domain's own")                   \
    R(physdev_op, PHYSDEVOP_release_msix, ENOSYS, "no device is a domain's own")                   \
    R(physdev_op, PHYSDEVOP_dbgp_op, ENOSYS, "no device is a domain's own")

#endif
