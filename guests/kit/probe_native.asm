; Handlers that only read the TSC, for measuring the way to a handler and back; native form. They
; spoil rax and rdx, which the code that traps (probe_traps.asm, user programs) expects.
default rel
extern probe_ticks, probe_resume
global probe_native_plain, probe_native_error, probe_native_call

section .text
probe_native_error:                        ; an exception with an error code
    rdtsc
    add rsp, 8
    jmp store
probe_native_plain:                        ; one without
    rdtsc
store:
    shl rdx, 32
    or rax, rdx
    mov [probe_ticks], rax
    mov rax, [probe_resume]
    mov [rsp], rax
    iretq

probe_native_call:                         ; INT from user mode: rax = TSC
    rdtsc
    shl rdx, 32
    or rax, rdx
    iretq
