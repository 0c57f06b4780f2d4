; Tour 25: the door.
;
; vmx_resume, vmx_launch: rdi = struct regs *
;
; Loads the guest's general registers, enters it, and comes back at vmx_exit_point when it exits.
; Only rbp and the pointer to regs wait on the stack, whose pointer is the VMCS's host RSP: the
; caller (vmx_resume_guest in vmx_insn.h) says that all other registers are changed, so that what it
; has in them is saved once, by the compiler. Leaves the exit reason in rsi, or VMX_ENTRY_FAILED alone if
; VMLAUNCH or VMRESUME itself failed.
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

%macro enter 1
    push rbp
    push rdi
    mov eax, VMCS_HOST_RSP
    vmwrite rax, rsp
    load_guest MOST
    mov rdi, [rdi + REGS_rdi]
    %1                                  ; comes back below, or here if it fails
    pop rdi
    pop rbp
    mov esi, 1 << VMX_ENTRY_FAILED_BIT
    ret
%endmacro

section .text
global vmx_resume, vmx_launch, vmx_exit_point
vmx_resume:
    enter vmresume
vmx_launch:
    enter vmlaunch

align 16
vmx_exit_point:
    push rdi                            ; the guest's
    mov rdi, [rsp + 8]                  ; regs
    save_guest MOST
    pop qword [rdi + REGS_rdi]
    pop rdi
    pop rbp
    mov eax, VMCS_EXIT_REASON
    vmread rsi, rax
    ret
