/*
 * XenStore's tree, as a list of records. It is small, so everything is found by looking at all.
 *
 * Invariants: `used` never exceeds the room; a record's path and value lie within it; no path
 * occurs twice; every node but those of the top has its parent.
 */
#include "xenstore.h"

#include "errno.h"

#include <string.h>

/* Before the path (with its end), the permissions and the value. */
struct record {
    u16 path_bytes;  /* its end included */
    u16 perm_bytes;  /* 0: nobody has set any */
    u16 value_bytes; /* of the value */
};

static struct record record_at(const struct store_tree *t, u32 at)
{
    struct record r;

    memcpy(&r, t->record + at, sizeof(r));
    return r;
}

static const char *path_at(const struct store_tree *t, u32 at)
{
    return (const char *)t->record + at + sizeof(struct record);
}

static u32 size_of(struct record r)
{
    return (u32)sizeof(r) + r.path_bytes + r.perm_bytes + r.value_bytes;
}

/* Where the path's record is, or t->used. */
static u32 find(const struct store_tree *t, const char *path)
{
    u32 at = 0;

    while (at < t->used && strcmp(path_at(t, at), path) != 0)
        at += size_of(record_at(t, at));
    return at;
}

static void cut(struct store_tree *t, u32 at)
{
    u32 end = at + size_of(record_at(t, at));

    memmove(t->record + at, t->record + end, t->used - end);
    t->used -= end - at;
}

const u8 *store_read(const struct store_tree *t, const char *path, u32 *len)
{
    u32 at = find(t, path);
    struct record r;

    if (at == t->used)
        return NULL;
    r = record_at(t, at);
    *len = r.value_bytes;
    return t->record + at + sizeof(r) + r.path_bytes + r.perm_bytes;
}

u32 store_perms(const struct store_tree *t, const char *path, char out[STORE_PERMS_MAX])
{
    u32 at = find(t, path);
    struct record r;

    if (at == t->used)
        return 0;
    r = record_at(t, at);
    memcpy(out, t->record + at + sizeof(r) + r.path_bytes, r.perm_bytes);
    return r.perm_bytes;
}

/* A record at the end, which nothing has yet. */
static int put(struct store_tree *t, const char *path, size_t path_length, const void *value,
               u32 len, const char *perms, u32 perm_bytes)
{
    struct record r = {(u16)(path_length + 1), (u16)perm_bytes, (u16)len};

    if (len > sizeof(t->record) || size_of(r) > sizeof(t->record) - t->used)
        return -ENOSPC;
    memcpy(t->record + t->used, &r, sizeof(r));
    memcpy(t->record + t->used + sizeof(r), path, path_length);
    t->record[t->used + sizeof(r) + path_length] = 0;
    memcpy(t->record + t->used + sizeof(r) + r.path_bytes, perms, perm_bytes);
    memcpy(t->record + t->used + sizeof(r) + r.path_bytes + perm_bytes, value, len);
    t->used += size_of(r);
    return 0;
}

int store_write(struct store_tree *t, const char *path, const void *value, u32 len)
{
    char parent[STORE_PATH_MAX], perms[STORE_PERMS_MAX];
    u32 at = find(t, path), ignored, perm_bytes = store_perms(t, path, perms);
    size_t length = strlen(path);

    if (at < t->used) {
        if (len > sizeof(t->record) - t->used + record_at(t, at).value_bytes)
            return -ENOSPC;
        cut(t, at);
        return put(t, path, length, value, len, perms, perm_bytes);
    }
    for (size_t i = 1; i < length; i++) {
        int error;

        if (path[i] != '/')
            continue;
        memcpy(parent, path, i);
        parent[i] = 0;
        error = store_read(t, parent, &ignored) ? 0 : put(t, parent, i, "", 0, perms, perm_bytes);
        if (error)
            return error;
        perm_bytes = store_perms(t, parent, perms);
    }
    return put(t, path, length, value, len, perms, perm_bytes);
}

int store_set_perms(struct store_tree *t, const char *path, const char *perms, u32 len)
{
    u32 at = find(t, path), start;
    struct record r;

    if (at == t->used)
        return -ENOENT;
    r = record_at(t, at);
    start = at + (u32)sizeof(r) + r.path_bytes;
    if (len > STORE_PERMS_MAX || len > sizeof(t->record) - t->used + r.perm_bytes)
        return -ENOSPC;
    memmove(t->record + start + len, t->record + start + r.perm_bytes,
            t->used - start - r.perm_bytes);
    memcpy(t->record + start, perms, len);
    t->used += len - r.perm_bytes;
    r.perm_bytes = (u16)len;
    memcpy(t->record + at, &r, sizeof(r));
    return 0;
}

bool store_is_below(const char *node, const char *path)
{
    size_t length = strlen(path);

    return strncmp(node, path, length) == 0 &&
           (!node[length] || node[length] == '/' || (length && path[length - 1] == '/'));
}

bool store_remove(struct store_tree *t, const char *path)
{
    bool found = false;

    for (u32 at = 0; at < t->used;) {
        if (store_is_below(path_at(t, at), path)) {
            cut(t, at);
            found = true;
        } else {
            at += size_of(record_at(t, at));
        }
    }
    return found;
}

/* The last part of a path that lies directly in `dir`, or NULL. */
static const char *child_name(const char *path, const char *dir)
{
    size_t length = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    const char *name;

    if (strncmp(path, dir, length) != 0 || path[length] != '/')
        return NULL;
    name = path + length + 1;
    for (const char *s = name; *s; s++)
        if (*s == '/')
            return NULL;
    return *name ? name : NULL;
}

u32 store_children(const struct store_tree *t, const char *path, u32 from, char *out, u32 *size)
{
    u32 all = 0, wrote = 0;
    bool full = false;

    for (u32 at = 0; at < t->used; at += size_of(record_at(t, at))) {
        const char *name = child_name(path_at(t, at), path);
        u32 bytes = name ? (u32)strlen(name) + 1 : 0;

        if (bytes && all >= from && !full) {
            full = bytes > *size - wrote;
            if (!full)
                memcpy(out + wrote, name, bytes);
            wrote += full ? 0 : bytes;
        }
        all += bytes;
    }
    *size = wrote;
    return all;
}

const char *store_difference(const struct store_tree *a, const struct store_tree *b, u32 *at)
{
    bool in_a = *at < a->used;
    u32 here = in_a ? *at : *at - a->used, one, other;
    const struct store_tree *own = in_a ? a : b;
    const char *path = path_at(own, here);
    const u8 *was = store_read(a, path, &one), *is = store_read(b, path, &other);

    *at += size_of(record_at(own, here));
    if (!in_a)
        return was ? NULL : path;
    return is && one == other && memcmp(was, is, one) == 0 ? NULL : path;
}
