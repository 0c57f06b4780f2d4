/*
 * A domain's second stage: the tables that translate its frame numbers to machine frames, and what
 * is counted about them. The builder (stage2.c) is shared by all formats of entries; a format is
 * data, in a file of its own (ept.c).
 */
#ifndef STAGE2_H
#define STAGE2_H

#include "types.h"

enum stage2_levels {
    STAGE2_TOP = 4,
    STAGE2_BITS = 9,
    STAGE2_2M_FRAMES = 1 << STAGE2_BITS,
    STAGE2_1G_FRAMES = 1 << 2 * STAGE2_BITS,
};

struct frame;

/* How entries are written. */
struct stage2_format {
    u64 present;  /* an entry with none of these bits maps nothing */
    u64 table;    /* bits of an entry that points to a table */
    u64 leaf;     /* bits of an entry that maps RAM, all rights, write-back */
    u64 read;     /* the bit of a leaf that permits reads, where fetches may go without */
    u64 write;    /* the bit of a leaf that permits writes */
    u64 page;     /* the bit that makes an entry above level 1 a leaf */
    u64 accessed; /* the bits of a leaf that the processor sets, if told to: it was used */
    u64 dirty;    /* it was written */
    u64 address;  /* the machine address in an entry */
};
extern const struct stage2_format ept_format;
/* The processor's. */
extern const struct stage2_format *stage2_format;

struct physmap {
    u64 *root;             /* the level-4 table */
    u64 *last_table;       /* the level-1 table found last, or NULL */
    u64 last_region;       /* gfn >> STAGE2_BITS of what it maps */
    struct frame *reserve; /* frames of the domain's that are in no leaf yet: the next one */
    u32 reserve_left;      /* how many there are from there on */
    u64 ram_frames;        /* RAM is gfn 0 .. ram_frames - 1 */
    u64 released;          /* at its end: of the gfns below, the frames have been given back */
    u64 tables;            /* frames that the tables take, the root included */
    u64 mapped_4k;         /* leaves at level 1 */
    u64 mapped_2m;         /* leaves at level 2 */
    u64 mapped_1g;         /* leaves at level 3 */
    bool small_pages;      /* no leaves above level 1 */
    bool dirty_log;        /* the dirty log is on: no leaves above level 1 */
    bool by_processor;     /* it is the processor's (write_log.c), not by write protection */
    bool accessed_log;     /* the accessed log is on: no leaves above level 1 */
};

/* Which entry of a table of this level (1 to 4) gfn belongs to. */
static inline unsigned stage2_index(u64 gfn, unsigned level)
{
    return gfn >> (STAGE2_BITS * (level - 1)) & ((1u << STAGE2_BITS) - 1);
}

/* The level-1 entry of gfn if it is in the table found last, which stays where it is; or NULL. */
static inline u64 *stage2_recent(const struct physmap *p, u64 gfn)
{
    if (unlikely(gfn >> STAGE2_BITS != p->last_region || !p->last_table))
        return NULL;
    return &p->last_table[gfn % (1u << STAGE2_BITS)];
}
/* Walks the tables from the root: the leaf that maps gfn, or the empty entry at which the way to it
 * ends. *level is that of the table in which the entry lies. Makes nothing. */
u64 *stage2_find(struct physmap *p, u64 gfn, unsigned *level);
/* The entry for gfn in its table of a level, be it empty or not; tables that are missing on the way
 * there are made. NULL: no memory, or a larger leaf is in the way (split it first). */
u64 *stage2_make(struct physmap *p, u64 gfn, unsigned level);
/* How many frames a leaf at this level maps. */
static inline u64 stage2_frames(unsigned level)
{
    return 1ULL << STAGE2_BITS * (level - 1);
}
/* Replaces the 2 MiB leaf at entry by a table of 512 leaves of 4 KiB, to the same frames and with
 * the same right to write, and counts them anew. 0; or -ENOMEM, and nothing has changed. The table
 * is whole before the entry names it, by one store, the last. Every translation stays what it was,
 * so nothing is flushed. */
int stage2_split(struct physmap *p, u64 *entry);
/* Calls visit for every leaf, lowest gfn first. */
void stage2_each_leaf(struct physmap *p,
                      void (*visit)(void *context, u64 gfn, unsigned level, u64 *entry),
                      void *context);
/* The first leaf that maps `from` or something after it; *gfn is the first that it maps, *level
 * that of the table in which it lies. NULL: there is none. */
u64 *stage2_next_leaf(struct physmap *p, u64 from, u64 *gfn, unsigned *level);
/* Gives the tables back; leaves are the caller's. */
void stage2_free_tables(struct physmap *p);

/* A leaf for a table of this level (1, or 2: mfn is the first of 512 frames). */
static inline u64 stage2_leaf(mfn_t mfn, unsigned level, bool write)
{
    const struct stage2_format *f = stage2_format;

    return mfn_to_mpa(mfn).v | (write ? f->leaf : f->leaf & ~f->write) | (level > 1 ? f->page : 0);
}
/* It names a table or maps RAM; one that does neither is empty. */
static inline bool stage2_present(u64 entry)
{
    return entry & stage2_format->present;
}
/* A present entry in a table of this level maps RAM, and names no table. */
static inline bool stage2_is_leaf(u64 entry, unsigned level)
{
    return level == 1 || entry & stage2_format->page;
}
/* The frame that a present entry leads to: a table's, or the first of a leaf's. */
static inline mfn_t stage2_mfn(u64 entry)
{
    return mpa_to_mfn(mpa_of(entry & stage2_format->address));
}

#endif
