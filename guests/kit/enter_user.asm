; In and out of user mode: enter_user keeps the kernel's place, leave_user comes back to it.
default rel
global enter_user, leave_user

section .text
; u64 enter_user(struct trap_frame *frame, void (*resume)(struct trap_frame *))
; Resumes the frame; returns what leave_user is given.
enter_user:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [kernel_place], rsp
    jmp rsi

; void leave_user(u64 value): from a handler, back to where enter_user was called.
leave_user:
    mov rax, rdi
    mov rsp, [kernel_place]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .bss
align 8
kernel_place: resq 1
