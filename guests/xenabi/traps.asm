; Instructions that trap, and a handler for each vector that keeps what the hypervisor has pushed: the
; words on the stack in traps_seen, and the code segment that it runs under in traps_cs. It goes back to
; where the instruction was begun (enter_user), with its vector.
default rel
%include "abi.inc"
extern leave_user
global traps_seen, traps_cs, traps_stubs, traps_nmi, traps_nmi_depth, traps_nmi_deepest, traps_nmis

SEEN_WORDS equ 8
VCPU_OP equ 24                             ; __HYPERVISOR_vcpu_op
SEND_NMI equ 11                            ; VCPUOP_send_nmi

section .text
%assign v 0
%rep 256
stub_%+v:
    mov edi, v
    jmp keep
%assign v v+1
%endrep

keep:
    mov [traps_cs], cs
%assign i 0
%rep SEEN_WORDS
    mov rax, [rsp + i * 8]
    mov [traps_seen + i * 8], rax
  %assign i i + 1
%endrep
    jmp leave_user

%macro CODE 2+                             ; name, instruction
global insn_%1
insn_%1:
    %2
    ud2
%endmacro

CODE ud2, nop
CODE int21, int 0x21
CODE int13, int 13
CODE int14, int 14
CODE int3, int3
CODE int3_long, db 0xcd, 3
CODE int4, int 4
CODE int80, int 0x80
CODE icebp, db 0xf1
CODE hlt, hlt
CODE invlpg, invlpg [keep]
CODE invd, invd
CODE wbinvd, wbinvd
CODE clts, clts
CODE lmsw, lmsw ax
CODE swapgs, swapgs
CODE lldt, lldt ax
CODE cr8, mov rax, cr8
CODE in, in al, 0x61
CODE cli, cli
CODE read, mov rax, [rdx]
CODE write, mov [rdx], rax
CODE load_ds, mov ds, edx
CODE step, nop
CODE forced_rdtsc, db 0x0f, 0x0b, "xen", 0x0f, 0x31
CODE forced_cpuid, db 0x0f, 0x0b, "xen", 0x0f, 0xa2

; Vector 2: the first two times it sends another NMI from within the handler.
traps_nmi:
    inc dword [traps_nmis]
    mov eax, [traps_nmi_depth]
    inc eax
    mov [traps_nmi_depth], eax
    cmp eax, [traps_nmi_deepest]
    jbe .known
    mov [traps_nmi_deepest], eax
.known:
    cmp dword [traps_nmis], 3
    jae .done
    push rdi
    push rsi
    push rdx
    mov edi, SEND_NMI
    xor esi, esi
    xor edx, edx
    mov eax, VCPU_OP
    push rcx
    push r11
    syscall
    pop r11
    pop rcx
    pop rdx
    pop rsi
    pop rdi
.done:
    dec dword [traps_nmi_depth]
    pop rcx
    pop r11
    push 0
    push rcx
    push r11
    push rax
    mov eax, HYPERVISOR_IRET
    syscall

section .rodata
align 8
traps_stubs:
%assign v 0
%rep 256
    dq stub_%+v
%assign v v+1
%endrep

section .bss
alignb 8
traps_seen: resq SEEN_WORDS
traps_cs: resq 1
traps_nmis: resd 1
traps_nmi_depth: resd 1
traps_nmi_deepest: resd 1
