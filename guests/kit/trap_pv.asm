; Entry stubs under PV. The hypervisor pushes rcx, r11 and, where the processor has one, the error
; code on top of what IRETQ takes (xen/arch-x86/xen-x86_64.h). Returning is the iret hypercall, from
; kernel mode too: it takes rax, r11, rcx, flags and IRETQ's five words from the stack.
default rel
%include "abi.inc"
%include "trap_frame.inc"

extern trap_dispatch, hypercall_page
global pv_resume, pv_stubs, pv_syscall_stub, pv_upcall_stub, pv_failsafe_stub

HYPERCALL_BYTES equ 32

; The frame from the hypervisor's: %1 vector, %2 whether there is an error code.
%macro ENTRY 2
    pop rcx
    pop r11
    %if !%2
    push 0
    %endif
    push rcx
    push r11
    push rax
    push %1
    jmp to_dispatch
%endmacro

section .text
%assign v 0
%rep TRAP_VECTOR_COUNT
stub_%+v:
    ENTRY v, HAS_ERROR_CODE(v)
%assign v v+1
%endrep

pv_syscall_stub:
    cmp eax, PROBE_CALL
    je .probe
    ENTRY SYSCALL_VECTOR, 0
.probe:                                    ; rax = TSC; rdx is lost
    rdtsc
    shl rdx, 32
    or rax, rdx
    pop rcx
    pop r11
    push IN_SYSCALL
    push rcx
    push r11
    push rax
    mov eax, HYPERVISOR_IRET
    syscall

pv_upcall_stub:
    ENTRY UPCALL_VECTOR, 0

pv_failsafe_stub:                          ; IRETQ's words could not be loaded: the guest's own bug
    ud2

to_dispatch:
    SAVE_REGISTERS
    cld
    mov rdi, rsp
    call trap_dispatch
    mov rdi, rax

; void pv_resume(struct trap_frame *)
pv_resume:
    mov rsp, rdi
    xor eax, eax
    cmp qword [rsp + FRAME_VECTOR], SYSCALL_VECTOR
    jne .flags
    mov eax, IN_SYSCALL
.flags:
    mov [rsp + FRAME_ERROR], rax
    RESTORE_REGISTERS
    add rsp, 8
    mov eax, HYPERVISOR_IRET
    syscall

section .rodata
align 8
pv_stubs:
%assign v 0
%rep TRAP_VECTOR_COUNT
    dq stub_%+v
%assign v v+1
%endrep
