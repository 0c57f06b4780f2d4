; Handlers that only read the TSC, for measuring the way to a handler and back; PV form. They spoil
; rax and rdx, which the code that traps (probe_traps.asm, user programs) expects.
default rel
%include "abi.inc"
extern probe_ticks, probe_resume, pv_shared_page
global probe_pv_plain, probe_pv_error, probe_pv_call, probe_pv_upcall

; rcx and r11 are on top of the stack.
%macro RESUME 0
    pop rcx
    pop r11
    push 0
    push rcx
    push r11
    push rax
    mov eax, HYPERVISOR_IRET
    syscall
%endmacro

section .text
probe_pv_error:                            ; an exception with an error code: above rcx and r11
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov [probe_ticks], rax
    mov rax, [probe_resume]
    mov [rsp + 24], rax
    pop rcx
    pop r11
    mov qword [rsp], 0                     ; the error code's place: flags
    push rcx
    push r11
    push rax
    mov eax, HYPERVISOR_IRET
    syscall

probe_pv_plain:                            ; one without
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov [probe_ticks], rax
    mov rax, [probe_resume]
    mov [rsp + 16], rax
    RESUME

probe_pv_call:                             ; INT from user mode: rax = TSC
    rdtsc
    shl rdx, 32
    or rax, rdx
    RESUME

probe_pv_upcall:                           ; an event: every register is kept
    push rax
    push rdx
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov [probe_ticks], rax
    mov byte [pv_shared_page + UPCALL_PENDING], 0
    pop rdx
    pop rax
    RESUME
