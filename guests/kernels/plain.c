/*
 * Printing, checking and ending, for kernels without the kit. Sources: docs/formats.md; "PC16550D".
 */
#include "plain.h"

enum ports { UART = 0x3f8, UART_STATUS = UART + 5, PORT_END = 0xf4, PORT_SHUTDOWN = 0x8900 };
enum uart_bits { STATUS_FIFO_EMPTY = 0x20, STATUS_IDLE = 0x40 };
enum { BSS_WORDS = 16384, DATA_WORDS = 4096 };
enum control_bits { CR0_PE = 1, EFLAGS_IF = 1 << 9 };
#define CR0_PG (1u << 31)

static u32 checks, failed;
static const char *guest;

/* Zero in the file's account, if it is loaded as it should be; several pages of each kind. */
static volatile u32 bss[BSS_WORDS];
static volatile u32 data[DATA_WORDS] = {
    [0] = 1, [1023] = 1023, [1024] = 1024, [DATA_WORDS - 1] = 7};

static u8 in8(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void put(char c)
{
    while (!(in8(UART_STATUS) & STATUS_FIFO_EMPTY))
        ;
    out8(UART, (u8)c);
}

void plain_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void hexadecimal(u64 number)
{
    unsigned shift = 60;

    plain_text("0x");
    while (shift && !(number >> shift))
        shift -= 4;
    for (;; shift -= 4) {
        put("0123456789abcdef"[number >> shift & 0xf]);
        if (!shift)
            return;
    }
}

void plain_number(const char *text, u64 number)
{
    plain_text(text);
    hexadecimal(number);
}

void plain_begin(const char *name)
{
    static const u8 setup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};

    for (unsigned i = 0; i < ARRAY_SIZE(setup); i++)
        out8((u16)(UART + setup[i][0]), setup[i][1]);
    guest = name;
    plain_text("@guest {\"name\":\"");
    plain_text(name);
    plain_text("\",\"platform\":\"plain\",\"tsc_khz\":0}\n");
}

void plain_check(const char *what, u64 expected, u64 got)
{
    checks++;
    if (expected == got)
        return;
    failed++;
    plain_text("@check {\"what\":\"");
    plain_text(what);
    plain_number("\",\"expected\":\"", expected);
    plain_number("\",\"got\":\"", got);
    plain_text("\"}\n");
}

void plain_true(const char *what, bool cond)
{
    plain_check(what, 1, cond);
}

static bool digit(char c, u32 *value)
{
    if (c >= '0' && c <= '9')
        *value = *value << 4 | (u32)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *value = *value << 4 | (u32)(c - 'a' + 10);
    else
        return false;
    return true;
}

bool plain_option(const char *line, const char *key, u32 *value)
{
    for (const char *at = line; *at; at++) {
        unsigned n = 0;

        if (at > line && at[-1] != ' ')
            continue;
        while (key[n] && at[n] == key[n])
            n++;
        if (key[n])
            continue;
        *value = 0;
        while (digit(at[n], value))
            n++;
        return true;
    }
    return false;
}

u32 plain_sum(u32 address, u32 bytes, u32 sum)
{
    const u8 *byte = plain_at(address);

    for (u32 i = 0; i < bytes; i++)
        sum = sum * 31 + byte[i];
    return sum;
}

void plain_check_memory(void)
{
    u32 not_zero = 0;

    for (unsigned i = 0; i < BSS_WORDS; i++)
        not_zero += bss[i] != 0;
    plain_check("words of .bss that are not zero", 0, not_zero);
    plain_true("data at the end of a page", data[1023] == 1023 && data[1024] == 1024);
    plain_true("data at the end of the file", data[0] == 1 && data[DATA_WORDS - 1] == 7);
}

void plain_check_processor(void)
{
    uintptr_t cr0, flags;
    u32 limit, cs, ss;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("pushf; pop %0" : "=r"(flags));
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    plain_check("CR0.PE and CR0.PG", CR0_PE, cr0 & (CR0_PE | CR0_PG));
    plain_check("EFLAGS.IF", 0, flags & EFLAGS_IF);
    __asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(cs));
    plain_check("limit of CS in the loader's GDT", 0xffffffff, limit);
    __asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(ss));
    plain_check("limit of SS in the loader's GDT", 0xffffffff, limit);
    __asm__ volatile("mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(ss));
}

static void say_done(void)
{
    plain_text("@done {\"name\":\"");
    plain_text(guest);
    plain_text(failed ? "\",\"ok\":false" : "\",\"ok\":true");
    plain_text(",\"checks\":");
    for (u32 unit = 10000, begun = 0; unit; unit /= 10) {
        begun |= checks / unit || unit == 1;
        if (begun)
            put((char)('0' + checks / unit % 10));
    }
    plain_text(failed ? ",\"failed\":1}\n" : ",\"failed\":0}\n");
}

void plain_end(void)
{
    const char *word = "Shutdown";

    say_done();
    while (!(in8(UART_STATUS) & STATUS_IDLE))
        ;
    out8(PORT_END, failed != 0);
    while (failed && *word)
        out8(PORT_SHUTDOWN, (u8)*word++);
    __asm__ volatile("xchgw %bx, %bx");
    for (;;)
        __asm__ volatile("cli; hlt");
}
