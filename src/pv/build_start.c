/*
 * What a new paravirtualized guest reads first: start_info and the list of its machine frames.
 * Source: xen/xen.h, struct start_info.
 */
#include "boot.h"
#include "build.h"
#include "frame.h"
#include "log.h"

#include <string.h>

static void hand_over_initrd(const struct building *b, struct start_info *s)
{
    s->mod_len = b->d->initrd->end - b->d->initrd->start;
    if (b->initrd_unmapped) {
        s->mod_start = b->initrd;
        s->flags |= SIF_MOD_START_PFN;
    } else {
        s->mod_start = va_of(b, b->initrd);
    }
}

void build_start_info(const struct building *b, u32 console_port, u32 store_port)
{
    struct start_info *s = page_at(b, b->start_info);
    const char *line = b->d->config.args;

    _Static_assert(sizeof(*s) <= PAGE_SIZE, "one page");
    format_text(s->magic, sizeof(s->magic), "xen-3.0-x86_64");
    s->nr_pages = b->pages;
    s->shared_info = mfn_to_mpa(frame_mfn(b->d->pv->shared_frame)).v;
    s->console.domU.mfn = b->mfn[b->console];
    s->console.domU.evtchn = console_port;
    s->store_mfn = b->mfn[b->store];
    s->store_evtchn = store_port;
    s->pt_base = va_of(b, b->tables);
    s->nr_pt_frames = b->table_count;
    s->mfn_list = b->p2m_apart ? b->p2m_base : va_of(b, b->p2m);
    s->first_p2m_pfn = b->p2m;
    s->nr_p2m_frames = b->p2m_pages;
    if (b->initrd_pages)
        hand_over_initrd(b, s);
    memcpy(s->cmd_line, line, MIN(strlen(line), sizeof(s->cmd_line) - 1));
}

void build_p2m(const struct building *b)
{
    enum { PER_PAGE = PAGE_SIZE / sizeof(u64) };

    for (u64 i = 0; i < b->pages; i++)
        ((u64 *)page_at(b, b->p2m + i / PER_PAGE))[i % PER_PAGE] = b->mfn[i];
}
