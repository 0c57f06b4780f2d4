; void hold_registers(const u64 in[40], u64 out[40], u64 spins, u32 control)
; Loads all registers of the x87 (8 x 64 bits) and SSE (16 x 128 bits), waits, and stores them; the
; control word of SSE as well. User mode.
default rel
global hold_registers

section .user.text progbits alloc exec nowrite align=16
hold_registers:
    push rcx
    ldmxcsr [rsp]
    fninit
%assign i 0
%rep 8
    fild qword [rdi + i * 8]
%assign i i+1
%endrep
%assign i 0
%rep 16
    movups xmm %+ i, [rdi + 64 + i * 16]
%assign i i+1
%endrep
.spin:
    dec rdx
    jnz .spin
%assign i 0
%rep 16
    movups [rsi + 64 + i * 16], xmm %+ i
%assign i i+1
%endrep
%assign i 7
%rep 8
    fistp qword [rsi + i * 8]
%assign i i-1
%endrep
    stmxcsr [rsp]
    pop rax                                ; the control word as it is now
    ret
