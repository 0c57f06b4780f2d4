/*
 * Integer names and the address types.
 *
 * Each address space has a type of its own, a structure with one member, so that the
 * compiler refuses a guest-physical frame where a machine frame is meant. x = gfn_x(g)
 * takes the number out, g = gfn_of(x) makes one.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/*
 * Tour 5: five kinds of address. A guest virtual address is translated by the guest's tables to a
 * guest-physical one, and that by us to a machine address. All of them are 64-bit numbers, and to
 * mistake one for another is the classic bug of a hypervisor. So each has a type of its own, and
 * the compiler refuses the mistake. From here on read `gva`, `gpa`, `gfn`, `mpa` and `mfn` as
 * words.
 */
#define ADDRESS_TYPE(name, what)                                                                   \
    typedef struct {                                                                               \
        u64 v; /* what */                                                                          \
    } name##_t;                                                                                    \
    static inline name##_t name##_of(u64 v)                                                        \
    {                                                                                              \
        return (name##_t){v};                                                                      \
    }                                                                                              \
    static inline u64 name##_x(name##_t a)                                                         \
    {                                                                                              \
        return a.v;                                                                                \
    }                                                                                              \
    static inline bool name##_eq(name##_t a, name##_t b)                                           \
    {                                                                                              \
        return a.v == b.v;                                                                         \
    }                                                                                              \
    _Static_assert(sizeof(name##_t) == 8, #what)

ADDRESS_TYPE(gva, guest virtual address);
ADDRESS_TYPE(gpa, guest physical address);
ADDRESS_TYPE(gfn, guest frame number);
ADDRESS_TYPE(mpa, machine physical address);
ADDRESS_TYPE(mfn, machine frame number);

enum page_geometry {
    PAGE_SHIFT = 12,
    PAGE_SIZE = 1 << PAGE_SHIFT,
    PAGE_SHIFT_2M = 21,
    PAGE_SHIFT_1G = 30,
    PT_ENTRIES = 512, /* entries in a table of 8-byte entries */
};
#define PAGE_OFFSET_MASK ((u64)PAGE_SIZE - 1)
#define PAGE_ALIGN_UP(x) (((u64)(x) + PAGE_OFFSET_MASK) & ~PAGE_OFFSET_MASK)

#define MFN_INVALID ((mfn_t){~0ULL >> PAGE_SHIFT})
#define GFN_INVALID ((gfn_t){~0ULL >> PAGE_SHIFT})

static inline gfn_t gpa_to_gfn(gpa_t a)
{
    return gfn_of(a.v >> PAGE_SHIFT);
}
static inline gpa_t gfn_to_gpa(gfn_t g)
{
    return gpa_of(g.v << PAGE_SHIFT);
}
static inline mfn_t mpa_to_mfn(mpa_t a)
{
    return mfn_of(a.v >> PAGE_SHIFT);
}
static inline mpa_t mfn_to_mpa(mfn_t m)
{
    return mpa_of(m.v << PAGE_SHIFT);
}

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#endif
