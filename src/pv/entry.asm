; The paravirtualized guest's ways in and out.
;
; A guest's registers are stored in its struct vcpu (whose first member is struct regs): the TSS's
; stack pointer for ring 0 is the end of that structure, so the processor pushes the trap frame right
; into it; the stubs push the rest, then take the processor's own stack, where the run loop called
; pv_enter. When the handler is done the guest goes on directly, unless vcpu.kicked asks for the run loop.
;
; This code finds its processor at a fixed address (boot_stack): `syscall` brings no stack, and GS is
; the guest's. Each further processor needs a copy of the entry of its own, as LSTAR is its own.
;
; Invariants
;  - IF is 0 throughout; NMI, #MC, #DB and #DF come on stacks of their own, so they may come anywhere.
;  - sysret and the plain iretq are reached only with a canonical rip and the hypervisor's own
;    selectors, so they do not fault; anything else takes .careful, whose iretq is in the exception table.
default rel

%include "asm_offsets.inc"
%include "extable.inc"

extern boot_stack, hypercall_slot, pv_trap, pv_bounce, pv_deliver_events, pv_iret_failed
extern trace_groups, pv_trace_exit


%define THIS_CPU(field) boot_stack + PCPU_ %+ field
%define TRAP_BYTES (REGS_SIZE - REGS_vector)   ; what a trap's stub has pushed

section .text

%macro STORE_GENERAL 0
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
%endmacro

%macro LOAD_GENERAL 0
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
%endmacro

; rbx = vcpu, rbp = its struct virt_vcpu, r12 = TSC, on the processor's stack.
%macro ARRIVE 0
    mov rbx, rsp
    mov rsp, [THIS_CPU(saved_rsp)]
    mov rbp, [rbx + VCPU_virt]
    cld
    rdtsc
    mov r12, rdx
    shl r12, 32
    or r12, rax
%endmacro

; void pv_enter(struct regs *regs): runs the guest until somebody wants the run loop.
global pv_enter
pv_enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    sub rsp, 8                                 ; 16-byte aligned for the handlers
    mov [THIS_CPU(saved_rsp)], rsp
    mov rbx, rdi
    jmp go_on

; Tour 54: a hypercall. The handler wants to map the page, and its page table is mapped read-only;
; so it asks. `syscall` from the kernel is a hypercall: rax is an index into a table that the linker
; collected from the HYPERCALL lines beside each handler. `syscall` from user mode is the guest's
; own affair and is bounced to its kernel. No stack comes with `syscall`: see how one is found.

; `syscall` in the guest: a hypercall of its kernel's, or a system call of a user program's.
align 16
global pv_syscall_entry
pv_syscall_entry:
    mov [THIS_CPU(guest_rsp)], rsp
    mov rsp, [THIS_CPU(rsp0)]
    push SEL_GUEST_DS
    push qword [THIS_CPU(guest_rsp)]
    push r11
    push SEL_GUEST_CS64
    push rcx
    push 0
    push VECTOR_SYSCALL
    STORE_GENERAL
    ARRIVE
    cmp byte [rbp + VIRT_kernel_mode], 0
    je .user
    mov rax, [rbx + REGS_rax]
    mov rdx, [rbx + REGS_rdx]
    mov rcx, r10
    lea r13, [hypercall_slot]
    cmp rax, HYPERCALLS
    jae .unknown
    shl eax, 4
    add r13, rax
.call:
    mov r14, [r13 + 8]                         ; its ledger cell
    add r14, [rbx + VCPU_domain]
    call [r13]
    mov [rbx + REGS_rax], rax
    jmp done
.unknown:
    add r13, HYPERCALL_UNKNOWN * 16
    jmp .call
.user:
    lea rsi, [rbp + VIRT_syscall]
system_call:
    mov rdi, rbx
    call pv_bounce
    and dword [rbx + REGS_rflags], ~RFLAGS_DF  ; the mask that a processor would have
    mov eax, LC_EXIT_SYSCALL
    jmp charge

; `syscall` in 32-bit code, on processors that have it there (AMD's).
align 16
global pv_syscall32_entry
pv_syscall32_entry:
    mov [THIS_CPU(guest_rsp)], rsp
    mov rsp, [THIS_CPU(rsp0)]
    push SEL_GUEST_DS
    push qword [THIS_CPU(guest_rsp)]
    push r11
    push SEL_GUEST_CS32
    push rcx
    push 0
    push 0
    STORE_GENERAL
    ARRIVE
    lea rsi, [rbp + VIRT_syscall32]
    jmp system_call

; `sysenter`, which keeps neither rip nor rsp, and of the flags clears only IF. NT would make `iretq`
; fault. With TF, each instruction as far as popfq is a #DB of ring 0's, after which it just goes on.
align 16
global pv_sysenter_entry
pv_sysenter_entry:
    mov rsp, [THIS_CPU(rsp0)]
    push SEL_GUEST_DS
    push 0
    pushfq
    push RFLAGS_FIXED
    popfq
    or qword [rsp], RFLAGS_IF
    push SELECTOR_RPL
    push 0
    push 0
    push 0
    STORE_GENERAL
    ARRIVE
    lea rsi, [rbp + VIRT_sysenter]
    mov rdi, rbx
    call pv_bounce
    mov eax, LC_EXIT_SYSCALL
    jmp charge

; Exceptions and interrupts, from boot/traps.asm: vector and error code are pushed.
align 16
global trap_from_guest
trap_from_guest:
    STORE_GENERAL
    ARRIVE
    mov rdi, rbx
    call pv_trap
charge:                                        ; eax = the ledger counter
    shl eax, 4
    mov r14, [rbx + VCPU_domain]
    lea r14, [r14 + rax + DOMAIN_cells]
done:
    cmp dword [rbx + VCPU_kicked], 0
    jne leave_guest
    mov rax, [rbp + VIRT_info]
    cmp word [rax], 1                          ; evtchn_upcall_pending, not evtchn_upcall_mask
    je .event
.counted:
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, r12
    add [r14 + 8], rax
    inc qword [r14]
    cmp dword [trace_groups], 0
    jne .traced
; Tour 51: into ring 3. The way back to the guest, after everything. Two instructions can do it:
; `sysret`, which is quick and has a trap (on Intel, a return address that is not canonical faults
; in ring 0, on the guest's stack), and `iretq`. So the address is checked first, and whatever is
; unusual takes `careful`, whose iretq may fault and is in the exception table.
go_on:                                         ; rbx = vcpu
    mov rax, [rbx + REGS_rip]
    sar rax, 47
    inc rax
    cmp rax, 1
    ja not_canonical
    cmp qword [rbx + REGS_cs], SEL_GUEST_CS64
    jne careful
    cmp qword [rbx + REGS_ss], SEL_GUEST_DS
    jne careful
    cmp dword [rbx + REGS_vector], VECTOR_SYSCALL
    mov rsp, rbx
    je .sysret
    LOAD_GENERAL
    add rsp, 16
    iretq
.sysret:
    LOAD_GENERAL
    mov rcx, [rsp + REGS_rip - REGS_vector]
    mov r11, [rsp + REGS_rflags - REGS_vector]
    mov rsp, [rsp + REGS_rsp - REGS_vector]
    o64 sysret
done.traced:
    mov rdi, rbx
    mov rsi, r14
    mov rdx, r12
    mov rcx, rax
    call pv_trace_exit
    jmp go_on
done.event:
    mov rdi, rbx
    call pv_deliver_events
    cmp dword [rbx + VCPU_kicked], 0
    je done.counted

; The run loop is wanted: pv_enter returns.
leave_guest:
    mov [rbp + VIRT_entry_tsc], r12
    mov [rbp + VIRT_exit_cell], r14
    mov rsp, [THIS_CPU(saved_rsp)]
    add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; An iretq that may fault: from a copy of the frame, so that the vcpu's stays whole.
careful:
    mov rsp, [THIS_CPU(saved_rsp)]
    push qword [rbx + REGS_ss]
    push qword [rbx + REGS_rsp]
    push qword [rbx + REGS_rflags]
    push qword [rbx + REGS_cs]
    push qword [rbx + REGS_rip]
    mov r15, [rbx + REGS_r15]
    mov r14, [rbx + REGS_r14]
    mov r13, [rbx + REGS_r13]
    mov r12, [rbx + REGS_r12]
    mov rbp, [rbx + REGS_rbp]
    mov r11, [rbx + REGS_r11]
    mov r10, [rbx + REGS_r10]
    mov r9, [rbx + REGS_r9]
    mov r8, [rbx + REGS_r8]
    mov rax, [rbx + REGS_rax]
    mov rcx, [rbx + REGS_rcx]
    mov rdx, [rbx + REGS_rdx]
    mov rsi, [rbx + REGS_rsi]
    mov rdi, [rbx + REGS_rdi]
    mov rbx, [rbx + REGS_rbx]
.iret:
    iretq
.failed:
    mov rsi, rax                               ; what the fault was
    mov rbx, [THIS_CPU(rsp0)]
    sub rbx, REGS_SIZE
    jmp iret_failed
not_canonical:                                 ; not every emulator's iretq looks at that
    xor esi, esi
iret_failed:
    mov rsp, [THIS_CPU(saved_rsp)]
    mov rbp, [rbx + VCPU_virt]
    rdtsc
    mov r12, rdx
    shl r12, 32
    or r12, rax
    mov rdi, rbx
    call pv_iret_failed
    jmp charge
    EXTABLE careful.iret, careful.failed

; A trap that came on a stack of its own: its frame goes where the others are.
global trap_from_guest_ist
trap_from_guest_ist:
    push rax
    push rbx
    mov rbx, [THIS_CPU(rsp0)]
%assign at 0
%rep TRAP_BYTES / 8
    mov rax, [rsp + 16 + at]
    mov [rbx - TRAP_BYTES + at], rax
  %assign at at + 8
%endrep
    pop rbx
    pop rax
    mov rsp, [THIS_CPU(rsp0)]
    lea rsp, [rsp - TRAP_BYTES]
    jmp trap_from_guest
