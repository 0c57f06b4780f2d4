; What reaches the hypervisor or the interrupt controllers, between two readings of the TSC, as
; kit/probe_traps.asm has it for exceptions: each function returns the ticks until the handler read
; the TSC and leaves those until it was back in probe_round.
default rel
global probe_vmlaunch, probe_self_ipi, handle_self_ipi
extern probe_ticks, probe_resume, probe_round

X2APIC_EOI  equ 0x80b
X2APIC_SELF equ 0x83f

; rax = TSC; rdx is lost.
%macro READ_TSC 0
    rdtsc
    shl rdx, 32
    or rax, rdx
%endmacro

; The ticks from rsi to probe_ticks and to now.
%macro TAKE_TICKS 0
    READ_TSC
    sub rax, rsi
    mov [probe_round], rax
    mov rax, [probe_ticks]
    sub rax, rsi
%endmacro

section .text
; An instruction that exits under a hypervisor, and is #UD in any case.
probe_vmlaunch:
    lea rax, [.resume]
    mov [probe_resume], rax
    READ_TSC
    mov rsi, rax
    vmlaunch
.resume:
    TAKE_TICKS
    ret

; The vector in edi to itself (x2APIC). Interrupts are on during the one instruction behind WRMSR.
probe_self_ipi:
    mov ecx, X2APIC_SELF
    xor edx, edx
    sti
    READ_TSC
    mov rsi, rax
    mov eax, edi
    xor edx, edx
    wrmsr
    nop
    cli
    TAKE_TICKS
    ret

; The interrupt's handler: takes the time, ends the interrupt, keeps every register.
handle_self_ipi:
    push rax
    push rcx
    push rdx
    READ_TSC
    mov [probe_ticks], rax
    mov ecx, X2APIC_EOI
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq
