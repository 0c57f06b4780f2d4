/*
 * Not linked: compiled to assembly, from which the build takes the lines "->NAME value" to
 * make asm_offsets.inc. So no stub ever has an offset typed by hand.
 */
#include "pcpu.h"
#include "vcpu.h"

#include "../cpu/vmx/vmcs.h"
#include "../pv/hypercall.h"

#define OFFSET(name, type, member)                                                                 \
    __asm__ volatile("\n->" #name " %c0" : : "i"(offsetof(type, member)))
#define VALUE(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"((long)(value)))

void asm_offsets(void);
void asm_offsets(void)
{
    OFFSET(REGS_r15, struct regs, r15);
    OFFSET(REGS_r14, struct regs, r14);
    OFFSET(REGS_r13, struct regs, r13);
    OFFSET(REGS_r12, struct regs, r12);
    OFFSET(REGS_rbp, struct regs, rbp);
    OFFSET(REGS_rbx, struct regs, rbx);
    OFFSET(REGS_r11, struct regs, r11);
    OFFSET(REGS_r10, struct regs, r10);
    OFFSET(REGS_r9, struct regs, r9);
    OFFSET(REGS_r8, struct regs, r8);
    OFFSET(REGS_rax, struct regs, rax);
    OFFSET(REGS_rcx, struct regs, rcx);
    OFFSET(REGS_rdx, struct regs, rdx);
    OFFSET(REGS_rsi, struct regs, rsi);
    OFFSET(REGS_rdi, struct regs, rdi);
    OFFSET(REGS_vector, struct regs, vector);
    OFFSET(REGS_error, struct regs, error);
    OFFSET(REGS_rip, struct regs, rip);
    OFFSET(REGS_cs, struct regs, cs);
    OFFSET(REGS_rflags, struct regs, rflags);
    OFFSET(REGS_rsp, struct regs, rsp);
    OFFSET(REGS_ss, struct regs, ss);
    VALUE(REGS_SIZE, sizeof(struct regs));
    OFFSET(PCPU_current, struct pcpu, current);
    OFFSET(PCPU_saved_rsp, struct pcpu, saved_rsp);
    OFFSET(PCPU_guest_rsp, struct pcpu, guest_rsp);
    OFFSET(PCPU_read_below, struct pcpu, read_below);
    OFFSET(PCPU_read_above, struct pcpu, read_above);
    OFFSET(PCPU_rsp0, struct pcpu, tss.rsp[0]);
    OFFSET(VCPU_domain, struct vcpu, domain);
    OFFSET(VCPU_virt, struct vcpu, virt);
    OFFSET(VCPU_kicked, struct vcpu, kicked);
    OFFSET(VIRT_kernel_mode, struct virt_vcpu, kernel_mode);
    OFFSET(VIRT_iopl, struct virt_vcpu, iopl);
    OFFSET(VIRT_at_iret, struct virt_vcpu, at_iret);
    OFFSET(VIRT_info, struct virt_vcpu, info);
    OFFSET(VIRT_kernel_root, struct virt_vcpu, kernel_root);
    OFFSET(VIRT_user_root, struct virt_vcpu, user_root);
    OFFSET(VIRT_kernel_sp, struct virt_vcpu, kernel_sp);
    OFFSET(VIRT_syscall, struct virt_vcpu, syscall);
    OFFSET(VIRT_syscall32, struct virt_vcpu, syscall32);
    OFFSET(VIRT_sysenter, struct virt_vcpu, sysenter);
    OFFSET(VIRT_ds, struct virt_vcpu, ds);
    OFFSET(VIRT_es, struct virt_vcpu, es);
    OFFSET(VIRT_fs, struct virt_vcpu, fs);
    OFFSET(VIRT_gs, struct virt_vcpu, gs);
    OFFSET(VIRT_entry_tsc, struct virt_vcpu, entry_tsc);
    OFFSET(VIRT_exit_cell, struct virt_vcpu, exit_cell);
    OFFSET(DOMAIN_cells, struct domain, ledger.cell);
    VALUE(HYPERCALLS, HYPERCALLS);
    VALUE(HYPERCALL_UNKNOWN, HYPERCALL_UNKNOWN);
    VALUE(VECTOR_SYSCALL, VECTOR_SYSCALL);
    OFFSET(INFO_mask, struct vcpu_info, evtchn_upcall_mask);
    OFFSET(GATE_address, struct pv_gate, address);
    OFFSET(GATE_cs, struct pv_gate, cs);
    OFFSET(GATE_flags, struct pv_gate, flags);
    OFFSET(IRET_rax, struct iret_context, rax);
    OFFSET(IRET_r11, struct iret_context, r11);
    OFFSET(IRET_rcx, struct iret_context, rcx);
    OFFSET(IRET_flags, struct iret_context, flags);
    OFFSET(IRET_rip, struct iret_context, rip);
    OFFSET(IRET_cs, struct iret_context, cs);
    OFFSET(IRET_rflags, struct iret_context, rflags);
    OFFSET(IRET_rsp, struct iret_context, rsp);
    OFFSET(IRET_ss, struct iret_context, ss);
    VALUE(IRET_FLAGS, PV_FLAGS_OF_GUEST);
    VALUE(VGCF_IN_SYSCALL, VGCF_in_syscall);
    VALUE(BOUNCE_MASK, BOUNCE_MASK);
    VALUE(BOUNCE_ERROR, BOUNCE_ERROR);
    VALUE(BOUNCE_OTHER_FRAME, BOUNCE_OTHER_FRAME);
    VALUE(BOUNCE_SELECTORS, BOUNCE_SELECTORS);
    VALUE(BOUNCE_IOPL, BOUNCE_IOPL);
    VALUE(RFLAGS_IOPL_SHIFT, PV_RFLAGS_IOPL_SHIFT);
    VALUE(BOUNCE_FLAGS_CLEARED, PV_FLAGS_CLEARED);
    VALUE(RFLAGS_IF, RFLAGS_IF);
    VALUE(RFLAGS_DF, RFLAGS_DF);
    VALUE(RFLAGS_IF_BIT, PV_RFLAGS_IF_BIT);
    VALUE(RFLAGS_FIXED, RFLAGS_FIXED);
    VALUE(FRAME_MASK_BIT, PV_FRAME_MASK_BIT);
    VALUE(LOW_HALF_BITS, PV_LOW_HALF_BITS);
    VALUE(HYPERVISOR_END_40, HYPERVISOR_VIRT_END >> 40);
    VALUE(SELECTOR_RPL, SELECTOR_RPL);
    VALUE(LC_EXIT_SYSCALL, LC_EXIT_SYSCALL);
    VALUE(PCPU_STACK_SIZE, PCPU_STACK_SIZE);
    VALUE(VMCS_HOST_RSP, VMCS_HOST_RSP);
    VALUE(VMCS_EXIT_REASON, VMCS_EXIT_REASON);
    VALUE(VMX_ENTRY_FAILED_BIT, VMX_ENTRY_FAILED_BIT);
    VALUE(SEL_CS64, SEL_CS64);
    VALUE(SEL_DS, SEL_DS);
    VALUE(GDT_LIMIT, GDT_LIMIT);
    VALUE(SEL_GUEST_CS32, SEL_GUEST_CS32);
    VALUE(SEL_GUEST_CS64, SEL_GUEST_CS64);
    VALUE(SEL_GUEST_DS, SEL_GUEST_DS);
}
