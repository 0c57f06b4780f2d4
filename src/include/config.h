/*
 * A domain's configuration: the words of its module's command line (docs/formats.md).
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "types.h"

enum config_limits {
    NAME_MAX_LEN = 24,     /* bytes of a domain's name, its end included */
    ARGS_MAX_LEN = 512,    /* bytes of the guest's own arguments */
    LIFE_MS_MAX = 3600000, /* an hour */
};

struct domain_config {
    char name[NAME_MAX_LEN]; /* name= */
    char with[NAME_MAX_LEN]; /* with=: starts together with that domain, or empty */
    char args[ARGS_MAX_LEN]; /* after ` -- ` */
    u64 mem_bytes;           /* mem=, a multiple of 4 KiB */
    u64 shadow_bytes;        /* shadow=, the pool of shadow tables */
    u32 vcpus;               /* vcpus= */
    u32 weight;              /* weight= */
    u32 start_at;            /* start_at=: the page below 1 MiB where it begins as a secondary
                              * processor does, or 0: at its image's entry */
    u32 life_ms;             /* life_ms=: how long a life may last, or 0: as long as it likes */
    bool eager;              /* populate=eager */
    bool small_pages;        /* pages=4k */
    bool log_by_processor;   /* dirty_log=pml */
    bool restart;            /* on_crash=restart */
};

/* Parses a command line into *c. Returns 0, or -EINVAL with a sentence in why (whysize bytes). */
int config_parse(const char *line, struct domain_config *c, char *why, size_t whysize);

#endif
