; One access that may fault: see access.h. Whatever happens, the next thing is `back`, on the stack as
; it was.
default rel
%include "abi.inc"

global access_make, access_user, access_on_fault, access_on_interrupt, access_cr2

KIND_WRITE equ 1                           ; rules.h
KIND_FETCH equ 2
KIND_USER  equ 4
KIND_AC    equ 8
RFLAGS_AC  equ 0x40000
RFLAGS_1   equ 2

section .text
; s32 access_make(uintptr_t address, unsigned kind, uintptr_t user_code)
access_make:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    mov [saved_rsp], rsp
    test esi, KIND_USER
    jnz .user
    test esi, KIND_FETCH
    jnz .fetch
    test esi, KIND_AC
    jz .data
    pushfq
    or dword [rsp], RFLAGS_AC
    popfq
.data:
    test esi, KIND_WRITE
    jnz .write
    mov al, [rdi]
    jmp access_on_interrupt
.write:
    mov [rdi], al
    jmp access_on_interrupt
.fetch:
    call rdi
    jmp access_on_interrupt
.user:
    push USER_SS
    push 0                                 ; no stack
    push RFLAGS_1
    push USER_CS
    push rdx
    iretq

access_on_interrupt:
    mov rax, -1
    jmp back
access_on_fault:
    mov rax, [rsp]
    mov rcx, cr2
    mov [access_cr2], rcx
back:
    mov rsp, [saved_rsp]
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .user.text progbits alloc exec nowrite align=16
access_user:
    test esi, KIND_FETCH
    jnz .fetch
    test esi, KIND_WRITE
    jnz .write
    mov al, [rdi]
    int 0x80
.write:
    mov [rdi], al
    int 0x80
.fetch:
    jmp rdi

section .bss
align 8
saved_rsp: resq 1
access_cr2: resq 1
