; Traps whose frames are looked at: see judge.h.
default rel
global capture, capture_handler, capture_rsp, capture_flags, capture_ss, capture_frame, capture_int3_end, capture_read

FRAME_WORDS equ 10
NO_FLAGS    equ 2

section .text
; void capture(u64 stack, u64 flags, u64 fault_at)
capture:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [saved_rsp], rsp
    test rdx, rdx
    jnz capture_fault
    mov rcx, 0xc0c0c0c
    mov r11, 0x1111111
    push rsi
    popfq
    mov rsp, rdi
    int3
capture_int3_end:
    ud2
capture_fault:
    mov rcx, 0xc0c0c0c
    mov r11, 0x1111111
    push rsi
    popfq
    mov rsp, rdi
capture_read:
    mov al, [rdx]
    ud2

capture_handler:
    mov [capture_rsp], rsp
    pushfq
    pop qword [capture_flags]
    mov [capture_ss], ss
    mov rsi, [capture_rsp]
    lea rdi, [capture_frame]
    mov ecx, esi                               ; no further than the page's end
    neg ecx
    and ecx, 4095
    shr ecx, 3
    mov eax, FRAME_WORDS
    cmp ecx, eax
    cmova ecx, eax
    cld
    rep movsq
    mov rsp, [saved_rsp]
    push NO_FLAGS
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .bss
align 8
saved_rsp:     resq 1
capture_rsp:   resq 1
capture_flags: resq 1
capture_ss:    resq 1
capture_frame: resq FRAME_WORDS
