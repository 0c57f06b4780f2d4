/*
 * An attack: what is tried, and the one outcome that counts as repelled. Any other fails.
 */
#ifndef HOSTILE_ATTACK_H
#define HOSTILE_ATTACK_H

#include "kit/types.h"

enum outcome_kind {
    VALUE,   /* a number was returned */
    TRAPPED, /* the attempt ended in a trap of the guest's own */
};

/* What came of an attempt that the guest survived. */
struct outcome {
    enum outcome_kind kind; /* see there */
    unsigned vector;        /* TRAPPED: which */
    u64 error;              /* TRAPPED: its error code, if the vector has one */
    s64 value;              /* VALUE: the result, a negative one is -errno */
};

enum attack_end {
    SURVIVES, /* the guest goes on, and the outcome is compared */
    KILLED,   /* the hypervisor ends this life, for the reason `detail` */
    CRASHES,  /* the guest brings itself down, and `detail` says how */
};

struct attack {
    const char *name;    /* for people and @attack */
    enum attack_end end; /* what it does to this life */
    struct outcome (*attempt)(void);
    struct outcome expected; /* SURVIVES */
    const char *detail;      /* otherwise: words of the domain's end */
};

#define RETURNS(v)                                                                                 \
    {                                                                                              \
        .kind = VALUE, .value = (v)                                                                \
    }
#define FAULTS(vec, e)                                                                             \
    {                                                                                              \
        .kind = TRAPPED, .vector = (vec), .error = (e)                                             \
    }

/* Each file's attacks; those of a platform are chosen in main.c. */
struct attack_list {
    const struct attack *attack; /* the first */
    unsigned count;              /* how many */
};
extern const struct attack_list full_memory_attacks, full_processor_attacks, full_device_attacks;
extern const struct attack_list full_storm_attacks;
extern const struct attack_list pv_memory_attacks, pv_call_attacks, pv_processor_attacks;
extern const struct attack_list pv_sharing_attacks, pv_device_attacks, pv_ring_attacks,
    pv_linear_attacks;
extern const struct attack_list common_attacks, random_attacks;
extern const struct attack_list full_user_attacks, pv_user_attacks;

/* Runs code that may trap. The trap ends it, and its outcome says which; or VALUE with what the
 * code returned. */
struct outcome probe(s64 (*code)(void));
/* The trap handlers behind probe. Called once. */
void probe_init(void);
/* Address (CR2) of the last page fault that a probe took. */
u64 probe_fault_address(void);

static inline struct outcome returned(s64 value)
{
    return (struct outcome){.kind = VALUE, .value = value};
}

/* A repeatable sequence of numbers: SplitMix64. */
extern u64 random_state;
u64 random_next(void);

#endif
