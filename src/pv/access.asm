; The guest's memory a word at a time, through its tables, faults recovered. The caller has checked
; that the address is none of the hypervisor's slots.
default rel
%include "extable.inc"

section .text
; u64 pv_put_word(u64 gva, u64 value): 0, or what the fault was
align 16
global pv_put_word
pv_put_word:
.op: mov [rdi], rsi
    xor eax, eax
.out: ret
    EXTABLE .op, .out

; u64 pv_get_half(void *to, u64 gva): four bytes
align 16
global pv_get_half
pv_get_half:
.load: mov eax, [rsi]
    mov [rdi], eax
    xor eax, eax
.fault: ret
    EXTABLE .load, .fault

; u64 pv_get_words(void *to, u64 gva, u64 words): 0, or what the fault was
align 16
global pv_get_words
pv_get_words:
    mov ecx, edx
.copy: rep movsq
    xor eax, eax
.done: ret
    EXTABLE .copy, .done
