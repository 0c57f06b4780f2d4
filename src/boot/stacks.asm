; The first processor's stack, aligned to its size; struct pcpu lies at its lowest address.
%include "asm_offsets.inc"
section .stack nobits alloc write noexec align=4096
align PCPU_STACK_SIZE, resb 1
global boot_stack, boot_stack_top
boot_stack: resb PCPU_STACK_SIZE
boot_stack_top:
