/*
 * A vcpu's state for a person, on one screen.
 */
#include "domain.h"
#include "log.h"
#include "vmx.h"
#include "x86.h"

static void report_registers(struct vcpu *v)
{
    const struct regs *r = &v->regs;

    log_line("  rip %016lx  rsp %016lx  rflags %08lx  cpl %u", virt_get(v, VREG_RIP),
             virt_get(v, VREG_RSP), virt_get(v, VREG_RFLAGS), virt_cpl(v));
    log_line("  cr0 %016lx  cr2 %016lx  cr3 %016lx", virt_get(v, VREG_CR0), virt_get(v, VREG_CR2),
             virt_get(v, VREG_CR3));
    log_line("  cr4 %016lx  efer %016lx", virt_get(v, VREG_CR4), virt_get(v, VREG_EFER));
    log_line("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_line("  rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_line("  r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_line("  r13 %016lx  r14 %016lx  r15 %016lx", r->r13, r->r14, r->r15);
}

static void report_segments(struct vcpu *v)
{
    static const char *const names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

    for (unsigned s = SEG_ES; s <= SEG_TR; s++) {
        struct segment g;

        virt_get_segment(v, s, &g);
        log_line("  %-4s %04x  base %016lx  limit %08x  attributes %04x", names[s], g.selector,
                 g.base, g.limit, g.attr);
    }
}

void vmx_report(struct vcpu *v, const struct exit *e)
{
    log_line("vcpu %u of %s:", v->id, v->domain->config.name);
    if (e && (e->reason == EXIT_STAGE2 || e->reason == EXIT_MISCONFIG))
        log_line("  exit %u (%s)  gpa %lx  gva %lx  error %x", e->raw & EXIT_BASIC_REASON,
                 vmx_exit_name(e->raw & EXIT_BASIC_REASON), e->gpa, e->gva_valid ? e->gva : 0,
                 e->error);
    else if (e)
        log_line("  exit %u (%s)  qualification %lx", e->raw & EXIT_BASIC_REASON,
                 vmx_exit_name(e->raw & EXIT_BASIC_REASON), vmread(VMCS_EXIT_QUALIFICATION));
    report_registers(v);
    report_segments(v);
}

/* "VM-Entry Failures During or After Loading Guest State", "VMX Instruction Reference". */
void vmx_report_failed_entry(struct vcpu *v, u32 raw)
{
    char why[128];

    if (raw)
        log_line("The processor refused to enter the guest: %s, qualification %lu.",
                 vmx_exit_name(raw & EXIT_BASIC_REASON), vmread(VMCS_EXIT_QUALIFICATION));
    else
        log_line("The processor refused to enter the guest: %s.",
                 vmx_instruction_error((u32)vmread(VMCS_INSTRUCTION_ERROR)));
    vmx_explain_refusal(why, sizeof(why));
    domain_end(v->domain, END_KILLED, 0, "the processor refused to enter it%s%s",
               why[0] ? ": " : "", why);
    log_line("  pin %lx  proc %lx  proc2 %lx  exit %lx  entry %lx  event %lx",
             vmread(VMCS_PIN_CONTROLS), vmread(VMCS_PROC_CONTROLS),
             vmx_cap.proc2 ? vmread(VMCS_PROC_CONTROLS2) : 0, vmread(VMCS_EXIT_CONTROLS),
             vmread(VMCS_ENTRY_CONTROLS), vmread(VMCS_ENTRY_EVENT));
    log_line("  real cr0 %lx  cr3 %lx  cr4 %lx  interruptibility %lx", vmread(VMCS_GUEST_CR0),
             vmread(VMCS_GUEST_CR3), vmread(VMCS_GUEST_CR4), vmread(VMCS_GUEST_INTERRUPTIBILITY));
    vmx_report(v, NULL);
}
