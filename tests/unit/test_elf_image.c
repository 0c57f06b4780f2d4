// sources: src/core/elf_image.c src/core/format.c
/*
 * Reading guests' ELF files: the good one, and each way of being bad. Every byte of the headers is
 * also overwritten with every kind of extreme value; the sanitizers see to it that nothing is read
 * outside the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <elf.h>
#include <xen/elfnote.h>

#include "elf_image.h"
#include "errno.h"

enum { FILE_BYTES = 4096, NOTES_AT = 512, TEXT_AT = 1024, TEXT_BYTES = 256 };

static u8 *file; /* exactly FILE_BYTES long, so that reading past it is seen */
static char why[200];

static Elf64_Phdr *phdr(unsigned i)
{
    return (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr)) + i;
}

static size_t add_note(size_t at, u32 type, u64 value)
{
    Elf64_Nhdr n = {4, 8, type};

    memcpy(file + at, &n, sizeof(n));
    memcpy(file + at + 12, "Xen", 4);
    memcpy(file + at + 16, &value, 8);
    return at + 24;
}

static int setup(void **state)
{
    (void)state;
    file = calloc(1, FILE_BYTES);
    Elf64_Ehdr *h = (Elf64_Ehdr *)file;
    memcpy(h->e_ident, "\177ELF\2\1\1", 7);
    h->e_type = ET_EXEC;
    h->e_machine = EM_X86_64;
    h->e_entry = 0x100010;
    h->e_phoff = sizeof(*h);
    h->e_phentsize = sizeof(Elf64_Phdr);
    h->e_phnum = 3;
    *phdr(0) = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = TEXT_AT,
                            .p_vaddr = 0x100000,
                            .p_paddr = 0x100000,
                            .p_filesz = TEXT_BYTES,
                            .p_memsz = 0x1000};
    *phdr(1) = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = TEXT_AT,
                            .p_vaddr = 0x101000,
                            .p_paddr = 0x101000,
                            .p_filesz = 16,
                            .p_memsz = 0x2000};
    size_t end = add_note(NOTES_AT, XEN_ELFNOTE_PHYS32_ENTRY, 0x100020);
    end = add_note(end, XEN_ELFNOTE_ENTRY, 0x100030);
    end = add_note(end, XEN_ELFNOTE_VIRT_BASE, 0);
    *phdr(2) = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = end - NOTES_AT};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file);
    return 0;
}

static int parse(struct elf_image *e)
{
    why[0] = 0;
    return elf_image_parse(file, FILE_BYTES, e, why, sizeof(why));
}

static void good(void **state)
{
    struct elf_image e;

    (void)state;
    assert_int_equal(parse(&e), 0);
    assert_int_equal(e.segments, 2);
    assert_int_equal(e.start, 0x100000);
    assert_int_equal(e.end, 0x103000);
    assert_int_equal(e.notes.phys32_entry, 0x100020);
    assert_int_equal(e.notes.entry, 0x100030);
    assert_int_equal(e.notes.virt_base, 0);
    assert_true(e.notes.is_xen);
    assert_true(e.notes.init_p2m == ELF_NOTE_ABSENT);
    assert_ptr_equal(e.segment[0].bytes, file + TEXT_AT);
}

static void refused(const char *word)
{
    struct elf_image e;

    assert_int_equal(parse(&e), -ENOEXEC);
    if (!strstr(why, word))
        fail_msg("expected `%s` in: %s", word, why);
}

static void truncated_segment(void **state)
{
    (void)state;
    phdr(1)->p_offset = FILE_BYTES - 15;
    refused("truncated");
}

static void wrapping_offset(void **state)
{
    (void)state;
    phdr(1)->p_offset = ~0ULL - 4;
    refused("truncated");
}

static void larger_in_the_file(void **state)
{
    (void)state;
    phdr(0)->p_memsz = TEXT_BYTES - 1;
    refused("larger in the file");
}

static void overlapping(void **state)
{
    (void)state;
    phdr(1)->p_paddr = 0x100fff;
    refused("overlap");
    phdr(1)->p_paddr = 0xff001;
    refused("overlap");
}

static void wild_address(void **state)
{
    (void)state;
    phdr(1)->p_paddr = ~0ULL - 0x100;
    refused("wild");
    phdr(1)->p_paddr = 1ULL << 50;
    refused("wild");
}

static void headers_outside(void **state)
{
    (void)state;
    ((Elf64_Ehdr *)file)->e_phoff = FILE_BYTES - 8;
    refused("program headers");
    ((Elf64_Ehdr *)file)->e_phoff = ~0ULL;
    refused("program headers");
}

static void not_an_elf(void **state)
{
    (void)state;
    file[1] = 'X';
    refused("not an ELF");
}

/* An ELF32 for the 386 is another class: only elf_image_parse_any takes it. */
static void narrow(void **state)
{
    static const u32 note[] = {4, 4, XEN_ELFNOTE_PHYS32_ENTRY, 0x006e6558, 0x100008};
    struct elf_image e;
    Elf32_Ehdr *h;

    (void)state;
    assert_int_equal(elf_image_parse_any(file, FILE_BYTES, &e, why, sizeof(why)), 0);
    assert_false(e.narrow);
    memset(file, 0, FILE_BYTES);
    h = (Elf32_Ehdr *)file;
    memcpy(h->e_ident, "\177ELF\1\1\1", 7);
    h->e_type = ET_EXEC;
    h->e_machine = EM_386;
    h->e_entry = 0xc0000004;
    h->e_phoff = sizeof(*h);
    h->e_phentsize = sizeof(Elf32_Phdr);
    h->e_phnum = 2;
    Elf32_Phdr *p = (Elf32_Phdr *)(file + sizeof(*h));
    p[0] = (Elf32_Phdr){PT_LOAD, TEXT_AT, 0xc0000000, 0x100000, 16, 32, 0, 0};
    p[1] = (Elf32_Phdr){PT_NOTE, NOTES_AT, 0, 0, sizeof(note), sizeof(note), 0, 0};
    memcpy(file + NOTES_AT, note, sizeof(note));
    assert_int_equal(elf_image_parse_any(file, FILE_BYTES, &e, why, sizeof(why)), 0);
    assert_true(e.narrow);
    assert_int_equal(e.entry, 0xc0000004);
    assert_int_equal(e.segment[0].vaddr, 0xc0000000);
    assert_int_equal(e.segment[0].paddr, 0x100000);
    assert_int_equal(e.segment[0].memsz, 32);
    assert_int_equal(e.notes.phys32_entry, 0x100008);
    refused("not for x86-64");
    h->e_machine = EM_X86_64;
    assert_int_equal(elf_image_parse_any(file, FILE_BYTES, &e, why, sizeof(why)), -ENOEXEC);
    h->e_machine = EM_386;
    h->e_phentsize = sizeof(Elf64_Phdr);
    refused("program headers");
    h->e_phentsize = sizeof(Elf32_Phdr);
    h->e_phoff = FILE_BYTES - 2 * sizeof(Elf32_Phdr) + 1;
    refused("program headers");
}

static void every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < FILE_BYTES; n += 7) {
        u8 *copy = malloc(n ? n : 1);
        struct elf_image e;
        memcpy(copy, file, n);
        int error = elf_image_parse(copy, n, &e, why, sizeof(why));
        assert_true(error == 0 || error == -ENOEXEC);
        free(copy);
    }
}

static void every_byte_wrong(void **state)
{
    static const u8 value[] = {0, 1, 0x7f, 0x80, 0xff};
    struct elf_image e;

    (void)state;
    for (size_t at = 0; at < TEXT_AT; at++)
        for (size_t k = 0; k < sizeof(value); k++) {
            u8 old = file[at];
            file[at] = value[k];
            if (parse(&e) == 0)
                for (u32 i = 0; i < e.segments; i++)
                    assert_true(e.segment[i].bytes >= file &&
                                e.segment[i].bytes + e.segment[i].filesz <= file + FILE_BYTES);
            file[at] = old;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good, setup, teardown),
        cmocka_unit_test_setup_teardown(truncated_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(wrapping_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(larger_in_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(overlapping, setup, teardown),
        cmocka_unit_test_setup_teardown(wild_address, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(not_an_elf, setup, teardown),
        cmocka_unit_test_setup_teardown(narrow, setup, teardown),
        cmocka_unit_test_setup_teardown(every_length, setup, teardown),
        cmocka_unit_test_setup_teardown(every_byte_wrong, setup, teardown),
    };
    return cmocka_run_group_tests_name("elf_image", tests, NULL, NULL);
}
