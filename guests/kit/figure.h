/*
 * Measuring: one operation, again and again, in ticks; its own overhead taken off; then once more
 * inside a region of the ledger. See docs/formats.md, `@figure`.
 */
#ifndef KIT_FIGURE_H
#define KIT_FIGURE_H

#include "kit/types.h"

enum figure_limits { FIGURE_SAMPLES = 129, FIGURE_DEFAULT = 33 };

struct figure {
    const char *name;      /* short snake_case */
    void (*op)(void);      /* the operation: the harness takes the time ... */
    u64 (*sample)(void);   /* ... or: does it once and returns its ticks, overhead included */
    u64 (*overhead)(void); /* the same as sample without the operation itself; or NULL: none */
    void (*before)(void);  /* outside of the time; or NULL */
    void (*after)(void);
    unsigned per; /* op does so many operations: divide; 0 is 1 */
    unsigned n;   /* measurements; 0: FIGURE_DEFAULT */
    unsigned ops; /* times in the ledger region; 0: as many as n; NO_LEDGER: none */
};
enum { NO_LEDGER = ~0u };

/* Measures f and prints its line. Returns the median. */
u64 figure(const struct figure *f);
/* Prints a figure that was not measured by repetition. */
void figure_value(const char *name, u64 value, const char *unit);
/* Prints that a figure has no meaning here, and why. */
void figure_none(const char *name, const char *why);
/* True, and said in the guest's own name: it is for full virtualization, and runs under
 * paravirtualization. */
bool not_for_pv(void);
/* Prints the line for samples that were taken elsewhere, their overhead already off.
 * again, if not NULL, does the same operation ops times, which is then done in a ledger region. */
u64 figure_samples(const char *name, const u64 *sample, unsigned n, void (*again)(void),
                   unsigned ops);

#endif
