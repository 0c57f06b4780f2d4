; probe_iret(rdi = struct iret_context *): the iret hypercall, which takes its context from the stack
; (xen/arch-x86/xen-x86_64.h), of which the hypercall page's stub pushes the first three words.
; probe_failsafe: the callback for a context that cannot be resumed.
default rel
global probe_iret, probe_failsafe, probe_failsafe_seen
extern hypercall_page, probe_stack, probe_recover

HYPERVISOR_IRET   equ 23                   ; xen/xen.h
HYPERCALL_BYTES   equ 32
CONTEXT_WORDS     equ 9
STUB_WORDS        equ 3

section .text
probe_iret:
    mov ecx, CONTEXT_WORDS - 1
.push:
    push qword [rdi + rcx * 8]
    dec ecx
    cmp ecx, STUB_WORDS
    jae .push
    jmp hypercall_page + HYPERVISOR_IRET * HYPERCALL_BYTES

probe_failsafe:
    mov byte [probe_failsafe_seen], 1
    mov rsp, [probe_stack]
    xor eax, eax
    jmp probe_recover

section .bss
probe_failsafe_seen: resb 1
