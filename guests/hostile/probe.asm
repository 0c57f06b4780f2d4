; probe_call(code): calls code; a trap's handler may resume at probe_recover with the stack pointer
; in probe_stack, and the call returns from there, all callee-saved registers as they were.
default rel
global probe_call, probe_recover, probe_stack

section .text
probe_call:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    sub rsp, 8                             ; 16-byte aligned for the callee
    mov [probe_stack], rsp
    call rdi
probe_recover:
    add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .bss
align 8
probe_stack: resq 1
