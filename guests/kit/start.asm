; Tour 17 [The guest's side]: one program, three entries.
;
; A guest's three entries, and how each comes to the first line of C, kit_main(information, magic):
;   multiboot2_entry  GRUB on a bare machine: 32-bit, paging off
;   pvh_entry         PVH (full virtualization, or QEMU's -kernel): 32-bit, paging off
;   pv_entry          Xen PV: 64-bit, paging on, tables made by the domain builder
; The first two make page tables that map the lowest 4 GiB at their own addresses by 2 MiB pages.
default rel
%include "abi.inc"

global multiboot2_entry, pvh_entry, pv_entry, boot_l4, kernel_stack_top, hypercall_page
extern kit_main

MULTIBOOT2_HEADER   equ 0xe85250d6
ENTRY_PRESENT_RW    equ 3
ENTRY_LARGE_RW      equ 0x83
LARGE_PAGE          equ 0x200000
CR0_PG_WP_NE_ET_MP_PE equ 0x80010033
CR4_PAE_FXSR_XMM    equ 0x620
MSR_EFER            equ 0xc0000080
EFER_SCE_LME_NXE    equ 0x901
CODE_SELECTOR       equ 8

section .boot.header progbits alloc noexec nowrite align=8
header:
    dd MULTIBOOT2_HEADER, 0, header_end - header
    dd 0x100000000 - (MULTIBOOT2_HEADER + (header_end - header))
    align 8
    dw 4, 0                                ; a text console is supported and wanted
    dd 12, 3
    align 8
    dw 0, 0                                ; end
    dd 8
header_end:

section .text
bits 32
multiboot2_entry:
    mov esi, eax                           ; the loader's magic
    mov edi, ebx                           ; its information
    jmp enter_long_mode
pvh_entry:
    mov esi, PVH_MAGIC
    mov edi, ebx

enter_long_mode:
    cld
    mov ebx, boot_l2                       ; 2048 large pages
    mov eax, ENTRY_LARGE_RW
    xor ecx, ecx
.l2:
    mov [ebx + ecx * 8], eax
    add eax, LARGE_PAGE
    inc ecx
    cmp ecx, 2048
    jb .l2
    mov dword [boot_l3], boot_l2 + ENTRY_PRESENT_RW
    mov dword [boot_l3 + 8], boot_l2 + 4096 + ENTRY_PRESENT_RW
    mov dword [boot_l3 + 16], boot_l2 + 8192 + ENTRY_PRESENT_RW
    mov dword [boot_l3 + 24], boot_l2 + 12288 + ENTRY_PRESENT_RW
    mov dword [boot_l4], boot_l3 + ENTRY_PRESENT_RW
    mov eax, CR4_PAE_FXSR_XMM
    mov cr4, eax
    mov eax, boot_l4
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_SCE_LME_NXE
    wrmsr
    mov eax, CR0_PG_WP_NE_ET_MP_PE
    mov cr0, eax
    lgdt [boot_gdtr]
    jmp CODE_SELECTOR:long_mode

bits 64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov esi, esi
    mov edi, edi
    jmp call_main

pv_entry:
    cld
    mov rdi, rsi                           ; start_info
    xor esi, esi                           ; no magic: PV

call_main:
    lea rsp, [kernel_stack_top]
    xor ebp, ebp
    call kit_main
    ud2

; The hypervisor fills this page: 32 bytes for each hypercall.
align 4096
hypercall_page:
    times 4096 db 0xcc

section .rodata
align 8
boot_gdt: dq 0, 0x00af9b000000ffff
boot_gdtr:
    dw 15
    dd boot_gdt

section .bss.pages nobits alloc noexec write align=4096
boot_l4: resb 4096
boot_l3: resb 4096
boot_l2: resb 4 * 4096
    resb 32768
kernel_stack_top:
