; The block that `events` runs below 1 MiB (kit/low.inc), in 32-bit protected mode without paging:
; hardware task switches by every way there is.
%include "low.inc"

%define RESULTS LOW(low_results)
TSS32_LIMIT equ 0x67
TSS16_LIMIT equ 0x2b
EFLAGS_NT   equ 0x4000
SEL_TSS_DF  equ SEL_SPARE                  ; the double fault's task
SEL_LDT     equ SEL_CODE16R                ; the second task's LDT

; Offsets in a 32-bit TSS.
TSS_LINK    equ 0
TSS_EIP     equ 32
TSS_EFLAGS  equ 36
TSS_EAX     equ 40
TSS_ESP     equ 56
TSS_TRAP    equ 100

; SET_TSS selector, label, limit, type
%macro SET_TSS 4
    mov dword [LOW(low_gdt) + %1], %3 | (LOW(%2) << 16)
    mov dword [LOW(low_gdt) + %1 + 4], (%4 << 8) | (LOW(%2) >> 16)
%endmacro
; SET_GATE vector, label
%macro SET_GATE 2
    mov dword [LOW(events_idt) + 8 * %1], (LOW(%2) & 0xffff) | (SEL_CODE32 << 16)
    mov dword [LOW(events_idt) + 8 * %1 + 4], 0x8e00 | (LOW(%2) & 0xffff0000)
%endmacro
; SET_TASK_GATE vector, selector
%macro SET_TASK_GATE 2
    mov dword [LOW(events_idt) + 8 * %1], %2 << 16
    mov dword [LOW(events_idt) + 8 * %1 + 4], 0x8500
%endmacro
; TSS label, eip, esp: a 32-bit task of the flat segments.
%macro TSS 3
align 8
%1:
    dd 0
    times 6 dd 0
    dd 0                                   ; CR3
    dd LOW(%2), 2, 0x11111111, 0x22222222, 0x33333333, 0x44444444
    dd LOW(%3), 0x55555555, 0x66666666, 0x77777777
    dd SEL_DATA32, SEL_CODE32, SEL_DATA32, SEL_DATA32, SEL_DATA32, 0, 0
    dd 0x68 << 16                          ; no trap, no ports
%endmacro

bits 32
low_main:
    lidt [LOW(events_idtr)]
    SET_TSS SEL_TSS, tss_main, TSS32_LIMIT, 0x89
    SET_TSS SEL_TSS2, tss_second, TSS32_LIMIT, 0x89
    SET_TSS SEL_TSS16, tss_short, TSS16_LIMIT, 0x81
    SET_TSS SEL_TSS_DF, tss_df, TSS32_LIMIT, 0x89
    SET_TSS SEL_LDT, events_ldt, 7, 0x82
    mov dword [LOW(low_gdt) + SEL_GATE], SEL_TSS2 << 16
    mov dword [LOW(low_gdt) + SEL_GATE + 4], 0x8500
    SET_GATE 10, on_fault_code
    SET_GATE 11, on_fault_code
    SET_GATE 13, on_fault_code
    SET_GATE 1, on_debug
    mov ax, SEL_TSS
    ltr ax
    movzx eax, byte [LOW(low_gdt) + SEL_TSS + 5]
    EXPECT "LTR makes the descriptor busy", 0x8b

; JMP there, and back.
    mov ecx, 0xabcd0123
    mov esi, esp
    jmp SEL_TSS2:0
    mov eax, ecx
    EXPECT "JMP to a TSS and back: ECX of the old task", 0xabcd0123
    mov eax, esp
    sub eax, esi
    EXPECT "JMP to a TSS and back: ESP of the old task", 0
    mov eax, [LOW(second_eax)]
    EXPECT "the new task has its EAX", 0x11111111
    mov eax, [LOW(second_esp)]
    EXPECT "and its ESP", LOW(second_stack)
    mov eax, [LOW(second_flags)]
    EXPECT "JMP does not nest", 0
    mov eax, [LOW(second_cr0)]
    EXPECT "TS is set", 8
    mov eax, [LOW(second_tr)]
    EXPECT "TR names the new task", SEL_TSS2
    clts
    movzx eax, byte [LOW(low_gdt) + SEL_TSS2 + 5]
    EXPECT "the second TSS is available again", 0x89
    mov eax, [LOW(tss_second) + TSS_ESP]
    EXPECT "what it had is saved", LOW(second_stack)

; CALL, and IRET back; then through a gate.
    call SEL_TSS2:0
    mov eax, [LOW(second_flags)]
    EXPECT "CALL nests: NT", EFLAGS_NT
    movzx eax, word [LOW(tss_second) + TSS_LINK]
    EXPECT "and there is a link back", SEL_TSS
    mov eax, [LOW(second_busy)]
    EXPECT "the caller stays busy", 0x8b
    mov eax, [LOW(tss_second) + TSS_EFLAGS]
    and eax, EFLAGS_NT
    EXPECT "IRET clears NT in what is saved", 0
    call SEL_GATE:0
    mov eax, [LOW(second_runs)]
    EXPECT "CALL through a task gate", 3
    pushfd
    pop eax
    and eax, EFLAGS_NT
    EXPECT "the caller's NT is as it was", 0

; Interrupts through task gates.
    SET_TASK_GATE 0x30, SEL_TSS2
    int 0x30
after_int:
    mov eax, [LOW(second_runs)]
    EXPECT "INT through a task gate", 4
    mov eax, [LOW(tss_main) + TSS_EIP]
    sub eax, LOW(after_int)
    EXPECT "its return address is behind the INT", 0

; A fault with an error code.
    SET_TASK_GATE 13, SEL_TSS2
    mov dword [LOW(second_skip)], 1
    mov ax, 0x1ff8
    mov fs, ax
    SET_GATE 13, on_fault_code
    mov dword [LOW(second_skip)], 0
    mov eax, [LOW(second_error)]
    EXPECT "#GP through a task gate: the error code is on its stack", 0x1ff8

; A 16-bit task.
    mov ebx, 0x12345678
    call SEL_TSS16:0
    mov eax, ebx
    EXPECT "CALL to a 16-bit TSS: EBX of the old task", 0x12345678
    mov eax, [LOW(short_eax)]
    EXPECT "a 16-bit task's EAX", 0xffff1111
    mov eax, [LOW(short_fs)]
    EXPECT "it has no FS", 0
    movzx eax, word [LOW(tss_short) + 14]
    sub eax, OFFSET(task16_after)
    EXPECT "a 16-bit task's IP is saved", 0

; What is refused.
    mov dword [LOW(fault_at)], 0
    mov dword [LOW(fault_resume)], LOW(.busy)
    jmp SEL_TSS:0
.busy:
    mov eax, [LOW(fault_error)]
    EXPECT "#GP: JMP to a busy TSS", SEL_TSS
    and byte [LOW(low_gdt) + SEL_TSS2 + 5], 0x7f
    mov dword [LOW(fault_resume)], LOW(.absent)
    jmp SEL_TSS2:0
.absent:
    mov eax, [LOW(fault_vector)]
    shl eax, 16
    mov ax, [LOW(fault_error)]
    EXPECT "#NP: JMP to a TSS that is not present", (11 << 16) | SEL_TSS2
    or byte [LOW(low_gdt) + SEL_TSS2 + 5], 0x80
    mov word [LOW(low_gdt) + SEL_TSS2], TSS32_LIMIT - 1
    mov dword [LOW(fault_resume)], LOW(.short)
    jmp SEL_TSS2:0
.short:
    mov eax, [LOW(fault_vector)]
    shl eax, 16
    mov ax, [LOW(fault_error)]
    EXPECT "#TS: a TSS that is too short", (10 << 16) | SEL_TSS2
    mov word [LOW(low_gdt) + SEL_TSS2], TSS32_LIMIT
    pushfd
    or dword [esp], EFLAGS_NT
    popfd
    mov word [LOW(tss_main) + TSS_LINK], SEL_TSS2
    mov dword [LOW(fault_resume)], LOW(.link)
    iretd
.link:
    pushfd
    and dword [esp], ~EFLAGS_NT
    popfd
    mov eax, [LOW(fault_vector)]
    shl eax, 16
    mov ax, [LOW(fault_error)]
    EXPECT "#TS: IRET to a TSS that is not busy", (10 << 16) | SEL_TSS2

; The new task's LDT, and its trap bit.
    mov word [LOW(tss_second) + 96], SEL_LDT
    mov dword [LOW(tss_second) + 92], 4    ; GS from the LDT
    mov byte [LOW(tss_second) + TSS_TRAP], 1
    mov eax, 0x001
    mov dr7, eax
    call SEL_TSS2:0
    mov byte [LOW(tss_second) + TSS_TRAP], 0
    mov eax, [LOW(second_gs)]
    EXPECT "a task has its LDT", 0x5ca1ab1e
    sldt ax
    movzx eax, ax
    EXPECT "and the old one its own, none", 0
    mov eax, [LOW(debug_dr6)]
    and eax, 0xe00f
    EXPECT "the trap bit: #DB with BT", 0x8000
    mov eax, [LOW(debug_eip)]
    sub eax, LOW(second_again)
    EXPECT "#DB comes before the task's first instruction", 0
    mov eax, dr7
    and eax, 0x3ff
    EXPECT "local breakpoints end with the task", 0

; No stack at all: a double fault, which is a task of its own.
    SET_TASK_GATE 8, SEL_TSS_DF
    mov [LOW(df_esp)], esp
    mov dword [LOW(df_resume)], LOW(.df)
    SET_GATE 12, on_fault_code
    mov dword [LOW(low_gdt) + SEL_GATE], 0x0fff
    mov dword [LOW(low_gdt) + SEL_GATE + 4], 0x00409300
    mov ax, SEL_GATE
    mov ss, ax
    mov esp, 0x20000                       ; beyond the segment
    push eax
    nop
.df:
    mov eax, [LOW(df_runs)]
    EXPECT "#DF: a task on a good stack", 1
    mov eax, [LOW(df_error)]
    EXPECT "#DF: its error code is 0", 0
    clts
    jmp low_leave

; The second task: notes what it finds; the first time it goes back by JMP, then by IRET.
second:
    mov [LOW(second_eax)], eax
    mov [LOW(second_esp)], esp
    call second_note
    jmp SEL_TSS:0
second_loop:
    call second_note
    mov ax, gs
    test ax, ax
    jz .no_ldt
    mov eax, [gs:0]
    mov [LOW(second_gs)], eax
.no_ldt:
    cmp dword [LOW(second_skip)], 0
    je .back
    pop dword [LOW(second_error)]
    add dword [LOW(tss_main) + TSS_EIP], 2 ; behind the instruction that faulted
.back:
    clts
    iretd
second_again:
    jmp second_loop
second_note:
    inc dword [LOW(second_runs)]
    pushfd
    pop eax
    and eax, EFLAGS_NT
    mov [LOW(second_flags)], eax
    mov eax, cr0
    and eax, 8
    mov [LOW(second_cr0)], eax
    str ax
    movzx eax, ax
    mov [LOW(second_tr)], eax
    movzx eax, byte [LOW(low_gdt) + SEL_TSS + 5]
    mov [LOW(second_busy)], eax
    ret

; The double fault's task.
df:
    inc dword [LOW(df_runs)]
    pop dword [LOW(df_error)]
    mov eax, [LOW(df_resume)]
    mov [LOW(tss_main) + TSS_EIP], eax
    mov eax, [LOW(df_esp)]
    mov [LOW(tss_main) + TSS_ESP], eax
    mov dword [LOW(tss_main) + 80], SEL_DATA32
    iretd
    jmp df

; The 16-bit task: its segments have the block's base.
bits 16
task16:
    mov [OFFSET(short_eax)], eax
    mov ax, fs
    mov [OFFSET(short_fs)], ax
    clts
    iret
task16_after:
    jmp task16
bits 32

; A fault: notes vector and error code, and goes on at fault_resume. The vector follows from the
; code's place.
on_fault_code:
    pop dword [LOW(fault_error)]
    mov eax, 11
    test byte [LOW(low_gdt) + SEL_TSS2 + 5], 0x80
    jz .noted
    mov eax, 10
    cmp word [LOW(fault_error)], SEL_TSS2
    je .noted
    mov eax, 13
.noted:
    mov [LOW(fault_vector)], eax
    mov eax, [LOW(fault_resume)]
    mov [esp], eax
    iretd

on_debug:
    push eax
    mov eax, dr6
    mov [LOW(debug_dr6)], eax
    mov eax, [esp + 4]
    mov [LOW(debug_eip)], eax
    xor eax, eax
    mov dr6, eax
    pop eax
    iretd

align 8
events_idt: times 64 dq 0
events_idtr:
    dw 64 * 8 - 1
    dd LOW(events_idt)
events_ldt: dq 0x00009300000000ff | (LOW(events_word) << 16)
events_word: dd 0x5ca1ab1e
second_runs: dd 0
second_eax: dd 0
second_esp: dd 0
second_flags: dd 0
second_cr0: dd 0
second_tr: dd 0
second_busy: dd 0
second_gs: dd 0
second_skip: dd 0
second_error: dd 0
short_eax: dd 0
short_fs: dd 0
fault_at: dd 0
fault_error: dd 0
fault_vector: dd 0
fault_resume: dd 0
debug_dr6: dd 0
debug_eip: dd 0
df_runs: dd 0
df_error: dd 0
df_esp: dd 0
df_resume: dd 0
TSS tss_main, low_main, low_main           ; filled by the first switch
TSS tss_second, second, second_stack
TSS tss_df, df, df_stack
align 8
tss_short:
    dw 0, 0, 0, 0, 0, 0, 0
    dw OFFSET(task16), 2, 0x1111, 0x2222, 0x3333, 0x4444, 0x7f00, 0, 0, 0
    dw SEL_DATA16, SEL_CODE16, SEL_DATA16, SEL_DATA16, 0
align 8
    times 64 dd 0
second_stack:
    times 64 dd 0
df_stack:

LOW_END
