/*
 * Segments: descriptors and the checks of loading them ("Protection", "Segment Descriptors").
 * Nothing here changes the processor; what is loaded is loaded by the hook write_segment at the
 * end.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "executor.h"

enum processor_mode { MODE_REAL, MODE_V86, MODE_PROTECTED };

/* "Segment Selectors" */
enum selector_bits { SELECTOR_RPL = 3, SELECTOR_LDT = 4, SELECTOR_INDEX = 0xfff8 };

/* "System Descriptor Types"; those with bit 3 are of 32 bits, in long mode of 64 */
enum system_type {
    SYSTEM_TSS_16 = 1,
    SYSTEM_LDT = 2,
    SYSTEM_CALL_GATE_16 = 4,
    SYSTEM_TASK_GATE = 5,
    SYSTEM_TSS = 9,
    SYSTEM_CALL_GATE = 12,
    SYSTEM_BUSY = 2, /* a TSS in use */
    SYSTEM_32 = 8,
};

/* A descriptor as it lies in a table. */
struct descriptor {
    u64 low, high;          /* high: the second half, of a system descriptor in long mode */
    u64 la;                 /* where it is */
    struct segment segment; /* what it says; of a gate only attr */
};

/* What is to be loaded into CS when control goes elsewhere. */
struct far_target {
    struct segment cs;
    u64 offset; /* the new RIP */
    u8 cpl;     /* the new CPL */
    u8 size;    /* enum code_size */
};

enum emulate_result processor_mode(struct emulate_ctx *ctx, enum processor_mode *mode);
enum emulate_result long_mode_active(struct emulate_ctx *ctx, bool *active);

static inline unsigned segment_dpl(const struct segment *s)
{
    return s->attr >> SEG_ATTR_DPL_SHIFT & 3;
}
static inline unsigned segment_type(const struct segment *s)
{
    return s->attr & SEG_ATTR_TYPE;
}
static inline bool is_null(u16 selector)
{
    return !(selector & ~SELECTOR_RPL);
}
static inline bool is_system(const struct segment *s)
{
    return !(s->attr & SEG_ATTR_S);
}
static inline bool is_code(const struct segment *s)
{
    return !is_system(s) && (s->attr & TYPE_CODE);
}
/* A fault that names a selector. */
static inline enum emulate_result raise_selector(struct emulate_ctx *ctx, u8 vector, u16 selector)
{
    return emulate_raise(ctx, vector, selector & ~SELECTOR_RPL);
}

/* Reads the descriptor of a selector that is not null; one that lies beyond its table raises
 * vector(selector). wide: 16 bytes. */
enum emulate_result read_descriptor(struct emulate_ctx *ctx, u16 selector, u8 vector, bool wide,
                                    struct descriptor *out);
/* Sets bits of a descriptor's type in its table. */
enum emulate_result mark_descriptor(struct emulate_ctx *ctx, struct descriptor *d, unsigned type);
/* A segment register as real and virtual-8086 mode load it. */
enum emulate_result real_segment(struct emulate_ctx *ctx, enum processor_mode mode, enum seg seg,
                                 u16 selector, struct segment *out);
/* What ES, SS, DS, FS or GS would be with this selector, in every mode; the fault if it may not. */
enum emulate_result check_segment(struct emulate_ctx *ctx, enum seg seg, u16 selector,
                                  struct segment *out);
/* DS, ES, FS, GS in protected mode: data, or code that can be read. vector: of faults but #NP. */
enum emulate_result check_data_segment(struct emulate_ctx *ctx, u16 selector, u8 vector,
                                       struct segment *out);
/* SS of privilege level cpl, in protected mode; vector: of faults but #SS and #NP. in_64: code
 * there is 64-bit, where SS may be null. */
enum emulate_result check_stack_segment(struct emulate_ctx *ctx, u16 selector, unsigned cpl,
                                        u8 vector, bool in_64, struct segment *out);
/* The last checks of a code segment that is to be entered at CPL target->cpl: #NP, its size, the
 * offset. Fills *target. */
enum emulate_result check_code_segment(struct emulate_ctx *ctx, u16 selector, struct descriptor *d,
                                       u64 offset, unsigned cpl, struct far_target *target);
/* Loads a segment register that has been checked. */
static inline enum emulate_result load_segment(struct emulate_ctx *ctx, enum seg seg,
                                               const struct segment *s)
{
    return HOOK(ctx, write_segment, seg, s);
}

#endif
