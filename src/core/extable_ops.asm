; Instructions that may fault on a guest's account, as functions: see src/include/extable.h.
default rel
%include "extable.inc"

section .text

; u64 safe_rdmsr(u32 msr, u64 *value)
global safe_rdmsr
safe_rdmsr:
    mov ecx, edi
.op: rdmsr
    shl rdx, 32
    or rax, rdx
    mov [rsi], rax
    xor eax, eax
.out: ret
    EXTABLE .op, .out

; u64 safe_wrmsr(u32 msr, u64 value)
global safe_wrmsr
safe_wrmsr:
    mov ecx, edi
    mov eax, esi
    mov rdx, rsi
    shr rdx, 32
.op: wrmsr
    xor eax, eax
.out: ret
    EXTABLE .op, .out

; size_t safe_copy(void *to, const void *from, size_t len, u64 *error): bytes not copied
global safe_copy
safe_copy:
    mov r8, rcx
    mov rcx, rdx
    and edx, 7
    shr rcx, 3
.words: rep movsq
    mov ecx, edx
.bytes: rep movsb
    xor eax, eax
    ret
.words_fault:
    lea rcx, [rdx + rcx * 8]
.bytes_fault:
    dec rax
    mov [r8], rax
    mov rax, rcx
    ret
    EXTABLE .words, .words_fault
    EXTABLE .bytes, .bytes_fault

; u64 safe_cmpxchg(u64 *p, u64 *old, u64 new_value)
global safe_cmpxchg
safe_cmpxchg:
    mov rax, [rsi]
.op: lock cmpxchg [rdi], rdx
    mov [rsi], rax
    xor eax, eax
.out: ret
    EXTABLE .op, .out

%macro LOAD_SEGMENT 1
global safe_load_%1
safe_load_%1:
.op: mov %1, edi
    xor eax, eax
.out: ret
    EXTABLE .op, .out
%endmacro
LOAD_SEGMENT ds
LOAD_SEGMENT es
LOAD_SEGMENT fs
LOAD_SEGMENT gs
