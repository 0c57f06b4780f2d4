; A Multiboot kernel's header and first instructions. FLAT: with the address fields, for a kernel
; that is no ELF.
bits 32
extern multiboot_main, kernel_start, kernel_file_end, kernel_end
global multiboot_entry

FLAG_PAGES equ 1
FLAG_MEMORY equ 2
FLAG_ADDRESSES equ 1 << 16
MAGIC equ 0x1badb002

%ifdef FLAT
FLAGS equ FLAG_PAGES | FLAG_MEMORY | FLAG_ADDRESSES
%else
FLAGS equ FLAG_PAGES | FLAG_MEMORY
%endif

section .header progbits alloc
    dd 0, 0, 0                          ; the header need not be the first thing in the file
header:
    dd MAGIC, FLAGS, -(MAGIC + FLAGS)
%ifdef FLAT
    dd header, kernel_start, kernel_file_end, kernel_end, multiboot_entry
%endif

section .text
multiboot_entry:
    mov esp, stack_end
    push ebx
    push eax
    call multiboot_main

section .stack nobits alloc write
align 16
    resb 16384
stack_end:
