/*
 * Which domains run when: the order of the modules, domains=serial or together.
 */
#ifndef LIVES_H
#define LIVES_H

#include "types.h"

struct module;

enum {
    DOMAIN_PAGES_ORDER = 1,    /* struct domain takes 2^order pages */
    DOMAIN_SPARE_FRAMES = 256, /* frames cleared ahead beside a domain's own: tables, buffers */
};

/* Reads domains= and the modules' with=; called once before the first lives_start_next. */
void lives_init(void);
/* Makes and starts the next domain, or all that start together. False when no module is left. A
 * module that cannot be started is reported and counts as a failure. */
bool lives_start_next(void);
/* The RAM disks of the domain that image becomes: the n-th module (from 0) with initrd-for=NAME, or
 * NULL. Only some formats take more than one. */
const struct module *lives_initrd(const struct module *image, u32 n);
/* Its disk: the module with disk-for=NAME, or NULL. What is written there stays for its next life.
 */
const struct module *lives_disk(const struct module *image);
/* A domain has been marked doomed: the run loop should reap. */
void lives_note_doomed(void);
bool lives_reap_due(void);
/* The run loop does: what is marked from now on makes it due again. */
void lives_reaping(void);
/* Some domain ended other than expected, or could not start. */
void domain_note_failure(void);
/* Domains started so far. */
u32 lives_started(void);

#endif
