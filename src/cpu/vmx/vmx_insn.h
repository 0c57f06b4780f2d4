/*
 * The instructions of VMX, one to a function. Those that can fail return true on success and
 * false on VMfailInvalid or VMfailValid ("Conventions" of the VMX instruction reference).
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include "types.h"

static inline bool vmxon(const u64 *region)
{
    bool ok;
    __asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(*region) : "memory");
    return ok;
}
static inline bool vmclear(const u64 *vmcs)
{
    bool ok;
    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(*vmcs) : "memory");
    return ok;
}
static inline bool vmptrld(const u64 *vmcs)
{
    bool ok;
    __asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(*vmcs) : "memory");
    return ok;
}
/* A field of the current VMCS that is known to exist. */
static inline u64 vmread(u64 field)
{
    u64 value;
    __asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
    return value;
}
/* The same for any; false: this processor has none such. */
static inline bool vmread_checked(u64 field, u64 *value)
{
    bool ok;
    __asm__ volatile("vmread %2, %1" : "=@cca"(ok), "=rm"(*value) : "r"(field));
    return ok;
}
static inline bool vmwrite_checked(u64 field, u64 value)
{
    bool ok;
    __asm__ volatile("vmwrite %2, %1" : "=@cca"(ok) : "r"(field), "rm"(value) : "memory");
    return ok;
}

/* Operand of INVEPT and INVVPID. */
struct vmx_invalidate {
    u64 context; /* EPT pointer, or VPID */
    u64 address; /* linear address (INVVPID_ADDRESS) */
};

static inline bool invept(u64 type, const struct vmx_invalidate *what)
{
    bool ok;
    __asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(*what), "r"(type) : "memory");
    return ok;
}
static inline bool invvpid(u64 type, const struct vmx_invalidate *what)
{
    bool ok;
    __asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(*what), "r"(type) : "memory");
    return ok;
}

/* What an entry leaves in two registers. */
struct regs;
struct vmx_entered {
    struct regs *regs; /* the argument, which need not be kept elsewhere */
    u64 raw;           /* the exit reason, or VMX_ENTRY_FAILED alone */
};

/* Enter the guest with these general registers (entry.asm). Instructions like the others: each
 * calls a stub that changes every register but rsp, rbp and rdi. */
#define VMX_ENTER(name)                                                                            \
    static inline struct vmx_entered name##_guest(struct regs *regs)                               \
    {                                                                                              \
        struct vmx_entered e;                                                                      \
        __asm__ volatile("call " #name                                                             \
                         : "=S"(e.raw), "=D"(e.regs)                                               \
                         : "1"(regs)                                                               \
                         : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",     \
                           "r14", "r15", "memory", "cc");                                          \
        return e;                                                                                  \
    }
VMX_ENTER(vmx_resume)
VMX_ENTER(vmx_launch)
#undef VMX_ENTER

struct descriptor_table {
    u16 limit; /* last byte */
    u64 base;  /* linear address */
} __attribute__((packed));

static inline void sidt(struct descriptor_table *t)
{
    __asm__ volatile("sidt %0" : "=m"(*t));
}
static inline void sgdt(struct descriptor_table *t)
{
    __asm__ volatile("sgdt %0" : "=m"(*t));
}

#endif
