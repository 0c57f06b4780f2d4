; The first processor's stack, aligned to its size; struct pcpu lies at its lowest address.
%include "asm_offsets.inc"
section .bss
alignb PCPU_STACK_SIZE
global boot_stack, boot_stack_top
boot_stack: resb PCPU_STACK_SIZE
boot_stack_top:
