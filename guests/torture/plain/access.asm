; One access that may fault, in 32-bit code: see access.h. And the descriptor tables that it needs.
bits 32
global access_make, access_user, access_on_fault, access_on_interrupt, access_cr2
global descriptors_load, trap_other
extern trap_unexpected

KIND_WRITE equ 1                           ; rules.h
KIND_FETCH equ 2
KIND_USER  equ 4
KIND_AC    equ 8
EFLAGS_AC  equ 0x40000
EFLAGS_1   equ 2
KERNEL_CS  equ 0x08                        ; gdt
KERNEL_SS  equ 0x10
USER_CS    equ 0x18 | 3
USER_DS    equ 0x20 | 3
TASK       equ 0x28
FIRST_ARGUMENT equ 20                      ; on the stack of access_make, behind what it saves

section .text
; void descriptors_load(void *idt, u32 bytes). DS and ES stay a user's, as the return to one would
; take the kernel's away.
descriptors_load:
    mov eax, [esp + 4]
    mov [idt_base], eax
    mov eax, [esp + 8]
    dec eax
    mov [idt_limit], ax
    mov eax, task
    mov [gdt_task + 2], ax
    shr eax, 16
    mov [gdt_task + 4], al
    mov [gdt_task + 7], ah
    lgdt [gdt_limit]
    lidt [idt_limit]
    jmp KERNEL_CS:.loaded
.loaded:
    mov ax, KERNEL_SS
    mov ss, ax
    mov ax, USER_DS
    mov ds, ax
    mov es, ax
    mov ax, TASK
    ltr ax
    ret

; s32 access_make(uintptr_t address, unsigned kind, uintptr_t user_code)
access_make:
    push ebx
    push ebp
    push esi
    push edi
    mov edi, [esp + FIRST_ARGUMENT]
    mov esi, [esp + FIRST_ARGUMENT + 4]
    mov edx, [esp + FIRST_ARGUMENT + 8]
    pushfd
    mov [saved_esp], esp
    mov [task_esp0], esp
    test esi, KIND_USER
    jnz .user
    test esi, KIND_FETCH
    jnz .fetch
    test esi, KIND_AC
    jz .data
    pushfd
    or dword [esp], EFLAGS_AC
    popfd
.data:
    test esi, KIND_WRITE
    jnz .write
    mov al, [edi]
    jmp access_on_interrupt
.write:
    mov [edi], al
    jmp access_on_interrupt
.fetch:
    call edi
    jmp access_on_interrupt
.user:
    push USER_DS
    push 0                                 ; no stack
    push EFLAGS_1
    push USER_CS
    push edx
    iretd

access_on_interrupt:
    mov eax, -1
    jmp back
access_on_fault:
    mov eax, [esp]
    mov ecx, cr2
    mov [access_cr2], ecx
back:
    mov esp, [saved_esp]
    popfd
    pop edi
    pop esi
    pop ebp
    pop ebx
    ret

trap_other:
    call trap_unexpected

; Position-independent: user mode sees it elsewhere.
access_user:
    test esi, KIND_FETCH
    jnz .fetch
    test esi, KIND_WRITE
    jnz .write
    mov al, [edi]
    int 0x80
.write:
    mov [edi], al
    int 0x80
.fetch:
    jmp edi

section .data
align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff                  ; KERNEL_CS
    dq 0x00cf93000000ffff                  ; KERNEL_SS
    dq 0x00cffb000000ffff                  ; USER_CS
    dq 0x00cff3000000ffff                  ; USER_DS
gdt_task:
    dq 0x0000890000000067                  ; TASK
gdt_end:
task:
    dd 0
task_esp0:
    dd 0, KERNEL_SS
    times 22 dd 0
    dw 0, 0x68                             ; no I/O bitmap
gdt_limit: dw gdt_end - gdt - 1
    dd gdt
idt_limit: dw 0
idt_base: dd 0
saved_esp: dd 0
access_cr2: dd 0
