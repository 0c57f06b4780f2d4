; The iret hypercall: leaves the kernel's frame at rsp (struct iret_context) for what it says. Called by
; entry.asm: rbx = vcpu, rbp = its struct virt_vcpu, the processor's stack. Returns what rax becomes.
; Source: xen/arch-x86/xen-x86_64.h.
;
; Invariants: selectors get privilege level 3; of rflags the guest sets what it may, IF is always 1 and
; IOPL 0 in ring 3 (it may become the virtual one: pv_at_iret); user mode is entered only with a user table.
default rel

%include "asm_offsets.inc"
%include "extable.inc"

extern boot_stack, pv_iret_frame, pv_iret_unreadable, pv_iret_no_table, pv_at_iret

%macro FETCH 2                                 ; register, member of the frame
%%at: mov %1, [rsi + IRET_ %+ %2]
    EXTABLE %%at, pv_iret.unreadable
%endmacro

section .text
; Tour 58: the way back to user mode. The handler is done. IRET works in ring 3, but it cannot
; change the page table or the guest's virtual interrupt flag with it, so the way back is a
; hypercall as well. Privilege level 3 is forced into the selectors, IOPL out of the flags. Count
; now for the three modes: exits, loads of CR3, entries to ring 0, for one page fault that the
; guest's handler repairs.

; s64 pv_iret(void)
align 16
global pv_iret
pv_iret:
    mov rsi, [rbx + REGS_rsp]
    cmp rsi, [boot_stack + PCPU_read_below]
    jae .high_frame
.fetch:
    FETCH rdx, cs
    FETCH r8, rflags
    FETCH r9, rip
    FETCH r10, rsp
    FETCH r11, ss
    FETCH rcx, rcx
    FETCH rdi, r11
    FETCH rax, flags
    test eax, VGCF_IN_SYSCALL
    jnz .in_syscall
    mov [rbx + REGS_rcx], rcx
    mov [rbx + REGS_r11], rdi
    mov dword [rbx + REGS_vector], 0           ; not by sysret
.segments:
    FETCH rax, rax
    mov ecx, edx
    not ecx
    test ecx, SELECTOR_RPL
    jz .to_user
.registers:
    or edx, SELECTOR_RPL
    or r11d, SELECTOR_RPL
    movzx edx, dx
    movzx r11d, r11w
    mov [rbx + REGS_rip], r9
    mov [rbx + REGS_cs], rdx
    mov [rbx + REGS_rsp], r10
    mov [rbx + REGS_ss], r11
    mov rdx, [rbp + VIRT_info]
    bt r8d, RFLAGS_IF_BIT
    setnc [rdx + INFO_mask]
    cmp byte [rbp + VIRT_at_iret], 0
    jne .also
.flags:
    and r8d, IRET_FLAGS
    or r8d, RFLAGS_IF | RFLAGS_FIXED
    mov [rbx + REGS_rflags], r8
    ret

.to_user:
    mov rcx, [rbp + VIRT_user_root]
    test rcx, rcx
    jz .no_table
    swapgs
    mov byte [rbp + VIRT_kernel_mode], 0
    mov cr3, rcx
    jmp .registers
.in_syscall:                                   ; flat segments; rcx and r11 are what sysret leaves
    mov edx, SEL_GUEST_CS64
    mov r11d, SEL_GUEST_DS
    mov [rbx + REGS_rcx], r9
    mov [rbx + REGS_r11], r8
    jmp .segments
.also:
    push rax
    push r8
    mov rdi, rbx
    mov rsi, r8
    sub rsp, 8
    call pv_at_iret
    add rsp, 8
    pop r8
    pop rax
    jmp .flags
.high_frame:
    cmp rsi, [boot_stack + PCPU_read_above]
    ja .fetch
    mov rdi, rbx
    sub rsp, 8
    call pv_iret_frame
    add rsp, 8
    mov rsi, rax
    test rax, rax
    jnz .fetch
.unreadable:
    mov rdi, rbx
    jmp pv_iret_unreadable
.no_table:
    mov rdi, rbx
    jmp pv_iret_no_table
