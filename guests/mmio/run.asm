; Runs a piece of code on a state of its own: all registers but RSP, the arithmetic flags, XMM0 and
; XMM1, or YMM0 and YMM1 (struct state of mmio.h).

global run_code, has_avx

S_RAX           equ     0
S_RCX           equ     8
S_RDX           equ     16
S_RBX           equ     24
S_RBP           equ     40
S_RSI           equ     48
S_RDI           equ     56
S_R8            equ     64
S_FLAGS         equ     128
S_VECTOR        equ     136
S_CODE          equ     200

section .text

; load_vectors, store_vectors: with RDI = the state. Changes no flag that is not saved by then.
%macro load_vectors 0
        cmp     byte [rel has_avx], 0
        je      %%sse
        vmovups ymm0, [rdi + S_VECTOR]
        vmovups ymm1, [rdi + S_VECTOR + 32]
        jmp     %%done
%%sse:  movups  xmm0, [rdi + S_VECTOR]
        movups  xmm1, [rdi + S_VECTOR + 32]
%%done:
%endmacro
%macro store_vectors 0
        cmp     byte [rel has_avx], 0
        je      %%sse
        vmovups [rdi + S_VECTOR], ymm0
        vmovups [rdi + S_VECTOR + 32], ymm1
        jmp     %%done
%%sse:  movups  [rdi + S_VECTOR], xmm0
        movups  [rdi + S_VECTOR + 32], xmm1
%%done:
%endmacro

; void run_code(struct state *s)
run_code:
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        mov     [rel current], rdi
        load_vectors
        mov     rax, [rdi + S_RAX]
        mov     rcx, [rdi + S_RCX]
        mov     rdx, [rdi + S_RDX]
        mov     rbx, [rdi + S_RBX]
        mov     rbp, [rdi + S_RBP]
        mov     rsi, [rdi + S_RSI]
%assign i 8
%rep 8
        mov     r %+ i, [rdi + S_R8 + (i - 8) * 8]
%assign i i + 1
%endrep
        push    qword [rdi + S_FLAGS]
        mov     rdi, [rdi + S_RDI]
        popfq
        push    rdi
        mov     rdi, [rel current]
        mov     rdi, [rdi + S_CODE]
        mov     [rel target], rdi
        pop     rdi
        call    [rel target]
        pushfq
        push    rdi
        mov     rdi, [rel current]
        mov     [rdi + S_RAX], rax
        pop     qword [rdi + S_RDI]
        pop     qword [rdi + S_FLAGS]
        mov     [rdi + S_RCX], rcx
        mov     [rdi + S_RDX], rdx
        mov     [rdi + S_RBX], rbx
        mov     [rdi + S_RBP], rbp
        mov     [rdi + S_RSI], rsi
%assign i 8
%rep 8
        mov     [rdi + S_R8 + (i - 8) * 8], r %+ i
%assign i i + 1
%endrep
        store_vectors
        cld
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

section .bss
current:        resq    1
target:         resq    1
has_avx:        resb    1
