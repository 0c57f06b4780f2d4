; void vmx_unblock_nmi(void)
;
; An exit caused by an NMI leaves further NMIs blocked until the next IRET ("Loading Host State",
; "Nonmaskable Interrupt (NMI)"): this executes one, to its own return.
default rel
%include "asm_offsets.inc"
section .text
global vmx_unblock_nmi
vmx_unblock_nmi:
    mov rdx, rsp
    push SEL_DS
    push rdx
    pushfq
    push SEL_CS64
    lea rax, [.out]
    push rax
    iretq
.out:
    ret
