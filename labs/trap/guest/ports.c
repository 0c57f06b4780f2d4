/*
 * Ports, both directions and all sizes: what arrives in RAX, what arrives at the device, and what
 * is nobody's. The device is the 16550: its scratch register keeps a byte.
 */
#include "judge.h"

#include "grade_guest.h"
#include "kit/kit.h"

enum port {
    PORT_NOBODY = 0x2e8,
    UART_LCR = 0x3fb,
    UART_SCRATCH = 0x3ff, /* its last: an access of two bytes here is nobody's */
};

/* Each runs one instruction with RAX as given, and returns RAX. */
#define IN(name, instruction)                                                                      \
    static u64 name(u16 port, u64 rax)                                                             \
    {                                                                                              \
        __asm__ volatile(instruction : "+a"(rax) : "d"(port));                                     \
        return rax;                                                                                \
    }
#define OUT(name, instruction)                                                                     \
    static void name(u16 port, u64 rax)                                                            \
    {                                                                                              \
        __asm__ volatile(instruction : : "a"(rax), "d"(port));                                     \
    }
IN(in_al, "in %%dx, %%al")
IN(in_ax, "in %%dx, %%ax")
IN(in_eax, "in %%dx, %%eax")
OUT(out_al, "out %%al, %%dx")
OUT(out_ax, "out %%ax, %%dx")
OUT(out_eax, "out %%eax, %%dx")

static u64 in_string(u16 port)
{
    u64 words[2] = {0};
    void *to = words;

    __asm__ volatile("insw" : "+D"(to) : "d"(port) : "memory");
    return words[0];
}

static void reads(void)
{
    u64 rax = random_u64() & ~0xffULL;
    u8 byte = (u8)(random_u64() | 1);

    judge_begin("port_in", "src/cpu/exits.c: on_io");
    out_al(UART_SCRATCH, byte);
    judge_equal("RAX behind IN AL: the byte, and the rest of RAX kept", rax | byte,
                in_al(UART_SCRATCH, rax | 0x5a));
    judge_equal("RAX behind IN AX from nobody's port", rax | 0xffff, in_ax(PORT_NOBODY, rax));
    judge_equal("RAX behind IN EAX from nobody's port", 0xffffffffULL, in_eax(PORT_NOBODY, rax));
    judge_equal("what INSW wrote to memory", 0xffff, in_string(PORT_NOBODY));
    grade_end();
}

static void writes(void)
{
    u64 rax = random_u64();

    judge_begin("port_out", "src/cpu/exits.c: on_io");
    out_al(UART_SCRATCH, rax);
    judge_equal("what OUT AL left in the scratch register", rax & 0xff, in_al(UART_SCRATCH, 0));
    judge_equal("the same again: reading changes nothing", rax & 0xff, in_al(UART_SCRATCH, 0));
    __asm__ volatile("outb %b0, $0x80" : : "a"(0)); /* the port as an immediate: two bytes long */
    judge_equal("the line control register, which nobody wrote to", 3, in_al(UART_LCR, 0));
    grade_end();
}

static void owners(void)
{
    u64 byte = random_u64() & 0x7f;

    judge_begin("port_edges", "src/io/io_space.c: port_find, port_read, port_write");
    out_al(UART_SCRATCH, byte);
    out_ax(UART_SCRATCH, ~byte & 0xffff);
    judge_equal("the scratch register behind an OUT AX that reaches beyond the device", byte,
                in_al(UART_SCRATCH, 0));
    judge_equal("IN AX that reaches beyond the device", 0xffff, in_ax(UART_SCRATCH, 0));
    judge_equal("IN AX that begins before it", 0xffff, in_ax(0x3f7, 0));
    out_eax(0x3fe, 0);
    judge_equal("the scratch register behind an OUT EAX across its end", byte,
                in_al(UART_SCRATCH, 0));
    judge_equal("IN AL from the last port of all", 0xff, in_al(0xffff, 0));
    judge_equal("IN EAX that goes round at port 0xffff", 0xffffffffULL, in_eax(0xfffe, 0));
    grade_end();
}

void test_ports(void)
{
    reads();
    writes();
    owners();
}
