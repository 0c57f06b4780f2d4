/*
 * The ELF notes by which Xen and Trivisor find a guest's entries. Source: xen/elfnote.h.
 */
#include "kit/types.h"

#include <xen/elfnote.h>

struct note_head {
    u32 name_bytes; /* with the final zero */
    u32 desc_bytes;
    u32 type;     /* XEN_ELFNOTE_ */
    char name[4]; /* "Xen" */
};

#define NOTE(id, desc_type, ...)                                                                   \
    static const struct {                                                                          \
        struct note_head head;                                                                     \
        desc_type desc;                                                                            \
    } __attribute__((packed, aligned(4))) note_##id                                                \
        __attribute__((section(".note.Xen"), used, aligned(4))) = {                                \
            {4, sizeof(desc_type), XEN_ELFNOTE_##id, "Xen"}, __VA_ARGS__}
#define NOTE_TEXT(id, text)     NOTE(id, struct { char text_[sizeof(text)]; }, {text})
#define NOTE_ADDRESS(id, value) NOTE(id, u64, value)

extern u8 pvh_entry[], pv_entry[], hypercall_page[];

NOTE_TEXT(GUEST_OS, "trivisor-guest");
NOTE_TEXT(GUEST_VERSION, "1");
NOTE_TEXT(XEN_VERSION, "xen-3.0");
NOTE_TEXT(LOADER, "generic");
NOTE_TEXT(PAE_MODE, "yes");
NOTE_TEXT(FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
NOTE_ADDRESS(PHYS32_ENTRY, (u64)pvh_entry);
NOTE_ADDRESS(ENTRY, (u64)pv_entry);
NOTE_ADDRESS(HYPERCALL_PAGE, (u64)hypercall_page);
NOTE_ADDRESS(VIRT_BASE, 0);
NOTE_ADDRESS(PADDR_OFFSET, 0);
NOTE(SUSPEND_CANCEL, u32, 1);
