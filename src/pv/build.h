/*
 * A paravirtualized domain while it is built: which page of its memory is what. Page numbers count
 * from VIRT_BASE, and are the guest's frame numbers too.
 */
#ifndef BUILD_H
#define BUILD_H

#include "elf_image.h"
#include "layout.h"
#include "pv.h"

struct building {
    struct domain *d;     /* whose */
    u64 *mfn;             /* machine frame of each page */
    unsigned mfn_order;   /* of its allocation */
    u64 pages;            /* all of the domain's memory */
    u64 virt_base;        /* virtual address of page 0 */
    u64 p2m_base;         /* virtual address of the list of frames */
    u64 image_pages;      /* the image begins at page 0 */
    u64 initrd;           /* first page of each part, in the order of build_layout.c */
    u64 p2m, start_info;  /* the list of frames; struct start_info */
    u64 store, console;   /* the rings' pages */
    u64 tables, stack;    /* the page tables, the L4 first; one page */
    u64 p2m_pages;        /* pages of the list of frames */
    u64 initrd_pages;     /* of the RAM disk; 0: there is none */
    u64 table_count;      /* pages of page tables */
    u64 end;              /* first page that is not mapped from VIRT_BASE on */
    bool p2m_apart;       /* the list is mapped at INIT_P2M, not from VIRT_BASE on */
    bool initrd_unmapped; /* the RAM disk is handed over by frame number */
};

static inline void *page_at(const struct building *b, u64 page)
{
    return mfn_to_va(mfn_of(b->mfn[page]));
}
static inline u64 va_of(const struct building *b, u64 page)
{
    return b->virt_base + (page << PAGE_SHIFT);
}

/* build_layout.c */
/* What the notes ask for that has no answer here: a sentence, or NULL. Sets virt_base and where the
 * list of frames and the RAM disk are wanted. */
const char *build_read_notes(struct building *b, const struct elf_notes *n);
/* Where everything goes; false: the memory is too small. */
bool build_lay_out(struct building *b);
/* Fills the page tables. */
void build_tables(const struct building *b);
/* build_start.c: what the guest reads first: start_info, and the list of its frames. */
void build_start_info(const struct building *b, u32 console_port, u32 store_port);
void build_p2m(const struct building *b);

#endif
