// sources: src/cpu/image/image.c src/cpu/image/image_pvh.c src/cpu/image/image_multiboot.c
// sources: src/cpu/image/image_bzimage.c src/cpu/image/start.c src/core/elf_image.c
// sources: src/core/format.c
/*
 * Multiboot kernels and PVH ELFs: what is loaded and handed over, and each way of being bad. Every
 * byte of the headers is also overwritten with extreme values; what is accepted must be safe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <elf.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#include "../../src/cpu/image/image.h"
#include "../../src/cpu/image/start.h"
#include "errno.h"

enum {
    FILE_BYTES = 8192,
    HEADER_AT = 0x200,
    NOTES_AT = 0x300,
    TEXT_AT = 0x400,
    LOAD = 0x100000,
    MEM = 64 << 20,
    AT = 0x1000,
};

static u8 *file; /* exactly FILE_BYTES long, so that reading past it is seen */
static u8 block[START_BYTES];
static char why[200];

static u32 *header(void)
{
    return (u32 *)(file + HEADER_AT);
}

static void put_header(u32 flags)
{
    header()[0] = 0x1badb002;
    header()[1] = flags;
    header()[2] = -(0x1badb002 + flags);
}

static Elf32_Phdr *phdr(unsigned i)
{
    return (Elf32_Phdr *)(file + sizeof(Elf32_Ehdr)) + i;
}

/* A higher-half ELF32 of two segments, with a Multiboot header. */
static int setup(void **state)
{
    (void)state;
    file = calloc(1, FILE_BYTES);
    Elf32_Ehdr *h = (Elf32_Ehdr *)file;
    memcpy(h->e_ident, "\177ELF\1\1\1", 7);
    h->e_type = ET_EXEC;
    h->e_machine = EM_386;
    h->e_entry = 0xc0100010;
    h->e_phoff = sizeof(*h);
    h->e_phentsize = sizeof(Elf32_Phdr);
    h->e_phnum = 2;
    *phdr(0) = (Elf32_Phdr){.p_type = PT_LOAD,
                            .p_offset = TEXT_AT,
                            .p_vaddr = 0xc0100000,
                            .p_paddr = LOAD,
                            .p_filesz = 0x100,
                            .p_memsz = 0x1000};
    *phdr(1) = (Elf32_Phdr){.p_type = PT_LOAD,
                            .p_offset = TEXT_AT,
                            .p_vaddr = 0xc0101000,
                            .p_paddr = LOAD + 0x1000,
                            .p_filesz = 16,
                            .p_memsz = 0x2000};
    put_header(3);
    return 0;
}

/* A file that is no ELF, with address fields: loaded from its first byte on. */
static int setup_flat(void **state)
{
    (void)state;
    file = calloc(1, FILE_BYTES);
    put_header(1 << 16);
    header()[3] = LOAD + HEADER_AT;
    header()[4] = LOAD;
    header()[5] = LOAD + 0x1000;
    header()[6] = LOAD + 0x3000;
    header()[7] = LOAD + 0x20;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file);
    return 0;
}

static int parse(struct image *image)
{
    why[0] = 0;
    return image_parse(file, FILE_BYTES, image, why, sizeof(why));
}

static void refused(const char *word)
{
    struct image image;

    assert_int_equal(parse(&image), -ENOEXEC);
    if (!strstr(why, word))
        fail_msg("expected `%s` in: %s", word, why);
}

static void elf(void **state)
{
    struct image image;

    (void)state;
    assert_int_equal(parse(&image), 0);
    assert_string_equal(image.format->name, "Multiboot kernel");
    assert_int_equal(image.parts, 2);
    assert_int_equal(image.entry, LOAD + 0x10);
    assert_int_equal(image.start, LOAD);
    assert_int_equal(image.end, LOAD + 0x3000);
    assert_ptr_equal(image.part[0].bytes, file + TEXT_AT);
    assert_false(image.wants_video);
    put_header(7);
    assert_int_equal(parse(&image), 0);
    assert_true(image.wants_video);
}

static void elf_entry(void **state)
{
    Elf32_Ehdr *h = (Elf32_Ehdr *)file;
    struct image image;

    (void)state;
    h->e_entry = LOAD + 0x1800; /* physical, as some kernels have it */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.entry, LOAD + 0x1800);
    h->e_entry = LOAD + 0x3000;
    refused("lies in none of its ELF's segments");
    h->e_entry = 0xc0103000;
    refused("lies in none of its ELF's segments");
    h->e_entry = 0;
    refused("lies in none of its ELF's segments");
}

static void elf_segments(void **state)
{
    (void)state;
    phdr(1)->p_paddr = LOAD + 0xfff;
    refused("overlap");
    phdr(1)->p_paddr = LOAD + 0x1000;
    phdr(1)->p_offset = FILE_BYTES - 15;
    refused("truncated");
    phdr(1)->p_offset = 0xfffffff8;
    refused("truncated");
    phdr(1)->p_offset = TEXT_AT;
    phdr(1)->p_memsz = 15;
    refused("larger in the file");
}

static void header_rules(void **state)
{
    (void)state;
    put_header(1 << 3);
    refused("requires features");
    put_header(3);
    header()[2]++;
    refused("no Multiboot header");
    put_header(0);
    memmove(file + HEADER_AT + 2, file + HEADER_AT, 12);
    refused("no Multiboot header");
    *(u32 *)(file + 0x800) = 0xe85250d6;
    refused("there is one of version 2");
    memset(file, 0, 4);
    refused("not an ELF file");
    memset(file + HEADER_AT, 0, 16);
    put_header(3);
    refused("no ELF and has no address fields");
}

/* It must lie in the first 8 KiB, wholly. */
static void header_place(void **state)
{
    u8 *longer = calloc(1, 3 * FILE_BYTES);
    u32 *h = (u32 *)(longer + FILE_BYTES - 12);

    (void)state;
    h[0] = 0x1badb002;
    h[2] = -0x1badb002;
    assert_int_equal(image_find_multiboot(longer, 3 * FILE_BYTES), FILE_BYTES - 12);
    memmove(longer + FILE_BYTES - 8, h, 12);
    h[0] = 0;
    assert_int_equal(image_find_multiboot(longer, 3 * FILE_BYTES), -ENOENT);
    assert_int_equal(image_find_multiboot(longer, 0), -ENOENT);
    free(longer);
}

static void flat(void **state)
{
    struct image image;

    (void)state;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.parts, 1);
    assert_int_equal(image.part[0].paddr, LOAD);
    assert_int_equal(image.part[0].filesz, 0x1000);
    assert_int_equal(image.part[0].memsz, 0x3000);
    assert_ptr_equal(image.part[0].bytes, file);
    assert_int_equal(image.entry, LOAD + 0x20);
    header()[4] = LOAD + 0x100; /* what lies before load_addr is not loaded */
    assert_int_equal(parse(&image), -ENOEXEC);
    header()[7] = LOAD + 0x100;
    assert_int_equal(parse(&image), 0);
    assert_ptr_equal(image.part[0].bytes, file + 0x100);
    header()[5] = header()[6] = 0; /* all of the file, no bss */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.part[0].filesz, FILE_BYTES - 0x100);
    assert_int_equal(image.part[0].memsz, FILE_BYTES - 0x100);
}

static void flat_rules(void **state)
{
    static const struct {
        unsigned field; /* of the header */
        u32 value;
        const char *word;
    } bad[] = {
        {3, LOAD - 4, "to be loaded at"},
        {3, LOAD + HEADER_AT + 4, "to be loaded at"},
        {4, LOAD + HEADER_AT + 4, "to be loaded at"},
        {4, 0, "to be loaded at"},
        {5, LOAD - 1, "load_end_addr"},
        {5, LOAD + FILE_BYTES + 1, "load_end_addr"},
        {5, 0xffffffff, "load_end_addr"},
        {6, LOAD + 0xfff, "bss_end_addr"},
        {6, 1, "bss_end_addr"},
        {7, LOAD - 1, "entry_addr"},
        {7, LOAD + 0x3000, "entry_addr"},
        {7, 0, "entry_addr"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        u32 good = header()[bad[i].field];

        header()[bad[i].field] = bad[i].value;
        refused(bad[i].word);
        header()[bad[i].field] = good;
    }
}

static void flat_truncated(void **state)
{
    struct image image;
    u8 *copy = malloc(HEADER_AT + 20);

    (void)state;
    memcpy(copy, file, HEADER_AT + 20);
    assert_int_equal(image_parse(copy, HEADER_AT + 20, &image, why, sizeof(why)), -ENOEXEC);
    assert_non_null(strstr(why, "truncated"));
    free(copy);
}

static void fits(void **state)
{
    struct image image;

    (void)state;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image_fits(&image, LOAD + 0x3000, why, sizeof(why)), 0);
    assert_int_equal(image_fits(&image, LOAD + 0x2000, why, sizeof(why)), -ENOMEM);
    assert_non_null(strstr(why, "its image reaches 0x103000, beyond mem=1032K"));
    phdr(1)->p_memsz = 0xffffffff;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image_fits(&image, MEM, why, sizeof(why)), -ENOMEM);
    phdr(1)->p_memsz = 0x1001;
    phdr(1)->p_paddr = 0x9f000;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image_fits(&image, MEM, why, sizeof(why)), -ENOEXEC);
    assert_non_null(strstr(why, "no RAM"));
    phdr(1)->p_memsz = 0x1000;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image_fits(&image, MEM, why, sizeof(why)), 0);
}

static struct start day(const char *line)
{
    memset(block, 0, sizeof(block));
    return (struct start){.at = AT,
                          .mem_bytes = MEM,
                          .cmdline = line,
                          .rsdp = 0xe0000,
                          .block = block,
                          .modules = 2,
                          .module = {{0x200000, 5, "first one"}, {0x201000, 4096, ""}}};
}

static u32 word(u32 at)
{
    u32 value;

    assert_in_range(at, AT, AT + START_BYTES - sizeof(value));
    memcpy(&value, block + at - AT, sizeof(value));
    return value;
}

static const char *text(u32 at)
{
    assert_in_range(at, AT, AT + START_BYTES - 1);
    return (const char *)block + at - AT;
}

static void information(void **state)
{
    struct start start = day("a b");
    struct image image;
    u32 at, mods;

    (void)state;
    assert_int_equal(parse(&image), 0);
    start_common(&start);
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
    assert_int_equal(start.eax, 0x2badb002);
    at = start.ebx;
    assert_int_equal(word(at), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    assert_int_equal(word(at + 4), 640);
    assert_int_equal(word(at + 8), (MEM - LOAD) >> 10);
    assert_string_equal(text(word(at + 16)), "a b");
    assert_int_equal(word(at + 20), 2);
    mods = word(at + 24);
    assert_int_equal(word(mods), 0x200000);
    assert_int_equal(word(mods + 4), 0x200005);
    assert_string_equal(text(word(mods + 8)), "first one");
    assert_int_equal(word(mods + 16 + 4), 0x202000);
    assert_string_equal(text(word(mods + 16 + 8)), "");
    assert_int_equal(word(at + 44), 4 * 24);
    assert_int_equal(word(word(at + 48)), 20);
    assert_int_equal(word(word(at + 48) + 2 * 24 + 4), LOAD);
    assert_string_equal(text(word(at + 64)), "Trivisor");
}

/* The longest strings stay inside the block. */
static void long_strings(void **state)
{
    struct start start;
    struct image image;
    char line[600];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = 0;
    start = day(line);
    start.modules = START_MODULES;
    for (unsigned i = 0; i < START_MODULES; i++)
        start.module[i] = (struct start_module){0x200000, 1, line};
    assert_int_equal(parse(&image), 0);
    start_common(&start);
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
    assert_int_equal(strlen(text(word(start.ebx + 16))), 511);
    assert_int_equal(strlen(text(word(word(start.ebx + 24) + 7 * 16 + 8))), START_STRING_MAX - 1);
    assert_int_equal(block[START_GDT + START_CODE + 5], 0x9b);
}

/* The same file with a PHYS32_ENTRY note is a PVH ELF, whatever else it is. */
static void pvh(void **state)
{
    static const u32 note[] = {4, 4, XEN_ELFNOTE_PHYS32_ENTRY, 0x006e6558, LOAD + 0x18};
    struct start start = day("words");
    struct hvm_start_info info;
    struct image image;

    (void)state;
    ((Elf32_Ehdr *)file)->e_phnum = 3;
    *phdr(2) = (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = sizeof(note)};
    memcpy(file + NOTES_AT, note, sizeof(note));
    assert_int_equal(parse(&image), 0);
    assert_string_equal(image.format->name, "PVH ELF");
    assert_int_equal(image.entry, LOAD + 0x18);
    start_common(&start);
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
    memcpy(&info, block + start.ebx - AT, sizeof(info));
    assert_int_equal(info.magic, XEN_HVM_START_MAGIC_VALUE);
    assert_int_equal(info.nr_modules, 2);
    assert_int_equal(word((u32)info.modlist_paddr), 0x200000);
    assert_string_equal(text((u32)info.cmdline_paddr), "words");
    assert_int_equal(info.memmap_entries, 4);
    assert_int_equal(info.rsdp_paddr, 0xe0000);
    ((u32 *)(file + NOTES_AT))[4] = LOAD + 0x3000;
    refused("no address of its image's");
}

static void map(void **state)
{
    struct memory_piece piece[MEMORY_PIECES];

    (void)state;
    assert_int_equal(memory_map(MEM, piece), 4);
    assert_int_equal(piece[2].start, LOAD);
    assert_int_equal(piece[2].bytes, MEM - LOAD);
    assert_int_equal(memory_map(512 << 10, piece), 3);
    assert_int_equal(piece[0].bytes, 512 << 10);
    assert_int_equal(memory_map(LOAD, piece), 3);
    assert_int_equal(piece[0].bytes, 640 << 10);
}

/* What was accepted must lie inside the file, in order, with its entry inside. */
static void check_safe(const struct image *image)
{
    assert_true(image->parts > 0 && image->parts <= ELF_MAX_SEGMENTS);
    assert_true(image_contains(image, image->entry));
    for (u32 i = 0; i < image->parts; i++) {
        const struct elf_segment *s = &image->part[i];

        assert_true(s->bytes >= file && s->bytes + s->filesz <= file + FILE_BYTES);
        assert_true(s->filesz <= s->memsz && s->paddr + s->memsz <= image->end);
        assert_true(!i || s->paddr >= s[-1].paddr + s[-1].memsz);
    }
}

static void every_byte_wrong(void **state)
{
    static const u8 value[] = {0, 1, 0x7f, 0x80, 0xff};
    struct image image;

    (void)state;
    for (size_t at = 0; at < TEXT_AT; at++)
        for (size_t k = 0; k < sizeof(value); k++) {
            u8 old = file[at];
            file[at] = value[k];
            if (parse(&image) == 0)
                check_safe(&image);
            file[at] = old;
        }
}

static void every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < FILE_BYTES; n += 3) {
        u8 *copy = malloc(n ? n : 1);
        struct image image;
        memcpy(copy, file, n);
        int error = image_parse(copy, n, &image, why, sizeof(why));
        assert_true(error == 0 || error == -ENOEXEC);
        free(copy);
    }
}

#define TEST(name, with) cmocka_unit_test_setup_teardown(name, with, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(elf, setup),
        TEST(elf_entry, setup),
        TEST(elf_segments, setup),
        TEST(header_rules, setup),
        cmocka_unit_test(header_place),
        TEST(flat, setup_flat),
        TEST(flat_rules, setup_flat),
        TEST(flat_truncated, setup_flat),
        TEST(fits, setup),
        TEST(information, setup),
        TEST(long_strings, setup),
        TEST(pvh, setup),
        cmocka_unit_test(map),
        TEST(every_byte_wrong, setup),
        {"every_byte_wrong, flat", every_byte_wrong, setup_flat, teardown, NULL},
        TEST(every_length, setup),
        {"every_length, flat", every_length, setup_flat, teardown, NULL},
    };
    return cmocka_run_group_tests_name("image_multiboot", tests, NULL, NULL);
}
