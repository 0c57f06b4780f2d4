/*
 * Kernels' files under libFuzzer (`make fuzz-image`): any bytes as a module. What is accepted must
 * lie inside the file, in order, with its entry inside; its start of day must fit its two pages.
 */
#include <string.h>

#include "../../src/cpu/image/image.h"
#include "../../src/cpu/image/start.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { AT = 0x1000, MEM = 128 << 20 };

/* Stops the fuzzer where cond does not hold. */
static void must(bool cond)
{
    if (!cond)
        __builtin_trap();
}

static void check_parts(const struct image *image, const u8 *data, size_t size)
{
    must(image->parts && image->parts <= ELF_MAX_SEGMENTS);
    must(image_contains(image, image->entry));
    for (u32 i = 0; i < image->parts; i++) {
        const struct elf_segment *s = &image->part[i];

        must(s->bytes >= data && s->filesz <= size && s->bytes + s->filesz <= data + size);
        must(s->filesz <= s->memsz && s->paddr + s->memsz <= image->end);
        must(!i || s->paddr >= s[-1].paddr + s[-1].memsz);
    }
}

static void check_fit(const struct image *image)
{
    char why[200];

    if (image_fits(image, MEM, why, sizeof(why)))
        return;
    must(image->end <= MEM);
    for (u32 i = 0; i < image->parts; i++)
        must(image->part[i].paddr + image->part[i].memsz <= MEM);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static u8 block[START_BYTES];
    struct start start = {.at = AT, .mem_bytes = MEM, .cmdline = "words", .block = block};
    struct image image;
    char why[200];

    memset(block, 0, sizeof(block));
    if (image_parse(data, size, &image, why, sizeof(why)))
        return 0;
    check_parts(&image, data, size);
    check_fit(&image);
    start.modules = image.format->modules;
    for (u32 i = 0; i < start.modules; i++)
        start.module[i] = (struct start_module){MEM / 2, 1, "string"};
    start_common(&start);
    image.format->start(&image, &start, why, sizeof(why));
    return 0;
}
