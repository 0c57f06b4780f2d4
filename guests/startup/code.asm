; What a secondary processor runs when a start-up message has named page 8: the image begins with it.
; It writes down in which state it finds itself, and goes up in the two ways that kernels have: first
; as 32-bit ones do (xv6 and its kin: LGDT, PE, a far jump, large pages of two-level paging), down
; again to real mode, then as 64-bit ones do (Linux: LIDT and LGDT with 32-bit bases, LMSW, PAE, EFER,
; a far jump to 64-bit code). There it calls secondary_main (main.c).
;
; Natively the kit runs on the first processor, and this on the second. As a domain's beginning
; (start_at=0x8000) there is nobody else: it goes down to 32-bit unpaged code, which is how a kernel is
; entered, and boots the kit by its PVH entry.
extern secondary_main, pvh_entry
global kit_runs, first_cr0, first_edx, results, result_count, expectations

BASE          equ 0x8000
START_OF_DAY  equ 0x1000                   ; docs/formats.md, start_at=
SIGNATURE     equ 0x5ec07da4
HIGH          equ 0x80000000               ; where the 32-bit tables have the image, too
SUM_OF        equ 100
SUM           equ SUM_OF * (SUM_OF + 1) / 2

; Selectors of gdt.
SEL_CODE32    equ 0x08                     ; flat
SEL_DATA32    equ 0x10
SEL_CODE16    equ 0x18                     ; base BASE, 64 KiB
SEL_DATA16    equ 0x20
SEL_CODE64    equ 0x28

CR0_PE        equ 1
CR0_ET        equ 1 << 4
CR0_WP        equ 1 << 16
CR0_CD_NW     equ 3 << 29
CR0_PG        equ 1 << 31
CR4_PSE       equ 1 << 4
CR4_PAE       equ 1 << 5
MSR_EFER      equ 0xc0000080
MSR_APIC_BASE equ 0x1b
APIC_AT       equ 0xfee00000
APIC_BASE_FIRST equ 1 << 8                 ; the bootstrap processor's
APIC_BASE_ENABLE equ 1 << 11
APIC_MASKED   equ 1 << 16
VECTOR_GP     equ 13
INTERRUPT     equ 0x60
EFER_LME      equ 1 << 8
EFER_LMA      equ 1 << 10
EFER_NXE      equ 1 << 11
FLAGS_STATUS  equ 0x8d5                    ; OF, SF, ZF, AF, PF, CF

%define OFFSET(label) ((label) - start_up)

; KEEP "what", value [, NOT_TCG]: EAX is to be value (but not under QEMU's TCG, where segments do not
; end). It is stored in `results`, the expectation beside the guest's
; other data, for main.c. 16-bit code reaches the results by CS.
%define NOT_TCG 1
%assign slot 0
%macro KEEP 2-3 0
  %if __?BITS?__ == 16
    mov [cs:OFFSET(results) + 4 * slot], eax
  %else
    mov [results + 4 * slot], eax
  %endif
    [section .rodata]
%%name: db %1, 0
    [section .rodata.expect]
    dq %%name
    dd %2, %3
    __SECT__
    %assign slot slot + 1
%endmacro

; APIC "what", register, value: the local APIC's register is to be value. 32-bit code, unpaged.
%macro APIC 3
    mov eax, [APIC_AT + %2]
    KEEP %1, %3
%endmacro

section .rodata.expect
align 8
expectations:

section .start_up progbits alloc exec nowrite align=4096
bits 16
start_up:                                  ; CS:IP = 0800:0000
    KEEP "EAX", 0
    mov eax, [OFFSET(signature) + BASE]    ; DS's base is 0
    KEEP "DS has base 0", SIGNATURE
    mov eax, [es:OFFSET(signature) + BASE]
    KEEP "ES has base 0", SIGNATURE
    mov eax, [fs:OFFSET(signature) + BASE]
    KEEP "FS has base 0", SIGNATURE
    mov eax, [gs:OFFSET(signature) + BASE]
    KEEP "GS has base 0", SIGNATURE
    mov eax, [ss:OFFSET(signature) + BASE]
    KEEP "SS has base 0", SIGNATURE
    mov eax, [cs:OFFSET(signature)]
    KEEP "CS has base 0x8000", SIGNATURE
    mov eax, ebx
    KEEP "EBX", 0
    mov eax, ecx
    KEEP "ECX", 0
    mov eax, esi
    KEEP "ESI", 0
    mov eax, edi
    KEEP "EDI", 0
    mov eax, ebp
    KEEP "EBP", 0
    mov eax, esp
    KEEP "ESP", 0
    mov [cs:OFFSET(first_edx)], edx
    xor eax, eax
    mov ax, cs
    KEEP "CS", BASE >> 4
    mov ax, ds
    KEEP "DS", 0
    mov ax, es
    KEEP "ES", 0
    mov ax, fs
    KEEP "FS", 0
    mov ax, gs
    KEEP "GS", 0
    mov ax, ss
    KEEP "SS", 0

    mov ax, cs
    mov ds, ax
    mov ss, ax
    mov esp, STACK_16
    pushfd
    pop eax
    and eax, ~FLAGS_STATUS                 ; XOR has set these
    KEEP "EFLAGS", 2
    mov eax, cr0
    mov [OFFSET(first_cr0)], eax
    and eax, ~CR0_CD_NW                    ; INIT leaves them
    KEEP "CR0", CR0_ET
    mov eax, cr2
    KEEP "CR2", 0
    mov eax, cr3
    KEEP "CR3", 0
    mov eax, cr4
    KEEP "CR4", 0
    mov ecx, MSR_EFER
    rdmsr
    KEEP "EFER", 0
    mov eax, dr0
    KEEP "DR0", 0
    mov eax, dr3
    KEEP "DR3", 0
    mov eax, dr6
    KEEP "DR6", 0xffff0ff0
    mov eax, dr7
    KEEP "DR7", 0x400
    mov ecx, MSR_APIC_BASE
    rdmsr
    and eax, ~APIC_BASE_FIRST              ; natively it is another processor's
    KEEP "IA32_APIC_BASE", APIC_AT | APIC_BASE_ENABLE
    o32 sgdt [OFFSET(scratch)]
    movzx eax, word [OFFSET(scratch)]
    KEEP "GDTR's limit", 0xffff
    mov eax, [OFFSET(scratch) + 2]
    KEEP "GDTR's base", 0
    o32 sidt [OFFSET(scratch)]
    movzx eax, word [OFFSET(scratch)]
    KEEP "IDTR's limit", 0xffff
    mov eax, [OFFSET(scratch) + 2]
    KEEP "IDTR's base", 0

    ; Interrupts through the table at 0, where IDTR's base is.
    xor ax, ax
    mov es, ax
    push dword [es:4 * INTERRUPT]
    push dword [es:4 * VECTOR_GP]
    mov dword [es:4 * INTERRUPT], (BASE << 12) + OFFSET(on_interrupt)
    mov dword [es:4 * VECTOR_GP], (BASE << 12) + OFFSET(on_gp)
    xor eax, eax
    int INTERRUPT
    KEEP "INT goes through the table at 0", INTERRUPT
    mov eax, [fs:0xfffc]
    xor eax, eax
    mov eax, [fs:0xfffd]
    KEEP "FS ends at 64 KiB", VECTOR_GP, NOT_TCG
    xor eax, eax
    mov eax, [gs:0xfffd]
    KEEP "GS ends at 64 KiB", VECTOR_GP, NOT_TCG
    xor eax, eax
    mov eax, [cs:0xfffd]
    KEEP "CS ends at 64 KiB", VECTOR_GP, NOT_TCG
    pop dword [es:4 * VECTOR_GP]
    pop dword [es:4 * INTERRUPT]

    ; The 32-bit way.
    lgdt [OFFSET(gdtr)]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword SEL_CODE32:in_32bit

on_interrupt:
    mov ax, INTERRUPT
    iret
on_gp:                                     ; the instruction has 5 bytes
    mov ax, VECTOR_GP
    mov bp, sp
    add word [bp], 5
    iret

bits 32
in_32bit:
    mov eax, SEL_DATA32
    mov ds, eax
    str eax
    KEEP "TR", 0
    sldt eax
    KEEP "LDTR", 0
    mov eax, SEL_DATA32
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov esp, stack_top
    APIC "APIC: TPR", 0x80, 0
    APIC "APIC: LDR", 0xd0, 0
    APIC "APIC: DFR", 0xe0, 0xffffffff
    APIC "APIC: SVR", 0xf0, 0xff
    APIC "APIC: ESR", 0x280, 0
    APIC "APIC: timer's vector", 0x320, APIC_MASKED
    APIC "APIC: LINT0", 0x350, APIC_MASKED
    APIC "APIC: LINT1", 0x360, APIC_MASKED
    APIC "APIC: error's vector", 0x370, APIC_MASKED
    APIC "APIC: initial count", 0x380, 0
    APIC "APIC: current count", 0x390, 0
    APIC "APIC: divide configuration", 0x3e0, 0
    call sum
    KEEP "unpaged code has its memory", SUM
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, tables_32bit
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG | CR0_WP
    mov cr0, eax
    mov eax, .high + HIGH                  ; as a kernel that is linked high
    jmp eax
.high:
    add esp, HIGH
    call sum
    KEEP "high code on two-level tables has its memory", SUM
    mov eax, [signature + HIGH]
    KEEP "the large page leads where it should", SIGNATURE
    mov eax, .low
    jmp eax
.low:
    sub esp, HIGH

    ; Down again.
    mov eax, cr0
    and eax, ~(CR0_PG | CR0_WP)
    mov cr0, eax
    xor eax, eax
    mov cr3, eax
    mov cr4, eax
    jmp SEL_CODE16:OFFSET(in_16bit)
bits 16
in_16bit:
    mov ax, SEL_DATA16
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    mov eax, cr0
    and al, ~CR0_PE
    mov cr0, eax
    jmp BASE >> 4:OFFSET(in_real)
in_real:
    mov ax, cs
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, STACK_16
    xor eax, eax
    smsw ax
    and al, CR0_PE
    KEEP "real mode is back", 0

    ; The 64-bit way.
    o32 lidt [OFFSET(no_idt)]
    o32 lgdt [OFFSET(gdtr)]
    mov edx, SEL_DATA32
    mov ax, CR0_PE
    lmsw ax
    jmp dword SEL_CODE32:to_64bit
bits 32
to_64bit:
    mov ds, edx
    mov es, edx
    mov fs, edx
    mov gs, edx
    mov ss, edx
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, tables_64bit
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, EFER_LME | EFER_NXE
    xor edx, edx
    wrmsr
    mov eax, CR0_PG | CR0_WP | CR0_ET | CR0_PE
    mov cr0, eax
    jmp SEL_CODE64:in_64bit
bits 64
in_64bit:
    mov rsp, stack_top
    mov rax, cr8
    KEEP "CR8", 0
    mov rax, r8
%assign n 9
%rep 7
    or rax, r %+ n
  %assign n n + 1
%endrep
    mov rdx, rax
    shr rdx, 32
    or eax, edx
    KEEP "R8 to R15", 0
    rdmsr
    KEEP "EFER in 64-bit mode", EFER_LME | EFER_NXE | EFER_LMA
    call secondary_main
    cmp dword [kit_runs], 0
    je .to_kit
    mov eax, SIGNATURE                     ; what the next INIT must clear
    push 5
    pop rcx
    mov cr8, rcx
    mov cr2, rax
    mov dr0, rax
    mov dr3, rax
    mov r8, rax
    mov r15, rax
    mov ebx, eax
    mov ebp, eax
    mov edi, eax
.sleep:
    cli
    hlt
    jmp .sleep

    ; Down to where a kernel is entered.
.to_kit:
    push SEL_CODE32
    push leave_64bit
    retfq
bits 32
leave_64bit:
    mov eax, CR0_ET | CR0_PE
    mov cr0, eax
    mov ecx, MSR_EFER
    xor eax, eax
    xor edx, edx
    wrmsr
    mov cr3, eax
    mov cr4, eax
    mov ebx, START_OF_DAY
    jmp pvh_entry

; ECX numbers after each other: memory is read and written, the stack is used.
sum:
    mov ecx, SUM_OF
    xor eax, eax
.next:
    push ecx
    add [esp], eax
    pop eax
    loop .next
    ret

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff
    dq 0x00cf93000000ffff
    dq 0x00009b000000ffff | BASE << 16
    dq 0x000093000000ffff | BASE << 16
    dq 0x00af9b000000ffff
gdtr:
    dw $ - gdt - 1
    dd gdt
no_idt: dw 0
    dd 0
align 4
signature: dd SIGNATURE, 0
scratch: dq 0
first_cr0: dd 0
first_edx: dd 0
kit_runs: dd 0                             ; main.c: the kit runs, on another processor
times 64 dq 0
STACK_16      equ $ - start_up
results: times slot dd SIGNATURE + 1       ; what nothing is to be
result_count: dd slot

section .data
align 4096
; 4 MiB at 0 and at HIGH.
tables_32bit:
    dd 0x83
    times HIGH / 0x400000 - 1 dd 0
    dd 0x83
    times 1023 - HIGH / 0x400000 dd 0
tables_64bit:
    dq l3 + 3
    times 511 dq 0
l3: dq l2 + 3
    times 511 dq 0
l2: dq 0x83
    times 511 dq 0

section .bss
align 16
    resb 16384
stack_top:
