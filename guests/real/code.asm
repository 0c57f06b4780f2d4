; The block that `real` runs below 1 MiB (kit/low.inc): from 32-bit to 16-bit protected mode, to real
; mode, the checks, and back.
%include "low.inc"

bits 32
low_main:
    mov eax, [low_cr3]
    mov [LOW(real_cr3)], eax
    lidt [LOW(real_idtr)]
    jmp SEL_CODE16:OFFSET(to_real)
bits 16
to_real:
    mov ax, SEL_DATA16
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    mov eax, cr0
    and al, ~CR0_PE
    mov cr0, eax
    jmp LOW_SEGMENT:OFFSET(in_real)
in_real:
    mov ax, LOW_SEGMENT
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, LOW_STACK
    xor eax, eax
    mov fs, ax
    mov gs, ax
    call real_checks

    lgdt [OFFSET(low_gdtr)]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword SEL_CODE32:LOW(to_long)
bits 32
to_long:
    mov eax, SEL_DATA32
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    jmp low_leave

; The table of interrupts is not at 0, where firmware has its own.
align 8
real_ivt: times 256 dd 0
real_idtr:
    dw 4 * 256 - 1
    dd LOW(real_ivt)
real_short_idtr:
    dw 4 * 32 - 1
    dd LOW(real_ivt)
real_text: db "abcdefghijklmnop"
real_scratch: times 32 db 0
real_count: dw 0
real_resume: dw 0
real_seen: dd 0
real_seen_stack: dw 0
real_dr6: dd 0
real_cr3: dd 0
real_seen_di: dw 0

%define RESULTS OFFSET(low_results)
bits 16
real_checks:
    smsw ax
    and eax, CR0_PE
    EXPECT "SMSW: protection is off", 0
    %include "real/alu.inc"
    %include "real/strings.inc"
    %include "real/interrupts.inc"
    %include "real/breakpoints.inc"
    %include "real/far.inc"
    %include "real/system.inc"
    %include "real/between.inc"
    %include "real/window.inc"
    %include "real/hardware.inc"
    ret

LOW_END
