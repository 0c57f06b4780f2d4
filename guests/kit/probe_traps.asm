; Instructions that trap, between two readings of the TSC. Each function takes the address to touch
; in rdi, returns the ticks until the handler read the TSC, and leaves those until it was back in
; probe_round. The handler is one of probe_native.asm or probe_pv.asm.
default rel
global probe_ticks, probe_resume, probe_round
global probe_nothing, probe_read, probe_write, probe_breakpoint, probe_divide, probe_undefined

; rax = TSC; rdx is lost.
%macro READ_TSC 0
    rdtsc
    shl rdx, 32
    or rax, rdx
%endmacro

; %1 name, then the instruction. It must leave rsi alone.
%macro PROBE 1+
    lea rax, [%%resume]
    mov [probe_resume], rax
    xor ecx, ecx
    READ_TSC
    mov rsi, rax
    %1
%%resume:
    READ_TSC
    sub rax, rsi
    mov [probe_round], rax
    mov rax, [probe_ticks]
    sub rax, rsi
    ret
%endmacro

section .text
; Tour 20: one instruction. The rest of the tour follows this one: `mov al, [rdi]`, where rdi is the
; address of a page that is not mapped, executed by the guest `fault` (guests/fault/main.c). On a
; bare machine the processor pushes a frame and jumps to the guest's handler; that is all. In the
; three modes the same instruction has the same result, and three very different histories.
probe_read:
    PROBE mov al, [rdi]
probe_write:
    PROBE mov [rdi], al
probe_breakpoint:
    PROBE int3
probe_divide:
    PROBE div ecx
probe_undefined:
    PROBE ud2
probe_nothing:                             ; the harness alone: from TSC to TSC
    READ_TSC
    mov rsi, rax
    READ_TSC
    sub rax, rsi
    ret

section .bss
align 8
probe_ticks: resq 1                        ; the TSC in the handler
probe_resume: resq 1                       ; where the handler goes back to
probe_round: resq 1
