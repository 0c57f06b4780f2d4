; Runs code that nobody wrote, in ring 0, and comes back whatever it did: each vector has a stack of
; its own (IST) and leads to one place, which returns from chaos_run. What interrupts the guest
; while no code runs is ignored if it is an interrupt, and the guest's end if it is an exception.
default rel
global chaos_run, chaos_tables, chaos_tr, chaos_triple_fault

VECTORS      equ 256
NMI          equ 2
EXCEPTIONS   equ 32
KERNEL_CS    equ 0x08
KERNEL_SS    equ 0x10
TSS_SELECTOR equ 0x30
START_RFLAGS equ 16 * 8
START_RIP    equ 17 * 8
GATE_BYTES   equ 16
ISTS         equ 36                        ; the TSS's first IST
TSS_BYTES    equ 104

section .text
; unsigned chaos_run(const struct start *): rdi
chaos_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [saved_rsp], rsp
    mov rax, cr3
    mov [saved_cr3], rax
    mov byte [running], 1
    push qword [rdi + START_RIP]
    pop qword [target]
    push qword [rdi + START_RFLAGS]
    popfq
    mov rax, [rdi]
    mov rcx, [rdi + 1 * 8]
    mov rdx, [rdi + 2 * 8]
    mov rbx, [rdi + 3 * 8]
    mov rbp, [rdi + 5 * 8]
    mov rsi, [rdi + 6 * 8]
    mov r8, [rdi + 8 * 8]
    mov r9, [rdi + 9 * 8]
    mov r10, [rdi + 10 * 8]
    mov r11, [rdi + 11 * 8]
    mov r12, [rdi + 12 * 8]
    mov r13, [rdi + 13 * 8]
    mov r14, [rdi + 14 * 8]
    mov r15, [rdi + 15 * 8]
    mov rsp, [rdi + 4 * 8]
    mov rdi, [rdi + 7 * 8]
    jmp [target]

%assign v 0
%rep VECTORS
stub_%+v:
    push rax
    mov eax, v
    jmp strict near take_back
%assign v v+1
%endrep

; eax: the vector; on the stack: rax, perhaps an error code, the frame.
take_back:
    cmp byte [running], 0
    je outside
    mov byte [running], 0
    mov [caught], eax
    mov rax, [saved_cr3]
    mov cr3, rax
    mov rsp, [saved_rsp]
    mov rax, rsp
    push KERNEL_SS
    push rax
    push 2                                 ; RFLAGS: nothing set
    push KERNEL_CS
    lea rax, [.back]
    push rax
    iretq                                  ; NMIs are possible again
.back:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    mov eax, [caught]
    cld
    ret

outside:
    cmp eax, NMI
    je .ignore
    cmp eax, EXCEPTIONS
    jb chaos_triple_fault
.ignore:
    pop rax
    iretq

chaos_triple_fault:
    lidt [no_idt]
    int3

chaos_tables:
    lgdt [gdtr]
    lidt [idtr]
    mov eax, KERNEL_SS
    mov ds, eax
    mov es, eax
    mov ss, eax
    ret

; Fills the TSS's descriptor and the IDT, and loads TR.
chaos_tr:
    lea rax, [tss]
    mov word [tss_descriptor], TSS_BYTES - 1
    mov [tss_descriptor + 2], ax
    shr rax, 16
    mov [tss_descriptor + 4], al
    mov byte [tss_descriptor + 5], 0x89    ; present, available 64-bit TSS
    mov [tss_descriptor + 7], ah
    lea rax, [stack_end]
    mov [tss + ISTS], rax
    lea rax, [nmi_stack_end]
    mov [tss + ISTS + 8], rax
    lea rdi, [idt]
    lea rsi, [stub_0]
    xor ecx, ecx
.gate:
    mov rax, rsi
    mov [rdi], ax
    mov word [rdi + 2], KERNEL_CS
    mov word [rdi + 4], 0x8e01             ; present interrupt gate, IST 1
    shr rax, 16
    mov [rdi + 6], ax
    shr rax, 16
    mov [rdi + 8], eax
    add rdi, GATE_BYTES
    add rsi, stub_1 - stub_0
    inc ecx
    cmp ecx, VECTORS
    jb .gate
    mov byte [idt + NMI * GATE_BYTES + 4], 2
    lgdt [gdtr]
    mov eax, TSS_SELECTOR
    ltr ax
    ret

section .rodata
gdtr:
    dw gdt_end - gdt - 1
    dq gdt
idtr:
    dw VECTORS * GATE_BYTES - 1
    dq idt
no_idt:
    dw 0
    dq 0

section .data
align 8
gdt:
    dq 0
    dq 0x00af9b000000ffff                  ; 0x08: 64-bit code
    dq 0x00cf93000000ffff                  ; 0x10: data
    dq 0x00cf9b000000ffff                  ; 0x18: 32-bit code
    dq 0x00cff3000000ffff                  ; 0x20: data, ring 3
    dq 0x00affb000000ffff                  ; 0x28: 64-bit code, ring 3
tss_descriptor:                            ; 0x30
    dq 0, 0
    dq 0x00009b000000ffff                  ; 0x40: 16-bit code
gdt_end:

section .bss
alignb 16
idt: resb VECTORS * GATE_BYTES
tss: resb TSS_BYTES
alignb 16
    resb 4096
stack_end:
    resb 4096
nmi_stack_end:
saved_rsp: resq 1
saved_cr3: resq 1
target: resq 1
caught: resd 1
running: resb 1
