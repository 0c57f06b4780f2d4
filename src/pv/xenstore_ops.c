/*
 * XenStore's operations. Source: Xen's docs/misc/xenstore.txt.
 *
 * Invariants
 *  - A request is answered once; what it changed is told to the watches behind its answer.
 *  - A transaction works on a copy. It becomes the store only if the store has not changed since.
 *  - Watch events that have no room are owed, not lost.
 *  - To find what a transaction has changed takes long; it is done in pieces, and no request is
 * taken up before the end of it.
 */
#include "errno.h"

#include "frame.h"
#include "log.h"
#include "pv.h"
#include "sched.h"
#include "xenstore.h"

#include <string.h>

/* A request while it is carried out. */
struct request {
    struct xenstore *s;             /* whose */
    const struct xsd_sockmsg *head; /* what is asked */
    const char *body;               /* its strings */
    u32 len;                        /* bytes of it; body[len] is 0 */
    struct store_tree *tree;        /* the store, or the transaction's copy */
    char path[STORE_PATH_MAX];      /* the first string, absolute */
    bool relative;                  /* it was not */
    const char *rest;               /* what follows it */
    u32 rest_len;                   /* bytes of that */
};

static void ok(const struct request *r)
{
    store_answer(r->s, r->head, r->head->type, "OK", sizeof("OK"));
}

static bool good_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '/' || c == '@';
}

/* The first string as an absolute path. 0, -EINVAL. */
static int take_path(struct request *r)
{
    size_t length = strlen(r->body);
    int wrote;

    if (length == r->len || !length || length >= STORE_PATH_MAX)
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        if (!good_character(r->body[i]) || (r->body[i] == '/' && r->body[i + 1] == '/'))
            return -EINVAL;
    if (length > 1 && r->body[length - 1] == '/')
        return -EINVAL;
    r->relative = r->body[0] != '/';
    wrote = r->relative ? format_text(r->path, sizeof(r->path), "%s/%s", r->s->home, r->body)
                        : format_text(r->path, sizeof(r->path), "%s", r->body);
    r->rest = r->body + length + 1;
    r->rest_len = r->len - (u32)length - 1;
    return wrote < STORE_PATH_MAX ? 0 : -EINVAL;
}

/* Its node, or the top, which has no record. */
static int look_up(const struct request *r, const u8 **value, u32 *len)
{
    *value = store_read(r->tree, r->path, len);
    if (*value)
        return 0;
    *value = (const u8 *)"";
    *len = 0;
    return strcmp(r->path, "/") == 0 ? 0 : -ENOENT;
}

static bool is_there(const struct request *r)
{
    const u8 *value;
    u32 len;

    return !look_up(r, &value, &len);
}

/* One event; an owed one is of the watch itself. */
static void tell(struct xenstore *s, struct store_watch *w, const char *path)
{
    static const struct xsd_sockmsg unasked;
    char body[STORE_PATH_MAX + STORE_TOKEN_MAX];
    const char *told = w->relative ? path + strlen(s->home) + 1 : path;
    u32 length = (u32)strlen(told) + 1, token = (u32)strlen(w->token) + 1;

    memcpy(body, told, length);
    memcpy(body + length, w->token, token);
    w->owed = !store_answer(s, &unasked, XS_WATCH_EVENT, body, length + token);
}

static void changed(void *context, const char *path)
{
    struct xenstore *s = context;

    for (unsigned i = 0; i < STORE_WATCHES; i++)
        if (s->watch[i].used && store_is_below(path, s->watch[i].path))
            tell(s, &s->watch[i], path);
}

void store_tell_owed(struct xenstore *s)
{
    for (unsigned i = 0; i < STORE_WATCHES; i++)
        if (s->watch[i].used && s->watch[i].owed)
            tell(s, &s->watch[i], s->watch[i].path);
}

/* The request's change is part of the store at once, if it is not a transaction's. */
static void tell_change(const struct request *r)
{
    if (r->head->tx_id)
        return;
    r->s->generation++;
    changed(r->s, r->path);
}

/* A number in decimal with its end; false: it is none. */
static bool take_number(const char *text, u32 len, u32 *out)
{
    enum { DIGITS_MAX = 8 };
    u32 n = 0, i = 0;

    for (; i < len && i <= DIGITS_MAX && text[i] >= '0' && text[i] <= '9'; i++)
        n = n * 10 + (u32)(text[i] - '0');
    *out = n;
    return i && i <= DIGITS_MAX && i < len && !text[i];
}

static int op_directory(struct request *r)
{
    char *names = (char *)r->s->in; /* the request has been read */
    const u8 *value;
    u32 len, all;
    int error = look_up(r, &value, &len);

    if (error)
        return error;
    len = XENSTORE_PAYLOAD_MAX;
    all = store_children(r->tree, r->path, 0, names, &len);
    if (all > XENSTORE_PAYLOAD_MAX)
        return -E2BIG; /* XS_DIRECTORY_PART is for such */
    store_answer(r->s, r->head, r->head->type, names, all);
    return 0;
}

/* From a byte of the list on: the store's generation, then names; the end is an empty one. */
static int op_directory_part(struct request *r)
{
    char *answer = (char *)r->s->in;
    const u8 *value;
    u32 from, len, all, head;
    int error = look_up(r, &value, &len);

    if (error)
        return error;
    if (!take_number(r->rest, r->rest_len, &from))
        return -EINVAL;
    head = (u32)format_text(answer, XENSTORE_PAYLOAD_MAX, "%u", r->s->generation) + 1;
    len = XENSTORE_PAYLOAD_MAX - head - 1;
    all = store_children(r->tree, r->path, from, answer + head, &len);
    if (from + len >= all)
        answer[head + len++] = 0;
    store_answer(r->s, r->head, r->head->type, answer, head + len);
    return 0;
}

static int op_read(struct request *r)
{
    const u8 *value;
    u32 len;
    int error = look_up(r, &value, &len);

    if (!error)
        store_answer(r->s, r->head, r->head->type, value, len);
    return error;
}

/* What was set; else it is the guest's own. */
static int op_get_perms(struct request *r)
{
    char text[STORE_PERMS_MAX];
    const u8 *value;
    u32 len;
    int error = look_up(r, &value, &len);

    if (error)
        return error;
    len = store_perms(r->tree, r->path, text);
    if (!len)
        len = (u32)format_text(text, sizeof(text), "n%u", r->s->domain->id) + 1;
    store_answer(r->s, r->head, r->head->type, text, len);
    return 0;
}

/* The first is the owner, who stays; each is a letter and the number of a domain. */
static int check_perms(const struct request *r)
{
    u32 at = 0, id;

    if (!r->rest_len)
        return -EINVAL;
    while (at < r->rest_len) {
        char right = r->rest[at]; /* to read, write, both, nothing */

        if ((right != 'r' && right != 'w' && right != 'b' && right != 'n') ||
            !take_number(r->rest + at + 1, r->rest_len - at - 1, &id))
            return -EINVAL;
        if (!at && id != r->s->domain->id)
            return -EPERM;
        at += (u32)strlen(r->rest + at) + 1;
    }
    return 0;
}

/* They are kept and told; nobody else sees this store. */
static int op_set_perms(struct request *r)
{
    int error = !store_is_below(r->path, r->s->home) ? -EACCES : is_there(r) ? 0 : -ENOENT;

    if (!error)
        error = check_perms(r);
    if (!error)
        error = store_set_perms(r->tree, r->path, r->rest, r->rest_len);
    if (error)
        return error;
    ok(r);
    tell_change(r);
    return 0;
}

static int op_write(struct request *r)
{
    int error = 0;
    bool make = r->head->type == XS_MKDIR;

    if (!store_is_below(r->path, r->s->home))
        return -EACCES;
    if (!make || !is_there(r))
        error = store_write(r->tree, r->path, r->rest, make ? 0 : r->rest_len);
    else
        make = false; /* it is there already */
    if (error)
        return error;
    ok(r);
    if (make || r->head->type == XS_WRITE)
        tell_change(r);
    return 0;
}

/* A node that goes takes along those below it; who watches one of them hears of that one, behind
 * the answer. */
static void owe_those_below(const struct request *r)
{
    u32 len;

    for (unsigned i = 0; i < STORE_WATCHES && !r->head->tx_id; i++) {
        struct store_watch *w = &r->s->watch[i];
        if (w->used && strcmp(w->path, r->path) != 0 && store_is_below(w->path, r->path) &&
            store_read(r->tree, w->path, &len))
            w->owed = true;
    }
}

/* What is not there may go, if what it would lie in is. */
static int remove_nothing(struct request *r)
{
    size_t at = strlen(r->path);

    while (r->path[at] != '/')
        at--;
    r->path[at] = 0;
    if (!is_there(r))
        return -ENOENT;
    ok(r);
    return 0;
}

static int op_remove(struct request *r)
{
    if (!store_is_below(r->path, r->s->home) || strcmp(r->path, r->s->home) == 0)
        return -EACCES;
    if (!is_there(r))
        return remove_nothing(r);
    owe_those_below(r);
    store_remove(r->tree, r->path);
    ok(r);
    tell_change(r);
    return 0;
}

static int op_watch(struct request *r)
{
    struct store_watch *w = NULL;

    if (!r->rest_len || strlen(r->rest) >= MIN(r->rest_len, (u32)STORE_TOKEN_MAX))
        return -EINVAL;
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *have = &r->s->watch[i];
        if (have->used && strcmp(have->path, r->path) == 0 && strcmp(have->token, r->rest) == 0)
            return -EEXIST;
        if (!have->used && !w)
            w = have;
    }
    if (!w)
        return -E2BIG;
    *w = (struct store_watch){.used = true, .relative = r->relative};
    memcpy(w->path, r->path, strlen(r->path) + 1);
    memcpy(w->token, r->rest, strlen(r->rest) + 1);
    ok(r);
    tell(r->s, w, w->path); /* as if it had just changed */
    return 0;
}

static int op_unwatch(struct request *r)
{
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *w = &r->s->watch[i];
        if (w->used && r->rest_len && strcmp(w->path, r->path) == 0 &&
            strcmp(w->token, r->rest) == 0) {
            w->used = false;
            ok(r);
            return 0;
        }
    }
    return -ENOENT;
}

static void end_transaction(struct xenstore *s, struct store_transaction *t)
{
    if (t->tree)
        hv_free_pages(s->domain, t->tree, STORE_ORDER);
    t->tree = NULL;
    t->id = 0;
}

bool store_tell_transaction(struct xenstore *s)
{
    while (s->compared < s->before->used + s->tree->used) {
        const char *path = store_difference(s->before, s->tree, &s->compared);

        if (path)
            changed(s, path);
        if (sched_time_is_up())
            return false;
    }
    hv_free_pages(s->domain, s->before, STORE_ORDER);
    s->before = NULL;
    return true;
}

static int op_begin(struct request *r)
{
    struct xenstore *s = r->s;
    char text[16];

    if (r->head->tx_id)
        return -EBUSY;
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++) {
        struct store_transaction *t = &s->tx[i];
        if (t->id)
            continue;
        t->tree = hv_alloc_pages(s->domain, STORE_ORDER);
        if (!t->tree)
            return -ENOMEM;
        memcpy(t->tree, s->tree, sizeof(*t->tree));
        t->generation = s->generation;
        if (!++s->last_transaction)
            s->last_transaction = 1;
        t->id = s->last_transaction;
        format_text(text, sizeof(text), "%u", t->id);
        store_answer(s, r->head, r->head->type, text, (u32)strlen(text) + 1);
        return 0;
    }
    return -ENOSPC;
}

static struct store_transaction *transaction_of(struct xenstore *s, u32 id)
{
    for (unsigned i = 0; id && i < STORE_TRANSACTIONS; i++)
        if (s->tx[i].id == id)
            return &s->tx[i];
    return NULL;
}

/* "T": it becomes the store; "F": it is forgotten. */
static int op_end(struct request *r)
{
    struct xenstore *s = r->s;
    struct store_transaction *t = transaction_of(s, r->head->tx_id);
    bool keep = strcmp(r->body, "T") == 0, same;

    if (!t || (!keep && strcmp(r->body, "F") != 0))
        return t ? -EINVAL : -ENOENT;
    same = t->generation == s->generation;
    if (keep && same) {
        s->before = s->tree;
        s->compared = 0;
        s->tree = t->tree;
        t->tree = NULL;
        ok(r);
        if (memcmp(s->before, s->tree, sizeof(*s->before)) != 0)
            s->generation++;
    } else if (!keep) {
        ok(r);
    }
    end_transaction(s, t);
    return keep && !same ? -EAGAIN : 0;
}

void store_reset(struct xenstore *s)
{
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++)
        if (s->tx[i].id)
            end_transaction(s, &s->tx[i]);
    memset(s->watch, 0, STORE_WATCHES * sizeof(*s->watch));
}

/* The number of a domain in the body: its home, or whether there is one: its own there is. */
static int op_domain(struct request *r)
{
    char text[32];
    u32 id = 0;

    if (!*r->body)
        return -EINVAL;
    for (const char *c = r->body; *c; c++) {
        if (*c < '0' || *c > '9' || id > DOMID_FIRST_RESERVED)
            return -EINVAL;
        id = id * 10 + (u32)(*c - '0');
    }
    if (r->head->type == XS_GET_DOMAIN_PATH)
        format_text(text, sizeof(text), "/local/domain/%u", id);
    else
        format_text(text, sizeof(text), "%s", id == r->s->domain->id ? "T" : "F");
    store_answer(r->s, r->head, r->head->type, text, (u32)strlen(text) + 1);
    return 0;
}

/* Those that name no node. */
static int without_path(struct request *r)
{
    switch (r->head->type) {
    case XS_TRANSACTION_START:
        return op_begin(r);
    case XS_TRANSACTION_END:
        return op_end(r);
    case XS_GET_DOMAIN_PATH:
    case XS_IS_DOMAIN_INTRODUCED:
        return op_domain(r);
    case XS_RESET_WATCHES:
        store_reset(r->s);
        ok(r);
        return 0;
    case XS_INTRODUCE: /* for the domain that controls the others */
    case XS_RELEASE:
    case XS_RESUME:
    case XS_SET_TARGET:
    case XS_CONTROL:
        return -EACCES;
    default:
        return -ENOSYS;
    }
}

static int carry_out(struct request *r)
{
    static int (*const with_path[])(struct request *) = {
        [XS_DIRECTORY] = op_directory, [XS_READ] = op_read,
        [XS_GET_PERMS] = op_get_perms, [XS_SET_PERMS] = op_set_perms,
        [XS_WRITE] = op_write,         [XS_MKDIR] = op_write,
        [XS_RM] = op_remove,           [XS_WATCH] = op_watch,
        [XS_UNWATCH] = op_unwatch,     [XS_DIRECTORY_PART] = op_directory_part,
    };
    u32 type = r->head->type;
    int error;

    if (type >= ARRAY_SIZE(with_path) || !with_path[type])
        return without_path(r);
    error = take_path(r);
    return error ? error : with_path[type](r);
}

void store_request(struct xenstore *s, const struct xsd_sockmsg *head, u8 *body)
{
    const struct store_transaction *t = transaction_of(s, head->tx_id);
    struct request r = {.s = s, .head = head, .body = (const char *)body, .len = head->len};
    int error;

    body[head->len] = 0;
    r.tree = t ? t->tree : s->tree;
    error = head->tx_id && !t ? -ENOENT : carry_out(&r);
    if (error)
        store_error(s, head, error);
}
