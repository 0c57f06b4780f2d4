; 32-bit user code, and the callbacks that its system calls come to.
;
; The code lies in the guest's image, below 4 GiB, where a user table shows it that has the kernel's
; slot 0 as well. A callback keeps what the hypervisor has pushed in compat_seen and goes back to where
; the program was begun (enter_user), with its own number.
default rel
global compat_syscall, compat_syscall_next, compat_sysenter, compat_load_ldt, compat_loaded
global callback_syscall32, callback_sysenter, callback_failsafe, compat_seen, compat_nmi, compat_nmis
extern leave_user

SEEN_WORDS equ 11

section .text
bits 32
compat_syscall:
    syscall
compat_syscall_next:
    ud2
compat_sysenter:
    sysenter
    ud2
compat_load_ldt:                           ; edx: a selector
    mov ds, edx
compat_loaded:
    ud2

bits 64
%macro CALLBACK 1
  %assign i 0
  %rep SEEN_WORDS
    mov rax, [rsp + i * 8]
    mov [compat_seen + i * 8], rax
    %assign i i + 1
  %endrep
    mov edi, %1
    jmp leave_user
%endmacro

callback_syscall32:
    CALLBACK 1
callback_sysenter:
    CALLBACK 2
callback_failsafe:
    CALLBACK 3

compat_nmi:                                ; vector 2: rcx and r11 first, no error code
    inc dword [compat_nmis]
    pop rcx
    pop r11
    push 0
    push rcx
    push r11
    push rax
    mov eax, 23                            ; __HYPERVISOR_iret
    syscall

section .bss
alignb 8
compat_seen: resq SEEN_WORDS
compat_nmis: resd 1
