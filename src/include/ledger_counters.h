/*
 * The ledger's counters, one line each: COUNTER(NAME, "meaning"). See ledger.h for the
 * rule that only the EXIT_ and HC_ groups carry ticks. A counter is added here and nowhere else.
 */
#ifndef LEDGER_COUNTERS_H
#define LEDGER_COUNTERS_H

#define LEDGER_COUNTERS(C)                                                                         \
    /* full virtualization: why the processor left the guest */                                    \
    C(EXIT_EXCEPTION, "an exception the hypervisor intercepts, other than a page fault")           \
    C(EXIT_PAGE_FAULT, "a page fault (shadow: every one; pv: of guest kernel or user)")            \
    C(EXIT_INTERRUPT, "an interrupt of the machine's arrived")                                     \
    C(EXIT_PREEMPTION, "the slice or a timer ran out")                                             \
    C(EXIT_WINDOW, "the guest became able to take an interrupt")                                   \
    C(EXIT_CPUID, "CPUID")                                                                         \
    C(EXIT_HLT, "HLT")                                                                             \
    C(EXIT_IO, "IN, OUT, INS or OUTS")                                                             \
    C(EXIT_RDMSR, "RDMSR")                                                                         \
    C(EXIT_WRMSR, "WRMSR")                                                                         \
    C(EXIT_CR_READ, "a read of a control register")                                                \
    C(EXIT_CR_WRITE, "a write of a control register other than CR3")                               \
    C(EXIT_CR3_WRITE, "a write of CR3")                                                            \
    C(EXIT_DR_ACCESS, "an access to a debug register")                                             \
    C(EXIT_INVLPG, "INVLPG, INVPCID")                                                              \
    C(EXIT_STAGE2, "an EPT violation")                                                             \
    C(EXIT_MISCONFIG, "an EPT misconfiguration")                                                   \
    C(EXIT_LOG_FULL, "the processor's log of written pages was full")                              \
    C(EXIT_VMCALL, "VMCALL")                                                                       \
    C(EXIT_XSETBV, "XSETBV")                                                                       \
    C(EXIT_TASK_SWITCH, "a switch of tasks by a TSS")                                              \
    C(EXIT_TRIPLE_FAULT, "a triple fault of the guest's")                                          \
    C(EXIT_BY_HAND, "a stretch that the processor cannot run (real mode), executed in software")   \
    C(EXIT_OTHER, "any other exit")                                                                \
    /* paravirtualization: why the processor left the guest */                                     \
    C(EXIT_SYSCALL, "syscall from user mode, bounced to the guest kernel")                         \
    C(EXIT_GP, "#GP of the guest's: a privileged instruction, or a true fault")                    \
    C(EXIT_SOFT_INT, "int n of the guest's")                                                       \
    /* what was delivered to the guest */                                                          \
    C(DELIVERED_FAULT, "exceptions delivered to the guest by the hypervisor")                      \
    C(DELIVERED_INTERRUPT, "interrupts or event upcalls delivered to the guest")                   \
    C(DELIVERED_TIMER, "timer expiries told to the guest")                                         \
    C(EMULATED_INSN, "instructions emulated")                                                      \
    C(REFUSED_INSN, "instructions that could not be emulated: #UD")                                \
    C(MMIO_ACCESS, "accesses to a device's memory")                                                \
    C(UNCLAIMED_ACCESS, "accesses to ports or memory that nobody claims")                          \
    /* scheduling */                                                                               \
    C(SCHEDULED, "times the vcpu was put on a processor")                                          \
    C(BLOCKED, "times the vcpu went to sleep")                                                     \
    /* memory in general */                                                                        \
    C(POPULATED_4K, "4 KiB frames filled on first touch")                                          \
    C(POPULATED_2M, "2 MiB runs of frames filled on first touch")                                  \
    C(SPLIT_LEAF, "large leaves of the second stage split")                                        \
    C(MERGED_LEAF, "small leaves of the second stage merged, 512 at once")                         \
    C(DIRTY_FRAME, "frames that the dirty log found written for the first time")                   \
    C(TLB_FLUSH_PAGE, "single translations flushed")                                               \
    C(TLB_FLUSH_ALL, "whole TLB contexts flushed")                                                 \
    /* shadow paging */                                                                            \
    C(SHADOW_FILL, "shadow entries filled after a miss")                                           \
    C(SHADOW_NEW_TABLE, "shadow tables made")                                                      \
    C(SHADOW_HIT_TABLE, "shadow tables found again through the hash")                              \
    C(SHADOW_DROP_TABLE, "shadow tables dropped because their guest table changed its use")        \
    C(SHADOW_RECLAIM_TABLE, "shadow tables evicted under memory pressure")                         \
    C(SHADOW_WRITE, "writes to guest page tables that trapped")                                    \
    C(SHADOW_WRITE_ENTRY, "shadow entries changed by such writes")                                 \
    C(SHADOW_OUT_OF_SYNC, "guest page tables whose writes stopped trapping for a while")           \
    C(SHADOW_SYNC_TABLE, "such tables brought up to date by a flush")                              \
    C(SHADOW_PREFETCH, "shadow entries filled beside the one that was missing")                    \
    C(SHADOW_ROOT_SWITCH, "CR3 loads that found their root")                                       \
    C(SHADOW_DIRTY, "write faults that only set a D bit")                                          \
    C(SHADOW_REFLECT, "page faults that were the guest's own")                                     \
    /* direct paging */                                                                            \
    C(PV_PTE_UPDATE, "page-table entries validated and written")                                   \
    C(PV_TABLE_VALIDATED, "tables validated on promotion to a type")                               \
    C(PV_TABLE_INVALIDATED, "tables taken apart when their type count fell to zero")               \
    C(PV_BROKEN_OFF, "validations and undoings of tables that broke off, the time being up")       \
    C(PV_MULTICALL_ITEM, "calls made inside a multicall")                                          \
    /* hypercalls, by name */                                                                      \
    C(HC_SET_TRAP_TABLE, "hypercall set_trap_table")                                               \
    C(HC_MMU_UPDATE, "hypercall mmu_update")                                                       \
    C(HC_SET_GDT, "hypercall set_gdt")                                                             \
    C(HC_STACK_SWITCH, "hypercall stack_switch")                                                   \
    C(HC_SET_CALLBACKS, "hypercall set_callbacks")                                                 \
    C(HC_FPU_TASKSWITCH, "hypercall fpu_taskswitch")                                               \
    C(HC_SCHED_OP, "hypercall sched_op")                                                           \
    C(HC_UPDATE_DESCRIPTOR, "hypercall update_descriptor")                                         \
    C(HC_MEMORY_OP, "hypercall memory_op")                                                         \
    C(HC_MULTICALL, "hypercall multicall")                                                         \
    C(HC_UPDATE_VA_MAPPING, "hypercall update_va_mapping")                                         \
    C(HC_SET_TIMER_OP, "hypercall set_timer_op")                                                   \
    C(HC_XEN_VERSION, "hypercall xen_version")                                                     \
    C(HC_CONSOLE_IO, "hypercall console_io")                                                       \
    C(HC_VM_ASSIST, "hypercall vm_assist")                                                         \
    C(HC_IRET, "hypercall iret")                                                                   \
    C(HC_VCPU_OP, "hypercall vcpu_op")                                                             \
    C(HC_SET_SEGMENT_BASE, "hypercall set_segment_base")                                           \
    C(HC_MMUEXT_OP, "hypercall mmuext_op")                                                         \
    C(HC_CALLBACK_OP, "hypercall callback_op")                                                     \
    C(HC_EVENT_CHANNEL_OP, "hypercall event_channel_op")                                           \
    C(HC_DEBUGREG, "hypercalls set_debugreg, get_debugreg")                                        \
    C(HC_TRIVISOR, "hypercall 55, Trivisor's own")                                                 \
    C(HC_OTHER, "other hypercalls, most of them answered -ENOSYS")

#endif
