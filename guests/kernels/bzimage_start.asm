; The protected-mode part's first instructions: clears its own .bss, as Linux's does.
bits 32
extern bzimage_main, kernel_file_end, kernel_end
global bzimage_entry

section .header progbits alloc exec
bzimage_entry:
    mov edx, edi
    or edx, ebp
    or edx, ebx                         ; all three are zero at the entry
    mov edi, kernel_file_end
    mov ecx, kernel_end
    sub ecx, edi
    xor eax, eax
    rep stosb
    mov esp, stack_end
    push edx
    push esi
    call bzimage_main

section .stack nobits alloc write
align 16
    resb 16384
stack_end:
