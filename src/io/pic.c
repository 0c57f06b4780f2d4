/*
 * The 8259A: requests, priorities, commands.
 *
 * Invariants: `irr` of a level-triggered input is its level; of an edge-triggered one it is set by
 * a rise and cleared by an acknowledgement or a fall (the request must stay until it is
 * acknowledged, or it is gone); pic->intr is whether the master has a request that its mask and
 * what is in service let pass. Every change ends in update().
 */
#include "pic.h"

#include "bytes.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "wiring.h"

enum pic_ports {
    PIC_MASTER_COMMAND = 0x20,
    PIC_SLAVE_COMMAND = 0xa0,
    PIC_ELCR = 0x4d0, /* and 0x4d1 */
    PIC_DATA = 1,     /* added: the odd port */
};

/* "Initialization Command Words", "Operation Command Words" */
enum pic_commands {
    ICW1 = 1 << 4,
    ICW1_IC4 = 1 << 0,
    ICW1_SINGLE = 1 << 1,
    ICW1_LEVEL = 1 << 3,
    ICW2_BASE = 0xf8,
    ICW4_AUTO_EOI = 1 << 1,
    ICW4_NESTED = 1 << 4,
    OCW2_LEVEL = 7,
    OCW2_SHIFT = 5, /* R, SL, EOI */
    OCW3 = 1 << 3,
    OCW3_READ_ISR = 1 << 0,
    OCW3_READ = 1 << 1,
    OCW3_POLL = 1 << 2,
    OCW3_MASK = 1 << 5,
    OCW3_SET_MASK = 1 << 6,
    POLL_REQUEST = 1 << 7,
};
/* OCW2's commands, by R, SL, EOI */
enum ocw2 {
    ROTATE_AUTO_CLEAR,
    EOI,
    NO_OPERATION,
    SPECIFIC_EOI,
    ROTATE_AUTO_SET,
    ROTATE_EOI,
    SET_PRIORITY,
    ROTATE_SPECIFIC_EOI,
};

enum pic_values { IR_CASCADE = 2, IR_SPURIOUS = 7, INPUTS = 8, NONE = -1 };
/* Inputs that can be level-triggered: not the timer, keyboard and cascade; not the RTC and FPU. */
static const u8 elcr_writable[PIC_CHIPS] = {0xf8, 0xde};

/* The input with the highest priority of a set, which may be empty: NONE. */
static int highest(const struct i8259 *c, u8 inputs)
{
    for (unsigned i = 1; i <= INPUTS; i++) {
        unsigned input = (c->lowest + i) % INPUTS;
        if (inputs >> input & 1)
            return (int)input;
    }
    return NONE;
}

/* How far from the highest priority an input is; NONE is farthest. */
static unsigned distance(const struct i8259 *c, int input)
{
    return input == NONE ? INPUTS : (unsigned)(input + INPUTS - 1 - c->lowest) % INPUTS;
}

/* The request that the chip passes on, or NONE. "Fully Nested Mode", "Special Mask Mode". */
static int passed(const struct i8259 *c)
{
    int request = highest(c, c->irr & ~c->imr);
    u8 busy = c->isr;

    if (c->special_mask)
        busy &= ~c->imr;
    if (c->nested && c->level_cascade)
        busy &= ~(1u << IR_CASCADE);
    return distance(c, request) < distance(c, highest(c, busy)) ? request : NONE;
}

static u8 level_inputs(const struct i8259 *c)
{
    return c->all_level ? 0xff : c->elcr | (u8)(c->level_cascade ? 1 << IR_CASCADE : 0);
}

static void set_input(struct i8259 *c, unsigned input, bool high)
{
    u8 bit = (u8)(1 << input);

    if (high && (!(c->lines & bit) || level_inputs(c) & bit))
        c->irr |= bit;
    if (!high)
        c->irr &= ~bit;
    c->lines = high ? c->lines | bit : c->lines & ~bit;
}

static void update(struct pic *p)
{
    struct i8259 *master = &p->chip[PIC_MASTER];

    set_input(master, IR_CASCADE, passed(&p->chip[PIC_SLAVE]) != NONE);
    bool intr = passed(master) != NONE;
    if (intr == p->intr)
        return;
    p->intr = intr;
    wire_intr(p->domain, intr);
}

void pic_init(struct pic *p, struct domain *d)
{
    *p = (struct pic){.domain = d};
    for (unsigned i = 0; i < PIC_CHIPS; i++) {
        p->chip[i].imr = 0xff;
        p->chip[i].lowest = IR_SPURIOUS;
    }
    p->chip[PIC_MASTER].level_cascade = true;
}

void pic_set_line(struct pic *p, unsigned line, bool high)
{
    struct i8259 *c = &p->chip[line / INPUTS % PIC_CHIPS];

    if (line == IR_CASCADE)
        return;
    set_input(c, line % INPUTS, high);
    update(p);
}

bool pic_requested(const struct pic *p, unsigned line)
{
    return p->chip[line / INPUTS % PIC_CHIPS].irr >> line % INPUTS & 1;
}

bool pic_heard(const struct pic *p, unsigned line)
{
    return !(p->chip[line / INPUTS % PIC_CHIPS].imr >> line % INPUTS & 1);
}

/* The chip's part of an acknowledge cycle: the input. */
static unsigned acknowledge(struct i8259 *c)
{
    int input = passed(c);
    u8 bit;

    if (input == NONE)
        return IR_SPURIOUS; /* nothing is in service: "a default IR7" */
    bit = (u8)(1 << input);
    if (!(level_inputs(c) & bit))
        c->irr &= ~bit;
    if (!c->auto_eoi)
        c->isr |= bit;
    else if (c->rotate_auto)
        c->lowest = (u8)input;
    return (unsigned)input;
}

u8 pic_acknowledge(struct pic *p)
{
    struct i8259 *c = &p->chip[PIC_MASTER];
    unsigned input = acknowledge(c);

    if (input == IR_CASCADE) {
        c = &p->chip[PIC_SLAVE];
        input = acknowledge(c);
    }
    update(p);
    return (u8)(c->base + input);
}

/* ICW1: the chip begins anew; edges must come again. */
static void begin(struct i8259 *c, u8 value)
{
    c->single = value & ICW1_SINGLE;
    c->wants_icw4 = value & ICW1_IC4;
    c->all_level = value & ICW1_LEVEL;
    c->irr = c->lines & level_inputs(c);
    c->isr = c->imr = 0;
    c->lowest = IR_SPURIOUS;
    c->special_mask = c->read_isr = c->poll = false;
    c->auto_eoi = c->rotate_auto = c->nested = false;
    c->step = 2;
}

/* ICW2, ICW3, ICW4, each if it is expected. */
static void go_on(struct i8259 *c, u8 value)
{
    switch (c->step) {
    case 2:
        c->base = value & ICW2_BASE;
        c->step = !c->single ? 3 : c->wants_icw4 ? 4 : 0;
        break;
    case 3: /* the cascade is wired as it is */
        c->step = c->wants_icw4 ? 4 : 0;
        break;
    default:
        c->auto_eoi = value & ICW4_AUTO_EOI;
        c->nested = value & ICW4_NESTED;
        c->step = 0;
        break;
    }
}

/* "End of Interrupt (EOI)": of the input with the highest priority, without those that special
 * mask mode leaves alone. */
static int in_service(const struct i8259 *c)
{
    return highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);
}

static void write_ocw2(struct i8259 *c, u8 value)
{
    int level = value & OCW2_LEVEL;
    enum ocw2 command = value >> OCW2_SHIFT;

    switch (command) {
    case ROTATE_AUTO_CLEAR:
    case ROTATE_AUTO_SET:
        c->rotate_auto = command == ROTATE_AUTO_SET;
        return;
    case EOI:
    case ROTATE_EOI:
        level = in_service(c);
        break;
    case SPECIFIC_EOI:
    case ROTATE_SPECIFIC_EOI:
        break;
    case SET_PRIORITY:
        c->lowest = (u8)level;
        return;
    default:
        return;
    }
    if (level == NONE)
        return;
    c->isr &= ~(1u << level);
    if (command == ROTATE_EOI || command == ROTATE_SPECIFIC_EOI)
        c->lowest = (u8)level;
}

static void write_ocw3(struct i8259 *c, u8 value)
{
    if (value & OCW3_POLL)
        c->poll = true;
    if (value & OCW3_READ)
        c->read_isr = value & OCW3_READ_ISR;
    if (value & OCW3_SET_MASK)
        c->special_mask = value & OCW3_MASK;
}

static void write_command(struct i8259 *c, u8 value)
{
    if (value & ICW1)
        begin(c, value);
    else if (value & OCW3)
        write_ocw3(c, value);
    else
        write_ocw2(c, value);
}

static struct i8259 *chip_of(struct pic *p, u16 port)
{
    return &p->chip[(port >= PIC_ELCR ? port : port / PIC_SLAVE_COMMAND) & 1];
}

static void write_data(struct i8259 *c, u8 value)
{
    if (c->step)
        go_on(c, value);
    else
        c->imr = value;
}

void pic_write(struct pic *p, u16 port, u8 value)
{
    struct i8259 *c = chip_of(p, port);
    u8 masked = c->imr;

    if (port >= PIC_ELCR) {
        c->elcr = value & elcr_writable[c == &p->chip[PIC_SLAVE]];
        /* A level that is there is a request; a request that came by an edge stays. */
        c->irr |= c->lines & c->elcr;
    } else if (port & PIC_DATA) {
        write_data(c, value);
    } else {
        write_command(c, value);
    }
    update(p);
    if (masked & ~c->imr)
        wire_unmasked(p->domain);
}

/* "Poll Command": the read is the acknowledgement. */
static u8 poll(struct pic *p, struct i8259 *c)
{
    u8 value = 0;

    c->poll = false;
    if (passed(c) != NONE)
        value = (u8)(POLL_REQUEST | acknowledge(c));
    update(p);
    return value;
}

u8 pic_read(struct pic *p, u16 port)
{
    struct i8259 *c = chip_of(p, port);

    if (port >= PIC_ELCR)
        return c->elcr;
    if (c->poll)
        return poll(p, c);
    if (port & PIC_DATA)
        return c->imr;
    return c->read_isr ? c->isr : c->irr;
}

static u8 read_byte(void *device, u16 port)
{
    return pic_read(device, port);
}

static void write_byte(void *device, u16 port, u8 value)
{
    pic_write(device, port, value);
}

static u32 port_read_pic(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_pic(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

int pic_attach(struct domain *d)
{
    static const u16 ports[] = {PIC_MASTER_COMMAND, PIC_SLAVE_COMMAND, PIC_ELCR};
    static const struct port_ops ops = {.read = port_read_pic, .write = port_write_pic};
    struct pic *p = device_alloc(d, sizeof(*p), NULL);
    int error = 0;

    if (!p)
        return -ENOMEM;
    pic_init(p, d);
    d->io->pic = p;
    for (unsigned i = 0; i < ARRAY_SIZE(ports) && !error; i++)
        error = port_register(d, ports[i], 2, &ops, p);
    return error;
}
