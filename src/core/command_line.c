/*
 * Words of command lines, and a domain's configuration from them (docs/formats.md).
 */
#include "boot_steps.h"
#include "config.h"
#include "errno.h"
#include "log.h"

#include <string.h>

enum { DEFAULT_MEM = 32 << 20, DEFAULT_SHADOW = 1 << 20, DEFAULT_WEIGHT = 256 };
enum { REAL_MODE_END = 1 << 20 }; /* what a start-up message can name lies below */

/* The next word: sets *word and *len, returns what follows it; NULL at the end or at a lone `--`.
 */
static const char *next_word(const char *at, const char **word, size_t *len)
{
    while (*at == ' ')
        at++;
    if (!*at)
        return NULL;
    *word = at;
    while (*at && *at != ' ')
        at++;
    *len = (size_t)(at - *word);
    if (*len == 2 && strncmp(*word, "--", 2) == 0)
        return NULL;
    return at;
}

static bool is_key(const char *word, size_t len, const char *key, size_t *value)
{
    size_t k = strlen(key);

    if (len <= k || strncmp(word, key, k) != 0 || word[k] != '=')
        return false;
    *value = k + 1;
    return true;
}

bool command_line_option(const char *line, const char *key, char *out, size_t size)
{
    const char *word;
    size_t len, value;

    for (const char *at = line; (at = next_word(at, &word, &len));)
        if (is_key(word, len, key, &value)) {
            format_text(out, size, "%.*s", (int)(len - value), word + value);
            return true;
        }
    return false;
}

const char *command_line_rest(const char *line)
{
    for (const char *at = line; *at; at++)
        if (strncmp(at, " -- ", 4) == 0)
            return at + 4;
    return "";
}

/* The value of a digit; what is none is none in any base. */
static unsigned digit(char c)
{
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : (unsigned)(c - '0');
}

/* A number, decimal or hexadecimal after 0x, with an optional K, M or G; -EINVAL for anything else
 * or an overflow. */
static int parse_number(const char *s, u64 *out)
{
    u64 v = 0;
    unsigned shift = 0, base = 10;

    if (s[0] == '0' && s[1] == 'x') {
        base = 16;
        s += 2;
    }
    if (digit(*s) >= base)
        return -EINVAL;
    for (; digit(*s) < base; s++) {
        if (v > (~0ULL >> 5))
            return -EINVAL;
        v = v * base + digit(*s);
    }
    if (*s == 'K' || *s == 'M' || *s == 'G') {
        shift = *s == 'K' ? 10 : *s == 'M' ? 20 : 30;
        s++;
    }
    if (*s || v > ~0ULL >> shift)
        return -EINVAL;
    *out = v << shift;
    return 0;
}

static int parse_choice(const char *s, const char *yes, const char *no, bool *out)
{
    *out = strcmp(s, yes) == 0;
    return *out || strcmp(s, no) == 0 ? 0 : -EINVAL;
}

/* One word key=value; -ENOENT if the key is unknown, -EINVAL if its value is wrong. */
static int parse_pair(const char *key, const char *value, struct domain_config *c)
{
    u64 n = 0;
    int error;

    if (strcmp(key, "name") == 0 || strcmp(key, "with") == 0) {
        char *to = *key == 'n' ? c->name : c->with;
        for (const char *s = value; *s; s++)
            if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                  (*s >= '0' && *s <= '9') || *s == '-' || *s == '_'))
                return -EINVAL;
        return *value && format_text(to, NAME_MAX_LEN, "%s", value) < NAME_MAX_LEN ? 0 : -EINVAL;
    }
    if (strcmp(key, "populate") == 0)
        return parse_choice(value, "eager", "lazy", &c->eager);
    if (strcmp(key, "pages") == 0)
        return parse_choice(value, "4k", "2m", &c->small_pages);
    if (strcmp(key, "dirty_log") == 0)
        return parse_choice(value, "pml", "protect", &c->log_by_processor);
    if (strcmp(key, "on_crash") == 0)
        return parse_choice(value, "restart", "destroy", &c->restart);
    error = parse_number(value, &n);
    if (strcmp(key, "mem") == 0) {
        c->mem_bytes = n;
        return n && !(n & PAGE_OFFSET_MASK) ? error : -EINVAL;
    }
    if (strcmp(key, "shadow") == 0) {
        c->shadow_bytes = n << 10;
        return n && n < 1ULL << 30 ? error : -EINVAL;
    }
    if (strcmp(key, "vcpus") == 0) {
        c->vcpus = (u32)n;
        return n == 1 ? error : -EINVAL;
    }
    if (strcmp(key, "start_at") == 0) {
        c->start_at = (u32)n;
        return n && n < REAL_MODE_END && !(n & PAGE_OFFSET_MASK) ? error : -EINVAL;
    }
    if (strcmp(key, "life_ms") == 0) {
        c->life_ms = (u32)n;
        return n && n <= LIFE_MS_MAX ? error : -EINVAL;
    }
    if (strcmp(key, "weight") == 0) {
        c->weight = (u32)n;
        return n && n < 65536 ? error : -EINVAL;
    }
    return -ENOENT;
}

int config_parse(const char *line, struct domain_config *c, char *why, size_t whysize)
{
    const char *word, *at = line;
    size_t len;

    *c = (struct domain_config){.mem_bytes = DEFAULT_MEM,
                                .shadow_bytes = DEFAULT_SHADOW,
                                .vcpus = 1,
                                .weight = DEFAULT_WEIGHT};
    while ((at = next_word(at, &word, &len))) {
        char text[64], *equals = NULL;
        format_text(text, sizeof(text), "%.*s", (int)len, word);
        for (char *s = text; *s && !equals; s++)
            if (*s == '=')
                equals = s;
        if (!equals)
            continue; /* GRUB puts the module's file name first */
        *equals = 0;
        int error = len < sizeof(text) ? parse_pair(text, equals + 1, c) : -EINVAL;
        if (error) {
            *equals = error == -ENOENT ? 0 : '=';
            format_text(why, whysize, "%s `%s` in a domain's command line: see docs/formats.md",
                        error == -ENOENT ? "unknown word" : "bad value in", text);
            return -EINVAL;
        }
    }
    if (!c->name[0])
        format_text(c->name, sizeof(c->name), "domain");
    if (format_text(c->args, ARGS_MAX_LEN, "%s", command_line_rest(line)) >= ARGS_MAX_LEN) {
        format_text(why, whysize, "the guest's own arguments have more than %d bytes",
                    ARGS_MAX_LEN - 1);
        return -EINVAL;
    }
    return 0;
}
