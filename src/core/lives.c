/*
 * The order in which the modules become domains.
 */
#include "lives.h"

#include "boot.h"
#include "boot_steps.h"
#include "domain.h"
#include "log.h"

#include <string.h>

static bool together;
static bool started[BOOT_MODULES];
static u32 started_count;
static bool reap_due;

void lives_init(void)
{
    char value[16];

    together = boot_option("domains", value, sizeof(value)) && strcmp(value, "together") == 0;
}

u32 lives_started(void)
{
    return started_count;
}

void lives_note_doomed(void)
{
    reap_due = true;
}

bool lives_reap_due(void)
{
    return reap_due;
}

void lives_reaping(void)
{
    reap_due = false;
}

/* Value of a word of a module's command line. */
static bool module_option(u32 i, const char *key, char *out, size_t size)
{
    return command_line_option(boot_info.module[i].cmdline, key, out, size);
}

/* A module that is no domain but goes with one. */
static bool is_companion(u32 i)
{
    char name[NAME_MAX_LEN];

    return module_option(i, "initrd-for", name, sizeof(name)) ||
           module_option(i, "disk-for", name, sizeof(name));
}

/* The n-th module (from 0) that goes with the domain which image becomes. */
static const struct module *companion(const struct module *image, const char *key, u32 n)
{
    char mine[NAME_MAX_LEN], wanted[NAME_MAX_LEN];

    if (!command_line_option(image->cmdline, "name", mine, sizeof(mine)))
        return NULL;
    for (u32 i = 0; i < boot_info.modules; i++)
        if (module_option(i, key, wanted, sizeof(wanted)) && strcmp(mine, wanted) == 0 && !n--)
            return &boot_info.module[i];
    return NULL;
}

const struct module *lives_initrd(const struct module *image, u32 n)
{
    return companion(image, "initrd-for", n);
}

const struct module *lives_disk(const struct module *image)
{
    return companion(image, "disk-for", 0);
}

static bool start(u32 i)
{
    char why[200];

    started[i] = true;
    struct domain *d = domain_create(&boot_info.module[i], why, sizeof(why));
    if (!d) {
        log_line("cannot start module %u (%s): %s", i, boot_info.module[i].cmdline, why);
        log_line("@domain {\"domain\":\"module%u\",\"life\":0,\"reason\":\"refused\",\"code\":1,"
                 "\"detail\":\"%s\",\"expected\":false}",
                 i, why);
        domain_note_failure();
        return false;
    }
    started_count++;
    domain_start(d);
    return true;
}

bool lives_start_next(void)
{
    bool any = false;

    for (u32 i = 0; i < boot_info.modules && (together || !any); i++) {
        char name[NAME_MAX_LEN], with[NAME_MAX_LEN];
        if (started[i] || is_companion(i) ||
            (!together && module_option(i, "with", with, sizeof(with))))
            continue;
        if (!start(i))
            continue;
        any = true;
        if (together || !module_option(i, "name", name, sizeof(name)))
            continue;
        for (u32 k = 0; k < boot_info.modules; k++)
            if (!started[k] && module_option(k, "with", with, sizeof(with)) &&
                strcmp(with, name) == 0)
                start(k);
    }
    return any;
}
