; Accesses that may fault. The fault's handler returns to their callers for them (execute.c), so none
; of them has anything on the stack where it faults.

global try_read, try_write, try_copy, try_push

section .text

; u64 try_read(address)
try_read:
        mov     rax, [rdi]
        ret

; u64 try_write(address, value): returns 0
try_write:
        mov     [rdi], rsi
        xor     eax, eax
        ret

; u64 try_copy(to, from): one dword by MOVS; returns 0
try_copy:
        movsd
        xor     eax, eax
        ret

; u64 try_push(address, to): pushes the quadword there and stores it at to; returns 0
try_push:
        push    qword [rdi]
        pop     qword [rsi]
        xor     eax, eax
        ret
