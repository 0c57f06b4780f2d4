/*
 * One access that may fault, by the kernel or in user mode (access.asm; plain/access.asm for 32-bit
 * code).
 */
#ifndef TORTURE_ACCESS_H
#define TORTURE_ACCESS_H

#include "kit/types.h"

/* What a page needs so that each access to it comes back: offsets of a byte to read and write, of a
 * RET, and of an INT 0x80. */
enum page_offset { AT_RETURN = 0, AT_INTERRUPT = 16, AT_DATA = 64 };
enum page_code { CODE_RET = 0xc3, CODE_INT = 0xcd };

enum access_result { ACCESS_OK = -1 };

/* Makes one access of this kind (rules.h) at the address, which must have the offset that fits.
 * user_code is where user mode sees access_user. Returns ACCESS_OK, or the page fault's error code.
 */
s32 access_make(uintptr_t address, unsigned kind, uintptr_t user_code);
void access_user(void);
extern uintptr_t access_cr2;

/* Entry points for TRAP_PAGE_FAULT and TRAP_INT80. */
void access_on_fault(void);
void access_on_interrupt(void);

#endif
