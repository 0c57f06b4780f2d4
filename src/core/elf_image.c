/*
 * Reading a guest's ELF file. Source: System V ABI, "Object Files"; xen/elfnote.h.
 *
 * Invariant: no offset or size from the file is used before it has been checked against the file's
 * size, with sums that cannot wrap.
 */
#include "elf_image.h"

#include "errno.h"
#include "log.h"

#include <string.h>
#include <xen/elfnote.h>

enum elf_constants {
    ELF_CLASS32 = 1,
    ELF_CLASS64 = 2,
    ELF_LITTLE_ENDIAN = 1,
    ELF_MACHINE_386 = 3,
    ELF_MACHINE_X86_64 = 62,
    ELF_TYPE_EXEC = 2,
    ELF_TYPE_DYN = 3,
    ELF_PT_LOAD = 1,
    ELF_PT_NOTE = 4,
};

struct elf_header {
    u8 ident[16];            /* magic, class, byte order, ... */
    u16 type, machine;       /* ELF_TYPE_*, ELF_MACHINE_* */
    u32 version;             /* 1 */
    u64 entry, phoff, shoff; /* entry address, offsets of the tables */
    u32 flags;               /* 0 */
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx; /* sizes and counts of the tables */
};
struct elf_program_header {
    u32 type, flags;          /* ELF_PT_*, rights */
    u64 offset, vaddr, paddr; /* in the file, in memory */
    u64 filesz, memsz, align; /* bytes */
};
struct elf32_header {
    u8 ident[16];            /* as above */
    u16 type, machine;       /* as above */
    u32 version;             /* 1 */
    u32 entry, phoff, shoff; /* entry address, offsets of the tables */
    u32 flags;               /* 0 */
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx; /* sizes and counts of the tables */
};
struct elf32_program_header {
    u32 type;                        /* ELF_PT_* */
    u32 offset, vaddr, paddr;        /* in the file, in memory */
    u32 filesz, memsz, flags, align; /* bytes, rights */
};
struct elf_note {
    u32 namesz, descsz, type; /* name and descriptor follow, each padded to 4 */
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_program_header) == 56, "ELF64");
_Static_assert(sizeof(struct elf32_header) == 52 && sizeof(struct elf32_program_header) == 32,
               "ELF32");

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        format_text(why, whysize, __VA_ARGS__);                                                    \
        return -ENOEXEC;                                                                           \
    } while (0)

static bool inside(u64 offset, u64 len, u64 size)
{
    return offset <= size && len <= size - offset;
}

static u64 note_number(const u8 *desc, u32 descsz)
{
    u64 v = 0;

    memcpy(&v, desc, MIN(descsz, 8u));
    return v;
}

static void take_note(struct elf_notes *n, u32 type, const u8 *desc, u32 descsz)
{
    u64 v = note_number(desc, descsz);

    switch (type) {
    case XEN_ELFNOTE_PHYS32_ENTRY:
        n->phys32_entry = v;
        break;
    case XEN_ELFNOTE_ENTRY:
        n->entry = v;
        n->is_xen = true;
        break;
    case XEN_ELFNOTE_GUEST_OS:
        n->is_xen = true;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        n->virt_base = v;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        n->paddr_offset = v;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        n->hypercall_page = v;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        n->init_p2m = v;
        break;
    case XEN_ELFNOTE_HV_START_LOW:
        n->hv_start_low = v;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        n->mod_start_pfn = v;
        break;
    }
}

static void read_notes(const u8 *at, u64 size, struct elf_notes *n)
{
    while (size >= sizeof(struct elf_note)) {
        struct elf_note h;
        memcpy(&h, at, sizeof(h));
        u64 name = ((u64)h.namesz + 3) & ~3ULL, desc = ((u64)h.descsz + 3) & ~3ULL;
        u64 total = sizeof(h) + name + desc;
        if (name > size || desc > size || total > size)
            return;
        if (h.namesz == 4 && memcmp(at + sizeof(h), "Xen", 4) == 0)
            take_note(n, h.type, at + sizeof(h) + name, h.descsz);
        at += total;
        size -= total;
    }
}

/* Keeps the segments sorted by physical address; false if the new one overlaps another. */
static bool insert(struct elf_image *out, const struct elf_segment *s)
{
    u32 i = out->segments;

    while (i > 0 && out->segment[i - 1].paddr > s->paddr) {
        out->segment[i] = out->segment[i - 1];
        i--;
    }
    out->segment[i] = *s;
    out->segments++;
    if (i > 0 && out->segment[i - 1].paddr + out->segment[i - 1].memsz > s->paddr)
        return false;
    return i + 1 == out->segments || s->paddr + s->memsz <= out->segment[i + 1].paddr;
}

static int add_load(struct elf_image *out, const u8 *file, u64 size,
                    const struct elf_program_header *p, char *why, size_t whysize)
{
    struct elf_segment s = {p->paddr, p->vaddr, p->memsz, p->filesz, NULL};

    if (!p->memsz)
        return 0;
    if (!inside(p->offset, p->filesz, size))
        FAIL("the ELF is truncated: a segment of %lu bytes at offset %lu lies outside it",
             p->filesz, p->offset);
    s.bytes = file + p->offset;
    if (p->filesz > p->memsz)
        FAIL("a segment of the ELF is larger in the file than in memory");
    if (p->paddr + p->memsz < p->paddr || p->paddr + p->memsz > 1ULL << 46)
        FAIL("a segment of the ELF lies at a wild address, %lx", p->paddr);
    if (out->segments == ELF_MAX_SEGMENTS)
        FAIL("the ELF has more than %d segments", ELF_MAX_SEGMENTS);
    if (!insert(out, &s))
        FAIL("segments of the ELF overlap at %lx", p->paddr);
    return 0;
}

/* The file's header, an ELF32's in the form of an ELF64's; false if the file is too short. */
static bool get_header(const u8 *file, u64 size, struct elf_header *h)
{
    struct elf32_header narrow;

    memset(h, 0, sizeof(*h));
    if (size < sizeof(narrow))
        return false;
    memcpy(&narrow, file, sizeof(narrow));
    if (narrow.ident[4] != ELF_CLASS32) {
        memcpy(h, file, MIN(size, sizeof(*h)));
        return size >= sizeof(*h);
    }
    memcpy(h->ident, narrow.ident, sizeof(h->ident));
    h->type = narrow.type;
    h->machine = narrow.machine;
    h->entry = narrow.entry;
    h->phoff = narrow.phoff;
    h->phentsize = narrow.phentsize;
    h->phnum = narrow.phnum;
    return true;
}

/* Program header i, whose place in the file has been checked. */
static void get_program_header(const u8 *file, const struct elf_header *h, u32 i,
                               struct elf_program_header *p)
{
    struct elf32_program_header narrow;

    if (h->ident[4] != ELF_CLASS32) {
        memcpy(p, file + h->phoff + i * sizeof(*p), sizeof(*p));
        return;
    }
    memcpy(&narrow, file + h->phoff + i * sizeof(narrow), sizeof(narrow));
    *p = (struct elf_program_header){.type = narrow.type,
                                     .offset = narrow.offset,
                                     .vaddr = narrow.vaddr,
                                     .paddr = narrow.paddr,
                                     .filesz = narrow.filesz,
                                     .memsz = narrow.memsz};
}

static int check_header(const u8 *file, u64 size, struct elf_header *h, char *why, size_t whysize)
{
    u16 machine = ELF_MACHINE_X86_64, each = sizeof(struct elf_program_header);

    if (!get_header(file, size, h) || memcmp(h->ident, "\177ELF", 4) != 0)
        FAIL("the module is not an ELF file");
    if (h->ident[4] == ELF_CLASS32) {
        machine = ELF_MACHINE_386;
        each = sizeof(struct elf32_program_header);
    } else if (h->ident[4] != ELF_CLASS64)
        machine = 0;
    if (!machine || h->machine != machine || h->ident[5] != ELF_LITTLE_ENDIAN)
        FAIL("the ELF is not for x86");
    if (h->type != ELF_TYPE_EXEC && h->type != ELF_TYPE_DYN)
        FAIL("the ELF is not an executable");
    if (h->phentsize != each || !inside(h->phoff, (u64)h->phnum * each, size))
        FAIL("the ELF is truncated: its program headers lie outside it");
    return 0;
}

int elf_image_parse_any(const void *file, u64 size, struct elf_image *out, char *why,
                        size_t whysize)
{
    const u8 *bytes = file;
    struct elf_header h;
    int error;

    memset(out, 0, sizeof(*out));
    memset(&out->notes, 0xff, sizeof(out->notes));
    out->notes.is_xen = false;
    if ((error = check_header(bytes, size, &h, why, whysize)))
        return error;
    for (u32 i = 0; i < h.phnum; i++) {
        struct elf_program_header p;
        get_program_header(bytes, &h, i, &p);
        if (p.type == ELF_PT_LOAD && (error = add_load(out, bytes, size, &p, why, whysize)))
            return error;
        if (p.type == ELF_PT_NOTE && inside(p.offset, p.filesz, size))
            read_notes(bytes + p.offset, p.filesz, &out->notes);
    }
    if (!out->segments)
        FAIL("the ELF has nothing to load");
    out->narrow = h.ident[4] == ELF_CLASS32;
    out->entry = h.entry;
    out->start = out->segment[0].paddr;
    out->end = out->segment[out->segments - 1].paddr + out->segment[out->segments - 1].memsz;
    return 0;
}

int elf_image_parse(const void *file, u64 size, struct elf_image *out, char *why, size_t whysize)
{
    int error = elf_image_parse_any(file, size, out, why, whysize);

    if (!error && out->narrow)
        FAIL("the ELF is not for x86-64");
    return error;
}
