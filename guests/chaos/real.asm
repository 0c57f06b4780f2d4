; The same for real mode: the block that chaos_real runs below 1 MiB (kit/low.inc). Every vector of the
; table, which is where the code does not reach, leads back; what makes that impossible ends this life. An NMI ends what would go on for
; ever, the 8254's after 20 ms, or the clock's if the code has stopped that.
%include "low.inc"
global chaos_real_start

VECTORS       equ 256
PIT_0         equ 0x40
PIT_COMMAND   equ 0x43
PIT_ONE_SHOT  equ 0x30                     ; channel 0, mode 0
PIT_COUNT     equ 20 * 1193                ; 20 ms
RTC_INDEX     equ 0x70
RTC_A         equ 0x0a
RTC_B         equ 0x0b
RTC_C         equ 0x0c
RTC_SLOW      equ 0x2f                     ; 500 ms
RTC_PERIODIC  equ 0x42
RTC_QUIET     equ 0x02

; RTC register, value
%macro RTC 2
    mov ax, %1 | %2 << 8
    out RTC_INDEX, ax
%endmacro

bits 32
low_main:
    mov edi, ivt
    mov ecx, VECTORS
    mov eax, (LOW_SEGMENT << 16) + OFFSET(real_back)
    rep stosd
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
    mov ss, ax
    mov sp, OFFSET(chaos_real_start)
    mov al, PIT_ONE_SHOT
    out PIT_COMMAND, al
    mov al, PIT_COUNT & 0xff
    out PIT_0, al
    mov al, PIT_COUNT >> 8
    out PIT_0, al
    RTC RTC_A, RTC_SLOW
    mov al, RTC_C                          ; read: what was due is forgotten
    out RTC_INDEX, al
    in al, RTC_INDEX + 1
    RTC RTC_B, RTC_PERIODIC
    popad
    pop es
    pop fs
    pop gs
    pop ds
    popfd
    lss sp, [cs:OFFSET(start_stack)]
    jmp far [cs:OFFSET(start_code)]

; From any vector. IRET, so that NMIs are possible again.
real_back:
    xor eax, eax                           ; a breakpoint on what follows would lead here again
    mov dr7, eax
    mov al, PIT_ONE_SHOT
    out PIT_COMMAND, al
    RTC RTC_B, RTC_QUIET
    mov ax, LOW_SEGMENT
    mov ds, ax
    mov ss, ax
    mov esp, LOW_STACK
    push word 2
    push cs
    push word OFFSET(.on)
    iret
.on:
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

real_idtr:
    dw 4 * VECTORS - 1
    dd ivt
; struct real_start (chaos.h).
align 4
chaos_real_start:
    times 8 dd 0
    times 4 dw 0
    dd 0
start_stack: dw 0, 0
start_code: dw 0, 0

LOW_END

section .bss
align 4
ivt: resd VECTORS
