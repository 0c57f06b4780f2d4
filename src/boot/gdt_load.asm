; void gdt_load(u64 base): loads GDTR and every segment register from the hypervisor's descriptors.
default rel
%include "asm_offsets.inc"
section .text
global gdt_load
gdt_load:
    sub rsp, 16
    mov word [rsp], GDT_LIMIT
    mov [rsp + 2], rdi
    lgdt [rsp]
    add rsp, 16
    mov eax, SEL_DS
    mov ss, eax
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    pop rax
    push SEL_CS64
    push rax
    retfq
