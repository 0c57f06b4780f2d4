; The 256 entries of the interrupt descriptor table, TRAP_STUB_SIZE bytes each (descriptors.c).
;
; A stub pushes what the processor did not (an error code) and its vector, so that the stack
; holds the upper part of struct regs (src/include/vcpu.h). A trap from ring 0 is the hypervisor's own:
; its registers are saved beneath on the same stack and host_trap is called. A trap from ring 3 is
; a paravirtualized guest's: trap_from_guest, or trap_from_guest_ist where the vector has a stack of its own.
default rel

%include "asm_offsets.inc"

extern host_trap, trap_from_guest, trap_from_guest_ist

%define HAS_ERROR_CODE 0x00227d00              ; VECTORS_WITH_ERROR_CODE
%define HAS_IST        0x00040106              ; #DB 1, NMI 2, #DF 8, #MC 18 (under pv)
%define TRAP_STUB_SIZE 12

section .text
global trap_stubs
align 4
trap_stubs:
%macro STUB 1
stub_%1:
  %if %1 >= 32 || ((HAS_ERROR_CODE >> %1) & 1) == 0
    push 0
  %endif
    push %1
  %if %1 < 32 && ((HAS_IST >> %1) & 1)
    jmp entry_ist
  %else
    jmp entry
  %endif
    times TRAP_STUB_SIZE - ($ - stub_%1) nop
%endmacro

%assign vector 0
%rep 256
    STUB vector
  %assign vector vector + 1
%endrep

align 16
entry:
    test byte [rsp + REGS_cs - REGS_vector], 3
    jnz trap_from_guest
    jmp from_host
entry_ist:
    test byte [rsp + REGS_cs - REGS_vector], 3
    jnz trap_from_guest_ist
from_host:
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    mov rbx, rsp
    and rsp, -16
    call host_trap
    mov rsp, rbx
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 16                                ; vector, error code
    iretq
