/*
 * One access that may fault, in 64-bit mode, by the kernel or in user mode (access.asm).
 */
#ifndef TORTURE_ACCESS_H
#define TORTURE_ACCESS_H

#include "kit/types.h"

/* What a page needs so that each access to it comes back: offsets of a byte to read and write, of a
 * RET, and of an INT 0x80. */
enum page_offset { AT_RETURN = 0, AT_INTERRUPT = 16, AT_DATA = 64 };

enum access_result { ACCESS_OK = -1 };

/* Makes one access of this kind (rules.h) at the address, which must have the offset that fits.
 * user_code is where user mode sees access_user. Returns ACCESS_OK, or the page fault's error code.
 */
s64 access_make(u64 address, unsigned kind, u64 user_code);
void access_user(void);
extern u64 access_cr2;

/* Entry points for TRAP_PAGE_FAULT and TRAP_INT80. */
void access_on_fault(void);
void access_on_interrupt(void);

#endif
