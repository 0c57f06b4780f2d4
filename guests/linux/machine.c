/*
 * What a shell cannot do: `machine figure NAME` prints the TSC as an @figure line, `machine stop
 * CODE` ends the machine as docs/formats.md says, `machine pattern` writes 8 MiB that are always
 * the same, `machine clock SECONDS` tells how many ticks of the TSC the kernel took for so many
 * seconds. A program of its own, without a C library.
 */
typedef unsigned long u64;
typedef long s64;

enum syscalls {
    SYS_WRITE = 1,
    SYS_IOCTL = 16,
    SYS_NANOSLEEP = 35,
    SYS_EXIT = 60,
    SYS_IOPL = 172,
    SYS_CLOCK_GETTIME = 228
};
enum ioctls { TCSBRK = 0x5409 }; /* with 1: waits until the terminal has sent everything */
enum ports { PORT_QEMU_EXIT = 0xf4, PORT_BOCHS_SHUTDOWN = 0x8900 };
enum pattern { PATTERN_BYTES = 8 << 20, CHUNK = 4096 };
enum clocks { CLOCK_MONOTONIC = 1 };
enum times { NS_PER_S = 1000000000, NAP_NS = 100000000, SPIN_NS = 50000000 };

static s64 syscall3(s64 number, s64 a, s64 b, s64 c)
{
    s64 result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

static void out8(unsigned short port, unsigned char value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u64 rdtsc(void)
{
    unsigned low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static void print(const char *s)
{
    u64 n = 0;

    while (s[n])
        n++;
    syscall3(SYS_WRITE, 1, (s64)s, (s64)n);
}

static void print_number(u64 n)
{
    char digits[24];
    char *at = digits + sizeof(digits) - 1;

    *at = 0;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    print(at);
}

static void figure(const char *name)
{
    u64 now = rdtsc();

    print("@figure {\"name\":\"");
    print(name);
    print("\",\"unit\":\"ticks\",\"ticks\":");
    print_number(now);
    print("}\n");
}

static u64 now_ns(void)
{
    s64 at[2]; /* seconds and nanoseconds */

    syscall3(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (s64)at, 0);
    return (u64)at[0] * NS_PER_S + (u64)at[1];
}

/* Sleeps for two thirds of the time and is busy for the rest: both ways the clock must go on. */
static void clock(const char *text)
{
    static const s64 nap[2] = {0, NAP_NS};
    u64 seconds = 0, ns, tsc, end;

    while (*text >= '0' && *text <= '9')
        seconds = seconds * 10 + (u64)(*text++ - '0');
    tsc = rdtsc();
    ns = now_ns();
    for (end = ns + seconds * NS_PER_S; now_ns() < end;) {
        u64 busy_until;

        syscall3(SYS_NANOSLEEP, (s64)nap, 0, 0);
        busy_until = now_ns() + SPIN_NS;
        while (now_ns() < busy_until)
            ;
    }
    ns = now_ns() - ns;
    tsc = rdtsc() - tsc;
    print("@figure {\"name\":\"clock\",\"unit\":\"ticks\",\"ticks\":");
    print_number(tsc);
    print(",\"ns\":");
    print_number(ns);
    print("}\n");
}

static void stop(int code)
{
    syscall3(SYS_IOCTL, 1, TCSBRK, 1);
    if (syscall3(SYS_IOPL, 3, 0, 0) < 0)
        return;
    out8(PORT_QEMU_EXIT, (unsigned char)code);
    for (const char *s = "Shutdown"; code && *s; s++)
        out8(PORT_BOCHS_SHUTDOWN, (unsigned char)*s);
    __asm__ volatile("xchg %bx, %bx");
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators"). */
static void pattern(void)
{
    static u64 chunk[CHUNK / sizeof(u64)];
    u64 state = 1;

    for (unsigned done = 0; done < PATTERN_BYTES; done += CHUNK) {
        for (unsigned i = 0; i < CHUNK / sizeof(u64); i++) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            chunk[i] = state * 0x2545f4914f6cdd1dUL;
        }
        for (s64 written = 0; written < CHUNK;) {
            s64 n = syscall3(SYS_WRITE, 1, (s64)chunk + written, CHUNK - written);

            if (n <= 0)
                return;
            written += n;
        }
    }
}

/* The stack at a program's start: argc, argv (System V ABI, AMD64 supplement, "Process
 * Initialization"). */
void begin(const u64 *stack);
void begin(const u64 *stack)
{
    const char *const *argv = (const char *const *)(stack + 1);

    if (stack[0] >= 2 && argv[1][0] == 'p')
        pattern();
    else if (stack[0] >= 3 && argv[1][0] == 'f')
        figure(argv[2]);
    else if (stack[0] >= 3 && argv[1][0] == 'c')
        clock(argv[2]);
    else if (stack[0] >= 3 && argv[1][0] == 's')
        stop(argv[2][0] - '0');
    syscall3(SYS_EXIT, 0, 0, 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call begin\n");
