/*
 * Reading the file of vectors, whose name is in the environment: GRADE_VECTORS.
 */
#include "vectors.h"

#include "grade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1000 };

/* The next hexadecimal number of a line. */
static u64 number(char **at)
{
    char *end;
    u64 n = strtoull(*at, &end, 16);

    if (end == *at)
        grade_error("the file of vectors has a line that ends too early");
    *at = end;
    return n;
}

static void word(char **at, char *out)
{
    int n = 0;

    if (sscanf(*at, "%23s%n", out, &n) != 1)
        grade_error("the file of vectors has a line without a group");
    *at += n;
}

static void read_permits(char *at, struct walk_case *v)
{
    word(&at, v->group);
    v->cr0 = number(&at);
    v->cr4 = number(&at);
    v->efer = number(&at);
    v->access = (unsigned)number(&at);
    v->user = (unsigned)number(&at);
    v->write = (unsigned)number(&at);
    v->nx = (unsigned)number(&at);
    v->cause = number(&at) ? CAUSE_NONE : CAUSE_RIGHTS;
}

static void read_error(char *at, struct walk_case *v)
{
    v->cr4 = number(&at);
    v->efer = number(&at);
    v->access = (unsigned)number(&at);
    v->cause = (unsigned)number(&at);
    v->error = (unsigned)number(&at);
}

static void read_reserved(char *at, struct walk_case *v)
{
    number(&at); /* whether it is 4-level paging: EFER says so, too */
    v->efer = number(&at);
    v->maxphyaddr = (unsigned)number(&at);
    v->page1gb = (unsigned)number(&at);
    v->level = (unsigned)number(&at);
    v->page = (unsigned)number(&at);
    v->mask = number(&at);
}

static void read_walk(char *at, struct walk_case *v)
{
    word(&at, v->group);
    v->cr0 = number(&at);
    v->cr3 = number(&at);
    v->cr4 = number(&at);
    v->efer = number(&at);
    v->maxphyaddr = (unsigned)number(&at);
    v->page1gb = (unsigned)number(&at);
    v->la = number(&at);
    v->access = (unsigned)number(&at);
    v->cause = (unsigned)number(&at);
    v->level = (unsigned)number(&at);
    v->error = (unsigned)number(&at);
    v->gpa = number(&at);
    v->page_shift = (unsigned)number(&at);
    v->user = (unsigned)number(&at);
    v->write = (unsigned)number(&at);
    v->nx = (unsigned)number(&at);
    v->count = (unsigned)number(&at);
    if (v->count > VECTOR_ENTRIES)
        grade_error("the file of vectors has a walk of %u entries", v->count);
    for (unsigned i = 0; i < v->count; i++) {
        v->entry[i].gpa = number(&at);
        v->entry[i].before = number(&at);
        v->entry[i].after = number(&at);
    }
}

void vectors_each(const char *kind, const char *group, void (*use)(const struct walk_case *v))
{
    static const struct {
        const char *kind;
        void (*read)(char *at, struct walk_case *v);
    } readers[] = {{"permits", read_permits},
                   {"error", read_error},
                   {"reserved", read_reserved},
                   {"walk", read_walk}};
    const char *name = getenv("GRADE_VECTORS");
    FILE *file = name ? fopen(name, "r") : NULL;
    char line[LINE];
    unsigned used = 0;

    if (!file)
        grade_error("the file of vectors cannot be opened: %s", name ? name : "none given");
    while (fgets(line, sizeof(line), file)) {
        char first[VECTOR_GROUP] = "", *at = line;
        struct walk_case v = {0};

        word(&at, first);
        for (unsigned i = 0; i < ARRAY_SIZE(readers); i++) {
            if (!strcmp(first, readers[i].kind) && !strcmp(first, kind))
                readers[i].read(at, &v);
        }
        if (strcmp(first, kind) || (group && strcmp(group, v.group)))
            continue;
        use(&v);
        used++;
    }
    fclose(file);
    if (!used)
        grade_error("the file of vectors has no case of %s %s", kind, group ? group : "");
}
