/*
 * The instructions. A probe keeps in R15 where it goes on if its instruction traps, and in RBP the
 * stack there; the result is in RAX.
 */
#include "user_probes.h"

#define TEXT_OF(x) #x
#define NUMBER(x)  TEXT_OF(x)
#define PROBE(name, ...)                                                                           \
    __attribute__((naked)) u64 user_##name(u64 unused)                                             \
    {                                                                                              \
        (void)unused;                                                                              \
        __asm__ volatile("push %r15; push %rbp; mov %rsp, %rbp; lea 9f(%rip), %r15;"               \
                         "xor %eax, %eax;" __VA_ARGS__                                             \
                         "9: mov %rbp, %rsp; pop %rbp; pop %r15; ret");                            \
    }
/* Of an instruction that says by ZF whether its answer counts. */
#define IF_ZF   "jz 9f; xor %eax, %eax;"
#define FLAG_IF "and $0x200, %eax;"

PROBE(sgdt, "sub $16, %rsp; sgdt 6(%rsp); mov 8(%rsp), %rax;")
PROBE(sidt, "sub $16, %rsp; sidt 6(%rsp); mov 8(%rsp), %rax;")
PROBE(sldt, "sldt %eax;")
PROBE(str, "str %eax;")
PROBE(smsw, "smsw %eax; movzwl %ax, %eax;")
PROBE(pushf, "pushfq; pop %rax;" FLAG_IF)
PROBE(popf, "pushfq; andl $~0x200, (%rsp); popfq; pushfq; pop %rax;" FLAG_IF)
PROBE(lar, "mov $0x08, %ecx; lar %ecx, %eax;" IF_ZF)
PROBE(lsl, "mov $0x08, %ecx; lsl %ecx, %eax;" IF_ZF)
PROBE(verr, "mov $0x10, %ecx; verr %cx; setz %al;")
PROBE(verw, "mov $0x10, %ecx; verw %cx; setz %al;")
PROBE(mov_from_seg, "mov %cs, %eax;")
PROBE(push_seg, "push %fs; pop %rax;")
PROBE(pop_seg, "push $0x10; pop %fs; mov %fs, %eax;")
/* A far pointer on the stack: the offset of 1, and the kernel's code selector. */
#define FAR_POINTER "push $0x08; lea 1f(%rip), %rcx; push %rcx;"
PROBE(call_far, FAR_POINTER "rex.W lcall *(%rsp); jmp 9f; 1: mov %cs, %eax; lretq;")
PROBE(jmp_far, FAR_POINTER "rex.W ljmp *(%rsp); 1: mov %cs, %eax;")
PROBE(ret_far, FAR_POINTER "lretq; 1: mov %cs, %eax;")
PROBE(int_n, "int $0x21;")
PROBE(cli, "cli; pushfq; pop %rax;" FLAG_IF)
PROBE(mov_from_cr, "mov %cr0, %rax; movzwl %ax, %eax;")
PROBE(rdmsr, "mov $0xc0000080, %ecx; rdmsr;")
PROBE(in, "in $0x80, %al;")
