; From GRUB's (multiboot2) or QEMU's (PVH) hand-over to the first line of C: 32-bit code at its
; physical address that makes the first page tables and enters long mode.
;
; The first tables map the lowest 4 GiB three times, with 2 MiB pages: at 0 (this code runs there), at
; IMAGE_BASE (slot 261) and at the direct map (slot 262). src/boot/memory.c makes the lasting ones.
default rel

extern boot_main, boot_stack_top

IMAGE_BASE        equ 0xffff828000000000
MULTIBOOT2_MAGIC  equ 0xe85250d6           ; "Multiboot2 header"
PAGE_PRESENT_RW   equ 3
PAGE_LARGE        equ 0x83
CR0_PG_WP_NE_ET_MP_PE equ 0x80010033
CR4_PAE_FXSR_XMM  equ 0x620
MSR_EFER          equ 0xc0000080
EFER_LME_NXE_BITS equ 0x900

section .boot.header
; Tour 1 [From power-on to C]: what the loader looks for. The firmware has loaded GRUB, and GRUB
; searches the first 32 KiB of our file for this header. Its tags are wishes: a text console,
; modules at page boundaries. The note below it says the same to QEMU's -kernel, in Xen's language
; (PVH): two loaders, two entries, one program. What either hands over is an address and a magic
; number, and the processor in 32-bit protected mode with paging off.
align 8
header:
    dd MULTIBOOT2_MAGIC, 0, header_end - header
    dd 0x100000000 - (MULTIBOOT2_MAGIC + (header_end - header))
    align 8
    dw 4, 0                                ; console: a text console is supported and wanted
    dd 12, 3
    align 8
    dw 6, 0                                ; modules aligned to pages
    dd 8
    align 8
    dw 0, 0                                ; end
    dd 8
header_end:

section .note.Xen note alloc noexec nowrite align=4
    dd 4, 8, 18                            ; XEN_ELFNOTE_PHYS32_ENTRY (xen/elfnote.h)
    db "Xen", 0
    dq pvh_entry

section .boot.text exec
bits 32
global multiboot2_entry
multiboot2_entry:
    mov esi, eax                           ; the loader's magic, and its information
    mov edi, ebx
    jmp enter_long_mode
pvh_entry:
    mov esi, 0x336ec578                    ; XEN_HVM_START_MAGIC_VALUE
    mov edi, ebx

; Tour 2: the first page tables. Long mode needs paging, so the first thing that a 64-bit program
; needs is page tables, made by 32-bit code. The same four tables appear in L4 three times: where
; this code runs now, where the image is linked to run, and where all machine memory will be seen.
; The order at the end is the manual's: CR4.PAE, CR3, EFER.LME, and only then CR0.PG. The far jump
; loads a 64-bit code segment, and from `long_mode` on the addresses are the ones that C knows.
enter_long_mode:
    cld
    mov esp, boot_stack32_top
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb no_long_mode
    mov eax, 0x80000001
    cpuid
    test edx, 1 << 29
    jz no_long_mode

    ; L2: 2048 entries of 2 MiB
    mov ebx, l2
    mov eax, PAGE_LARGE
    xor ecx, ecx
.l2:
    mov [ebx + ecx * 8], eax
    mov dword [ebx + ecx * 8 + 4], 0
    add eax, 0x200000
    inc ecx
    cmp ecx, 2048
    jb .l2
    ; L3: its first four entries; L4: slots 0, 261, 262
    mov dword [l3], l2 + PAGE_PRESENT_RW
    mov dword [l3 + 8], l2 + 4096 + PAGE_PRESENT_RW
    mov dword [l3 + 16], l2 + 8192 + PAGE_PRESENT_RW
    mov dword [l3 + 24], l2 + 12288 + PAGE_PRESENT_RW
    mov dword [l4], l3 + PAGE_PRESENT_RW
    mov dword [l4 + 261 * 8], l3 + PAGE_PRESENT_RW
    mov dword [l4 + 262 * 8], l3 + PAGE_PRESENT_RW

    mov eax, CR4_PAE_FXSR_XMM
    mov cr4, eax
    mov eax, l4
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME_NXE_BITS
    wrmsr
    mov eax, CR0_PG_WP_NE_ET_MP_PE
    mov cr0, eax
    lgdt [boot_gdtr]
    jmp 8:long_mode

no_long_mode:                              ; a sentence on COM1, then stop
    mov esi, .text
    mov dx, 0x3f8
.next:
    lodsb
    test al, al
    jz .stop
    out dx, al
    jmp .next
.stop:
    hlt
    jmp .stop
.text: db "Trivisor needs a 64-bit processor: this one has no long mode.", 13, 10, 0

bits 64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov edi, edi                           ; boot_main(information, magic), zero-extended
    mov esi, esi
    mov rsp, qword [stack_pointer]
    xor ebp, ebp
    mov rax, qword [main_pointer]
    call rax
    ud2

section .boot.data align=8
stack_pointer: dq boot_stack_top
main_pointer: dq boot_main
boot_gdt: dq 0, 0x00af9b000000ffff
boot_gdtr:
    dw 15
    dd boot_gdt

section .boot.bss nobits align=4096
l4: resb 4096
l3: resb 4096
l2: resb 4 * 4096
    resb 256
boot_stack32_top:
