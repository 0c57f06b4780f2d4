; Entry stubs where the processor itself delivers traps: native, full, xen-pvh. Each pushes what the
; frame of trap.h has above its registers, and goes on to one common path.
default rel
%include "abi.inc"
%include "trap_frame.inc"

extern trap_dispatch
global machine_resume, machine_stubs, machine_syscall_stub, machine_kernel_stack

CANONICAL_USER_BITS equ 47

section .text
%assign v 0
%rep TRAP_VECTOR_COUNT
stub_%+v:
    %if !HAS_ERROR_CODE(v)
    push 0
    %endif
    push rcx
    push r11
    push rax
    push v
    jmp to_dispatch
%assign v v+1
%endrep

machine_syscall_stub:
    cmp eax, PROBE_CALL
    je .probe
    mov [user_stack], rsp
    mov rsp, [machine_kernel_stack]
    push USER_SS
    push qword [user_stack]
    push r11                               ; SYSCALL: rflags
    push USER_CS
    push rcx                               ; SYSCALL: rip
    push 0
    push rcx
    push r11
    push rax
    push SYSCALL_VECTOR
    jmp to_dispatch
.probe:                                    ; rax = TSC; rdx is lost
    rdtsc
    shl rdx, 32
    or rax, rdx
    o64 sysret

to_dispatch:
    SAVE_REGISTERS
    cld
    mov rdi, rsp
    call trap_dispatch
    mov rdi, rax

; void machine_resume(struct trap_frame *)
machine_resume:
    mov rsp, rdi
    RESTORE_REGISTERS
    cmp qword [rsp], SYSCALL_VECTOR
    je .sysret
.iret:
    add rsp, 8
    pop rax
    pop r11
    pop rcx
    add rsp, 8
    iretq
.sysret:                                   ; on Intel it faults in ring 0, on the program's stack, if
    mov rax, [rsp + FRAME_RIP - FRAME_VECTOR] ; the address is not canonical: IRETQ faults on ours
    shr rax, CANONICAL_USER_BITS
    jnz .iret
    mov rax, [rsp + FRAME_RAX - FRAME_VECTOR]
    mov rcx, [rsp + FRAME_RIP - FRAME_VECTOR]
    mov r11, [rsp + FRAME_RFLAGS - FRAME_VECTOR]
    mov rsp, [rsp + FRAME_RSP - FRAME_VECTOR]
    o64 sysret

section .rodata
align 8
machine_stubs:
%assign v 0
%rep TRAP_VECTOR_COUNT
    dq stub_%+v
%assign v v+1
%endrep

section .bss
align 8
machine_kernel_stack: resq 1               ; where a system call's frame begins
user_stack: resq 1
