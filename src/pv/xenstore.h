/*
 * XenStore, a domain's own: a tree of names and values that the guest and its hypervisor share,
 * reached by messages over a ring. Source: xen/io/xs_wire.h; Xen's docs/misc/xenstore.txt.
 *
 * Each domain sees a store of its own; nothing in it is another's. What the guest names without a
 * leading / lies in its home, /local/domain/ID, and only there may it write. Made when the guest
 * first asks.
 */
#ifndef XENSTORE_H
#define XENSTORE_H

#include "domain.h"

#include <xen/io/xs_wire.h>

enum xenstore_limits {
    STORE_BYTES = 8 << 10, /* of a tree */
    STORE_ORDER = 1,
    STORE_WATCHES = 16,
    STORE_TRANSACTIONS = 2,
    STORE_PATH_MAX = 256,  /* a path's bytes, its end included */
    STORE_TOKEN_MAX = 128, /* a watch's token, its end included */
    STORE_PERMS_MAX = 64,  /* a node's permissions */
    STORE_OUT_BYTES = 8 << 10,
};

/* A tree: records one behind the other, each a path and its value. A record's parent has a record,
 * but for the topmost. */
struct store_tree {
    u32 used; /* bytes of records */
    u8 record[STORE_BYTES - sizeof(u32)];
};
_Static_assert(sizeof(struct store_tree) == STORE_BYTES, "whole pages");

/* xenstore_tree.c. Paths are absolute and have been checked (store_path). */
/* The value, or NULL; *len: its bytes. */
const u8 *store_read(const struct store_tree *t, const char *path, u32 *len);
/* Makes the node and its parents if need be. 0, -ENOSPC. */
int store_write(struct store_tree *t, const char *path, const void *value, u32 len);
/* What was set of its permissions, each with its end: bytes; 0: nothing was, or there is no such
 * node. A new node has its parent's. */
u32 store_perms(const struct store_tree *t, const char *path, char out[STORE_PERMS_MAX]);
/* 0, -ENOENT, -ENOSPC. */
int store_set_perms(struct store_tree *t, const char *path, const char *perms, u32 len);
/* With all below it; false: there was none. */
bool store_remove(struct store_tree *t, const char *path);
/* The names of its children, each with its end, from byte `from` of their list on and as far as
 * they fit into *size, which becomes the bytes written; bytes of the whole list. */
u32 store_children(const struct store_tree *t, const char *path, u32 from, char *out, u32 *size);
/* Looks at one record of the two trees, the one at *at (0 to begin with, a->used + b->used: none is
 * left), and moves *at on. Its path if its value is not the same in both, or NULL. */
const char *store_difference(const struct store_tree *a, const struct store_tree *b, u32 *at);
/* Is the node `path`, or below it? */
bool store_is_below(const char *node, const char *path);

struct store_watch {
    bool used;                   /* somebody watches */
    bool relative;               /* the path was given so, and is told so */
    bool owed;                   /* an event had no room: it is told later */
    char path[STORE_PATH_MAX];   /* absolute */
    char token[STORE_TOKEN_MAX]; /* the guest's word for it */
};

struct store_transaction {
    u32 id;                  /* 0: free */
    u32 generation;          /* of the store when it began */
    struct store_tree *tree; /* the copy that it works on */
};

struct xenstore {
    struct domain *domain;                           /* whose */
    struct store_tree *tree;                         /* what is stored */
    u32 generation;                                  /* changes so far */
    u32 last_transaction;                            /* the newest id */
    struct store_transaction tx[STORE_TRANSACTIONS]; /* those that are open */
    struct store_tree *before;           /* what it was before a transaction, or NULL: */
    u32 compared;                        /* as far as watches have heard of that */
    struct store_watch *watch;           /* STORE_WATCHES */
    bool broken;                         /* the guest broke the protocol */
    u32 in_length, out_length, out_done; /* bytes of the two that follow */
    u8 *in;                              /* the request that arrives */
    u8 *out;                             /* what has no room in the ring yet */
    char home[32];                       /* /local/domain/ID */
};

/* xenstore_ring.c: a domain's store, furnished; NULL: no memory. */
struct xenstore *store_make(struct domain *d);
/* xenstore_ops.c: one request, whole, its body ended by a 0 beyond its length. Appends its answer
 * to s->out. */
void store_request(struct xenstore *s, const struct xsd_sockmsg *head, u8 *body);
/* Watches and open transactions are gone. */
void store_reset(struct xenstore *s);
/* Tells what is owed, as far as there is room. */
void store_tell_owed(struct xenstore *s);
/* Tells the watches what the last transaction has changed; false: time is up before all of it. */
bool store_tell_transaction(struct xenstore *s);
/* xenstore_message.c: appends a message to s->out; false: there is no room. */
bool store_answer(struct xenstore *s, const struct xsd_sockmsg *to, u32 type, const void *body,
                  u32 len);
void store_error(struct xenstore *s, const struct xsd_sockmsg *to, int error);

#endif
