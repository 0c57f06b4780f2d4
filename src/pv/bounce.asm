; Sending a guest to its kernel's handler: the frame that the Xen ABI lays on the kernel's stack, from
; the top: ss, rsp, rflags, cs (the event mask above it), rip; then the error code, or gs, fs, es and ds
; for the failsafe callback, if the gate says so; r11, rcx. Source: xen/arch-x86/xen-x86_64.h.
;
; Invariants
;  - A handler starts with RF, NT, TF and AC clear, on the flat stack segment.
;  - Nothing is stored in the hypervisor's slots; a store that faults ends the domain.
;  - The saved IF is the inverse of the event mask; the processor's own is 1 and stays so.
default rel

%include "asm_offsets.inc"
%include "extable.inc"

extern pv_no_handler, pv_no_stack

%macro STORE 2                                 ; offset below the stack's top, register
%%at: mov [r11 - %1], %2
    EXTABLE %%at, pv_bounce.no_stack
%endmacro

section .text
; Tour 53: bouncing. Does in software what the processor does on a trap in ring 0: switches to the
; kernel's stack (and, coming from user mode, to the kernel's page table), pushes a frame, jumps to
; the handler that the guest has registered. Each store may fault, if the guest's stack is bad; each
; is in the exception table, and then the domain ends, not the hypervisor.

; void pv_bounce(struct vcpu *v, const struct pv_gate *gate, u32 error)
align 16
global pv_bounce
pv_bounce:
    mov r8, [rsi + GATE_address]
    test r8, r8
    jz pv_no_handler
    mov r9, [rdi + VCPU_virt]
    mov r10, [r9 + VIRT_info]
    movzx ecx, byte [rsi + GATE_flags]
    mov r11, [rdi + REGS_rsp]
    movzx eax, word [rdi + REGS_cs]
    cmp byte [r9 + VIRT_kernel_mode], 0
    je .from_user
    and eax, ~SELECTOR_RPL                     ; the kernel's own level is 0 in a frame
; The frame. Here r11 is the end of the stack, any number that a guest can think of; eax the frame's
; cs, r10 the vcpu_info, cl the gate's flags. The frame begins 16-byte aligned, as the processor's
; does in long mode; it is stored by STORE (the processor never writes there), where it cannot reach
; the hypervisor's slots or an address that is not canonical, else .no_stack; the longest has 88
; bytes. If events are masked bit FRAME_MASK_BIT of cs is set, and IF is clear in the frame's rflags.
; A gate with an error code or another frame goes to .longer with the guest's r11 in rax and its
; rcx in r9; any other ends with r11 and rcx in the frame, r11 pointing to its last word, at .stored.
; Free: rax once cs is stored, r9; rdx only if the gate has no error code. rdi, rsi, r8, r10 and cl stay.
.on_stack:
    ; lab pv.8
    and r11, -16
    lea r9, [r11 - 1]
    shr r9, LOW_HALF_BITS
    jz .frame
    mov r9, (HYPERVISOR_END_40 << 40) + 88     ; room for the longest frame
    cmp r11, r9
    jb .no_stack
.frame:
    mov r9, [rdi + REGS_rflags]
    cmp byte [r10 + INFO_mask], 0
    je .store
    and r9, ~RFLAGS_IF
    bts rax, FRAME_MASK_BIT
.store:
    STORE 24, r9
    STORE 32, rax
    mov rax, [rdi + REGS_ss]
    STORE 8, rax
    mov rax, [rdi + REGS_rsp]
    STORE 16, rax
    mov rax, [rdi + REGS_rip]
    STORE 40, rax
    mov rax, [rdi + REGS_r11]
    mov r9, [rdi + REGS_rcx]
    test cl, BOUNCE_ERROR | BOUNCE_OTHER_FRAME
    jnz .longer
    STORE 48, rax
    STORE 56, r9
    sub r11, 56
    ; lab end pv.8
; The handler runs next: it starts at r8 with the gate's cs, the stack r11, ss SEL_GUEST_DS, without
; the flags BOUNCE_FLAGS_CLEARED; with events masked if the gate wants it (BOUNCE_MASK), and never
; less than they were. regs.vector becomes 0, so that the way there is not `sysret`.
.stored:
    ; lab pv.8
    and ecx, BOUNCE_MASK                       ; bit 0
    or [r10 + INFO_mask], cl
    movzx eax, word [rsi + GATE_cs]
    mov [rdi + REGS_rip], r8
    mov [rdi + REGS_cs], rax
    and qword [rdi + REGS_rflags], ~BOUNCE_FLAGS_CLEARED
    mov [rdi + REGS_rsp], r11
    mov qword [rdi + REGS_ss], SEL_GUEST_DS
    mov dword [rdi + REGS_vector], 0           ; not by sysret
    ret
    ; lab end pv.8

; The other frames: rax = r11, r9 = rcx of the guest; the error code, or the selectors, lie below rip;
; IOPL is in rflags.
.longer:
    test cl, BOUNCE_IOPL
    jnz .iopl
.below_rip:
    test cl, BOUNCE_ERROR
    jz .no_error
    mov edx, edx
    STORE 48, rdx
    STORE 56, rax
    STORE 64, r9
    sub r11, 64
    jmp .stored
.no_error:
    test cl, BOUNCE_SELECTORS
    jnz .selectors
    STORE 48, rax
    STORE 56, r9
    sub r11, 56
    jmp .stored
.iopl:
    mov rcx, [rdi + VCPU_virt]
    movzx ecx, byte [rcx + VIRT_iopl]
    shl ecx, RFLAGS_IOPL_SHIFT
.or_iopl:
    or [r11 - 24], rcx
    EXTABLE .or_iopl, .no_stack
    movzx ecx, byte [rsi + GATE_flags]
    jmp .below_rip
.selectors:
    STORE 80, rax
    STORE 88, r9
    mov r9, [rdi + VCPU_virt]                  ; those that were wanted: some could not be loaded
    movzx eax, word [r9 + VIRT_gs]
    STORE 48, rax
    movzx eax, word [r9 + VIRT_fs]
    STORE 56, rax
    movzx eax, word [r9 + VIRT_es]
    STORE 64, rax
    movzx eax, word [r9 + VIRT_ds]
    STORE 72, rax
    sub r11, 88
    jmp .stored
.from_user:
    swapgs
    mov byte [r9 + VIRT_kernel_mode], 1
    mov r11, [r9 + VIRT_kernel_root]
    mov cr3, r11
    mov r11, [r9 + VIRT_kernel_sp]
    jmp .on_stack
.no_stack:
    jmp pv_no_stack
