; bool vmx_enter(struct regs *regs, bool launched)
;
; Loads the guest's general registers, enters it, and comes back at vmx_exit_point when it exits.
; The callee-saved registers and the pointer to regs wait on the stack, whose pointer is the VMCS's
; host RSP. Returns true after an exit, false if VMLAUNCH or VMRESUME itself failed.
default rel
%include "asm_offsets.inc"

%macro load_guest 1-*                   ; each register from its slot
  %rep %0
    mov %1, [rdi + REGS_%1]
    %rotate 1
  %endrep
%endmacro
%macro save_guest 1-*
  %rep %0
    mov [rdi + REGS_%1], %1
    %rotate 1
  %endrep
%endmacro
%define MOST r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi

section .text
global vmx_enter, vmx_exit_point
vmx_enter:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov eax, VMCS_HOST_RSP
    vmwrite rax, rsp
    test sil, sil                       ; the moves below leave the flags alone
    load_guest MOST
    mov rdi, [rdi + REGS_rdi]
    jz .first
    vmresume
    jmp .failed
.first:
    vmlaunch
.failed:
    pop rdi
    xor eax, eax
    jmp vmx_exit_point.restore

align 16
vmx_exit_point:
    push rdi                            ; the guest's
    mov rdi, [rsp + 8]                  ; regs
    save_guest MOST
    pop qword [rdi + REGS_rdi]
    pop rdi
    mov eax, 1
.restore:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
