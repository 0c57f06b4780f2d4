/*
 * The 8254's registers and its three counters. What a counter stands at is computed from the time
 * when somebody asks; nothing is done at each clock. Ticks are pit_tick.c's.
 *
 * Invariant: `start`, `reload` and `next` are those of the PIT clock at which sync() was last
 * called; each access begins with it.
 */
#include "pit.h"

#include "bytes.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "pit_tick.h"
#include "sched.h"
#include "timer.h"

enum pit_ports { PIT_BASE = 0x40, PIT_COMMAND = 3, PIT_PORTS = 4, PIT_SPEAKER = 0x61 };

/* "Control Word Format", "Read-Back Command" */
enum pit_bits {
    COMMAND_BCD = 1 << 0,
    COMMAND_MODE_SHIFT = 1, /* 3 bits; 6 and 7 are 2 and 3 */
    COMMAND_ACCESS_SHIFT = 4,
    COMMAND_CHANNEL_SHIFT = 6,
    ACCESS_LOW = 1,
    ACCESS_HIGH = 2,
    ACCESS_BOTH = 3,
    READ_BACK_NO_STATUS = 1 << 4,
    READ_BACK_NO_COUNT = 1 << 5,
    STATUS_NULL = 1 << 6,
    STATUS_OUT = 1 << 7,
    SPEAKER_GATE = 1 << 0,
    SPEAKER_WRITABLE = 3,
    SPEAKER_REFRESH = 1 << 4, /* changes with each refresh of the memory */
    SPEAKER_OUT = 1 << 5,
};
enum pit_numbers { REFRESH_CLOCKS = 18, BINARY_RANGE = 0x10000, BCD_RANGE = 10000 };

u64 pit_clock(const struct pit *p, u64 now)
{
    return device_clock_at(&p->clock, now);
}

void pit_init(struct pit *p, struct domain *d, u64 now)
{
    *p = (struct pit){.domain = d};
    device_clock_init(&p->clock, PIT_HZ, now);
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        p->channel[i].access = ACCESS_BOTH;
        p->channel[i].reload = BINARY_RANGE;
        p->channel[i].gate = i != PIT_CHANNELS - 1;
    }
    pit_tick_init(p);
}

static u32 range(const struct pit_channel *c)
{
    return c->bcd ? BCD_RANGE : BINARY_RANGE;
}

static bool is_periodic(const struct pit_channel *c)
{
    return c->mode == PIT_RATE || c->mode == PIT_SQUARE;
}

/* Modes 1 and 5 begin at a rise of GATE. */
static bool is_triggered(const struct pit_channel *c)
{
    return c->mode == PIT_ONE_SHOT || c->mode == PIT_TRIGGERED_STROBE;
}

/* A new count of a periodic mode takes effect at the end of the period in which it was written. */
static void sync(struct pit *p, struct pit_channel *c, u64 clock)
{
    if (!c->next || clock < c->next_at || c->paused)
        return;
    if (c == &p->channel[0])
        p->told -= (s64)((c->next_at - c->start) / c->reload);
    c->start = c->next_at;
    c->reload = c->next;
    c->next = 0;
}

/* PIT clocks since counting began. */
static u64 elapsed(const struct pit_channel *c, u64 clock)
{
    return c->paused ? c->held : clock - c->start;
}

/* Clocks into the current period. */
static u32 phase(const struct pit_channel *c, u64 clock)
{
    return (u32)(elapsed(c, clock) % c->reload);
}

static bool out(const struct pit_channel *c, u64 clock)
{
    if (!c->running)
        return c->mode != PIT_TERMINAL;
    switch (c->mode) {
    case PIT_TERMINAL:
    case PIT_ONE_SHOT:
        return elapsed(c, clock) >= c->reload;
    case PIT_RATE:
        return c->paused || phase(c, clock) != c->reload - 1;
    case PIT_SQUARE:
        return c->paused || phase(c, clock) < (c->reload + 1) / 2;
    default: /* the strobes: low for one clock */
        return elapsed(c, clock) != c->reload;
    }
}

static u32 square_count(const struct pit_channel *c, u64 clock)
{
    u32 at = phase(c, clock), half = (c->reload + 1) / 2;

    return (c->reload & ~1u) - 2 * (at < half ? at : at - half);
}

static u32 binary_count(const struct pit_channel *c, u64 clock)
{
    if (!c->running)
        return c->reload;
    if (c->mode == PIT_RATE)
        return c->reload - phase(c, clock);
    if (c->mode == PIT_SQUARE)
        return square_count(c, clock);
    /* "When the counter reaches zero it wraps around and continues counting" */
    return (u32)((c->reload + range(c) - elapsed(c, clock) % range(c)) % range(c));
}

static u16 to_bcd(u32 n)
{
    return (u16)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

static u32 from_bcd(u16 n)
{
    return (n & 0xf) + (n >> 4 & 0xf) * 10u + (n >> 8 & 0xf) * 100u + (n >> 12) * 1000u;
}

static u16 count(const struct pit_channel *c, u64 clock)
{
    u32 n = binary_count(c, clock);

    return c->bcd ? to_bcd(n) : (u16)n;
}

u16 pit_count(struct pit *p, unsigned channel, u64 now)
{
    struct pit_channel *c = &p->channel[channel % PIT_CHANNELS];

    sync(p, c, pit_clock(p, now));
    return count(c, pit_clock(p, now));
}

bool pit_out(struct pit *p, unsigned channel, u64 now)
{
    struct pit_channel *c = &p->channel[channel % PIT_CHANNELS];

    sync(p, c, pit_clock(p, now));
    return out(c, pit_clock(p, now));
}

static void begin(struct pit_channel *c, u64 clock)
{
    c->start = clock;
    c->held = 0;
    c->next = 0;
    c->running = true;
    c->paused = !c->gate && !is_triggered(c);
}

/* A whole count has been written. */
static void load(struct pit_channel *c, u16 value, u64 clock)
{
    u32 n = c->bcd ? from_bcd(value) : value;
    bool was_running = c->running;

    if (!n)
        n = range(c);
    if (was_running && is_periodic(c)) {
        c->next = n;
        c->next_at = clock + c->reload - phase(c, clock);
        return;
    }
    c->loaded = true;
    c->reload = n;
    if (!is_triggered(c))
        begin(c, clock);
}

static void write_count(struct pit *p, struct pit_channel *c, u8 value, u64 clock)
{
    if (c->access == ACCESS_BOTH && !c->high_next) {
        c->low = value;
        c->high_next = true;
        if (c->mode == PIT_TERMINAL)
            c->running = false; /* "writing the first byte disables counting" */
        return;
    }
    c->high_next = false;
    if (c->access == ACCESS_LOW)
        load(c, value, clock);
    else
        load(c, (u16)(value << 8 | (c->access == ACCESS_BOTH ? c->low : 0)), clock);
    if (c == &p->channel[0])
        pit_tick_loaded(p, c->next != 0);
}

/* Bytes that a latched count is read in. */
static void latch_count(struct pit_channel *c, u64 clock)
{
    if (c->latched)
        return; /* "the first one holds until it is read" */
    c->latch = count(c, clock);
    c->latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct pit_channel *c, u64 clock)
{
    if (c->has_status)
        return;
    c->status = (u8)(c->bcd | c->mode << COMMAND_MODE_SHIFT | c->access << COMMAND_ACCESS_SHIFT);
    if (!c->loaded || c->next)
        c->status |= STATUS_NULL;
    if (out(c, clock))
        c->status |= STATUS_OUT;
    c->has_status = true;
}

static void read_back(struct pit *p, u8 value, u64 clock)
{
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        struct pit_channel *c = &p->channel[i];
        if (!(value >> (i + 1) & 1))
            continue;
        sync(p, c, clock);
        if (!(value & READ_BACK_NO_COUNT))
            latch_count(c, clock);
        if (!(value & READ_BACK_NO_STATUS))
            latch_status(c, clock);
    }
}

static void write_command(struct pit *p, u8 value, u64 clock)
{
    unsigned which = value >> COMMAND_CHANNEL_SHIFT;
    u8 access = value >> COMMAND_ACCESS_SHIFT & ACCESS_BOTH;
    u8 mode = value >> COMMAND_MODE_SHIFT & 7;
    struct pit_channel *c;

    if (which == PIT_CHANNELS) {
        read_back(p, value, clock);
        return;
    }
    c = &p->channel[which];
    sync(p, c, clock);
    if (!access) {
        latch_count(c, clock);
        return;
    }
    *c = (struct pit_channel){.access = access,
                              .mode = mode > PIT_TRIGGERED_STROBE ? mode & 3 : mode,
                              .bcd = value & COMMAND_BCD,
                              .gate = c->gate,
                              .reload = c->reload};
    if (c == &p->channel[0])
        pit_tick_stop(p);
}

static void set_gate(struct pit_channel *c, bool gate, u64 clock)
{
    bool rises = gate && !c->gate, falls = !gate && c->gate;

    c->gate = gate;
    if (rises && c->loaded && (is_triggered(c) || is_periodic(c))) {
        if (c->next)
            c->reload = c->next;
        begin(c, clock);
    } else if (rises && c->paused) {
        c->start = clock - c->held;
        c->paused = false;
    } else if (falls && c->running && !is_triggered(c)) {
        c->held = elapsed(c, clock);
        c->paused = true;
    }
}

static u8 read_count(struct pit_channel *c, u64 clock)
{
    u16 value = c->latched ? c->latch : count(c, clock);
    bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high_next);

    if (c->has_status) {
        c->has_status = false;
        return c->status;
    }
    if (c->latched)
        c->latched--;
    if (c->access == ACCESS_BOTH)
        c->read_high_next = !high;
    return (u8)(high ? value >> 8 : value);
}

u8 pit_read(struct pit *p, u16 port, u64 now)
{
    u64 clock = pit_clock(p, now);
    struct pit_channel *c = &p->channel[port == PIT_SPEAKER ? 2 : (port - PIT_BASE) % PIT_PORTS];

    if (port == PIT_BASE + PIT_COMMAND)
        return 0xff; /* write-only */
    sync(p, c, clock);
    if (port != PIT_SPEAKER)
        return read_count(c, clock);
    return (u8)(p->speaker | (clock / REFRESH_CLOCKS & 1 ? SPEAKER_REFRESH : 0) |
                (out(c, clock) ? SPEAKER_OUT : 0));
}

void pit_write(struct pit *p, u16 port, u8 value, u64 now)
{
    u64 clock = pit_clock(p, now);
    struct pit_channel *c;

    if (port == PIT_SPEAKER) {
        p->speaker = value & SPEAKER_WRITABLE;
        c = &p->channel[PIT_CHANNELS - 1];
        sync(p, c, clock);
        set_gate(c, value & SPEAKER_GATE, clock);
        return;
    }
    if ((port - PIT_BASE) % PIT_PORTS == PIT_COMMAND) {
        write_command(p, value, clock);
    } else {
        c = &p->channel[(port - PIT_BASE) % PIT_PORTS];
        sync(p, c, clock);
        write_count(p, c, value, clock);
    }
    pit_tick_arm(p, now);
}

static u8 read_byte(void *device, u16 port)
{
    return pit_read(device, port, sched_now());
}

static void write_byte(void *device, u16 port, u8 value)
{
    pit_write(device, port, value, sched_now());
}

static u32 port_read_pit(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_pit(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

static void stop(void *device)
{
    timer_cancel(&((struct pit *)device)->timer);
}

int pit_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_pit, .write = port_write_pit};
    struct pit *p = device_alloc(d, sizeof(*p), stop);
    int error;

    if (!p)
        return -ENOMEM;
    pit_init(p, d, sched_now());
    d->io->pit = p;
    error = port_register(d, PIT_BASE, PIT_PORTS, &ops, p);
    return error ? error : port_register(d, PIT_SPEAKER, 1, &ops, p);
}
