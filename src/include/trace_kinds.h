/*
 * What the trace can hold, one line a kind: KIND(NAME, GROUP, "names of its arguments"), five at
 * the most. Those of TRACE_COUNTED are recorded wherever the ledger's counter of the same name
 * counts, so that in a trace of which nothing was lost there are as many records as the ledger
 * says.
 */
#ifndef TRACE_KINDS_H
#define TRACE_KINDS_H

/* The words of `trace=`: which kinds go together. ALWAYS, the last, is recorded by every trace. */
#define TRACE_GROUPS(G)                                                                            \
    G(EXITS, "why the processor left the guest, and for how long")                                 \
    G(HYPERCALLS, "calls of the guest's kernel, and for how long")                                 \
    G(FAULTS, "exceptions delivered to the guest")                                                 \
    G(EVENTS, "interrupts, timers, scheduling")                                                    \
    G(SHADOW, "what shadow paging does to its tables")                                             \
    G(DIRECT, "what direct paging does to the guest's tables")                                     \
    G(MEMORY, "frames filled on first touch, accesses to devices")                                 \
    G(ALWAYS, "lives and the marks of regions")

#define TRACE_COUNTED(K)                                                                           \
    K(EXIT_EXCEPTION, EXITS, "rip vector error address")                                           \
    K(EXIT_PAGE_FAULT, EXITS, "rip gva error")                                                     \
    K(EXIT_INTERRUPT, EXITS, "rip vector")                                                         \
    K(EXIT_PREEMPTION, EXITS, "rip")                                                               \
    K(EXIT_WINDOW, EXITS, "rip")                                                                   \
    K(EXIT_CPUID, EXITS, "rip leaf")                                                               \
    K(EXIT_HLT, EXITS, "rip")                                                                      \
    K(EXIT_IO, EXITS, "rip port size in value")                                                    \
    K(EXIT_RDMSR, EXITS, "rip msr value")                                                          \
    K(EXIT_WRMSR, EXITS, "rip msr value")                                                          \
    K(EXIT_CR_READ, EXITS, "rip cr value")                                                         \
    K(EXIT_CR_WRITE, EXITS, "rip cr value operation")                                              \
    K(EXIT_CR3_WRITE, EXITS, "rip cr3")                                                            \
    K(EXIT_DR_ACCESS, EXITS, "rip dr value read")                                                  \
    K(EXIT_INVLPG, EXITS, "rip gva")                                                               \
    K(EXIT_STAGE2, EXITS, "rip gpa error gva")                                                     \
    K(EXIT_MISCONFIG, EXITS, "rip gpa")                                                            \
    K(EXIT_LOG_FULL, EXITS, "rip")                                                                 \
    K(EXIT_VMCALL, EXITS, "rip result command argument")                                           \
    K(EXIT_XSETBV, EXITS, "rip index value")                                                       \
    K(EXIT_TASK_SWITCH, EXITS, "rip selector")                                                     \
    K(EXIT_TRIPLE_FAULT, EXITS, "rip")                                                             \
    K(EXIT_BY_HAND, EXITS, "rip")                                                                  \
    K(EXIT_OTHER, EXITS, "rip raw")                                                                \
    K(EXIT_SYSCALL, EXITS, "rip number")                                                           \
    K(EXIT_GP, EXITS, "rip error")                                                                 \
    K(EXIT_SOFT_INT, EXITS, "rip vector")                                                          \
    K(DELIVERED_FAULT, FAULTS, "vector error cr2 rip")                                             \
    K(DELIVERED_INTERRUPT, EVENTS, "vector")                                                       \
    K(DELIVERED_TIMER, EVENTS, "")                                                                 \
    K(SCHEDULED, EVENTS, "")                                                                       \
    K(BLOCKED, EVENTS, "")                                                                         \
    K(MMIO_ACCESS, MEMORY, "gpa size")                                                             \
    K(UNCLAIMED_ACCESS, MEMORY, "address")                                                         \
    K(POPULATED_4K, MEMORY, "gfn mfn")                                                             \
    K(POPULATED_2M, MEMORY, "gfn mfn")                                                             \
    K(SHADOW_FILL, SHADOW, "gva gfn mfn")                                                          \
    K(SHADOW_NEW_TABLE, SHADOW, "gfn role")                                                        \
    K(SHADOW_HIT_TABLE, SHADOW, "gfn role")                                                        \
    K(SHADOW_DROP_TABLE, SHADOW, "gfn role")                                                       \
    K(SHADOW_RECLAIM_TABLE, SHADOW, "gfn role")                                                    \
    K(SHADOW_WRITE_ENTRY, SHADOW, "gfn index entry")                                               \
    K(SHADOW_ROOT_SWITCH, SHADOW, "cr3")                                                           \
    K(SHADOW_REFLECT, SHADOW, "gva error")                                                         \
    K(PV_PTE_UPDATE, DIRECT, "mfn index old new")                                                  \
    K(PV_TABLE_VALIDATED, DIRECT, "mfn level")                                                     \
    K(PV_TABLE_INVALIDATED, DIRECT, "mfn level")                                                   \
    K(PV_MULTICALL_ITEM, HYPERCALLS, "number first second third")                                  \
    K(HC_SET_TRAP_TABLE, HYPERCALLS, "rip result table")                                           \
    K(HC_MMU_UPDATE, HYPERCALLS, "rip result requests count done")                                 \
    K(HC_SET_GDT, HYPERCALLS, "rip result frames entries")                                         \
    K(HC_STACK_SWITCH, HYPERCALLS, "rip result ss sp")                                             \
    K(HC_SET_CALLBACKS, HYPERCALLS, "rip result event failsafe syscall")                           \
    K(HC_FPU_TASKSWITCH, HYPERCALLS, "rip result set")                                             \
    K(HC_SCHED_OP, HYPERCALLS, "rip result command argument")                                      \
    K(HC_UPDATE_DESCRIPTOR, HYPERCALLS, "rip result address descriptor")                           \
    K(HC_MEMORY_OP, HYPERCALLS, "rip result command argument")                                     \
    K(HC_MULTICALL, HYPERCALLS, "rip result calls count")                                          \
    K(HC_UPDATE_VA_MAPPING, HYPERCALLS, "rip result va value flags")                               \
    K(HC_SET_TIMER_OP, HYPERCALLS, "rip result deadline")                                          \
    K(HC_XEN_VERSION, HYPERCALLS, "rip result command argument")                                   \
    K(HC_CONSOLE_IO, HYPERCALLS, "rip result command count text")                                  \
    K(HC_VM_ASSIST, HYPERCALLS, "rip result command type")                                         \
    K(HC_IRET, HYPERCALLS, "to")                                                                   \
    K(HC_VCPU_OP, HYPERCALLS, "rip result command vcpu argument")                                  \
    K(HC_SET_SEGMENT_BASE, HYPERCALLS, "rip result which base")                                    \
    K(HC_MMUEXT_OP, HYPERCALLS, "rip result operations count done")                                \
    K(HC_CALLBACK_OP, HYPERCALLS, "rip result command argument")                                   \
    K(HC_EVENT_CHANNEL_OP, HYPERCALLS, "rip result command argument")                              \
    K(HC_DEBUGREG, HYPERCALLS, "rip result register value")                                        \
    K(HC_TRIVISOR, HYPERCALLS, "rip result command argument")                                      \
    K(HC_OTHER, HYPERCALLS, "rip result first second third")

/* Counted nowhere else. */
#define TRACE_UNCOUNTED(K)                                                                         \
    K(LIFE_BEGIN, ALWAYS, "life")                                                                  \
    K(LIFE_END, ALWAYS, "reason code")                                                             \
    K(MARK_BEGIN, ALWAYS, "region")                                                                \
    K(MARK_END, ALWAYS, "region")                                                                  \
    K(SWITCHED, ALWAYS, "on")                                                                      \
    K(DESCHEDULED, EVENTS, "")

#endif
