/* What the files of the guest share. */
#ifndef JUDGE_H
#define JUDGE_H

#include "kit/types.h"

/* Words of a frame, from the stack pointer up. */
enum { FRAME_WORDS = 10, MAGIC_RCX = 0xc0c0c0c, MAGIC_R11 = 0x1111111 };

/* frames.asm: loads rcx and r11 with the values above, these flags (beside IF), this stack pointer;
 * then INT3, or a read at fault_at if that is not 0. Comes back by way of capture_handler. */
void capture(u64 stack, u64 flags, u64 fault_at);
/* What the kernel's handler does: keeps the frame, the stack pointer, ss and the flags that it
 * finds, and returns from capture. */
void capture_handler(void);
extern u64 capture_rsp, capture_flags, capture_ss, capture_frame[FRAME_WORDS];
/* The addresses behind INT3, and of the read. */
extern const u8 capture_int3_end[], capture_read[];

/* frames.c: a trap from a stack on which no frame may be laid, or none can be, which is to end the
 * life; there are BAD_STACKS of them. */
enum { BAD_STACKS = 4 };
void test_bad_stack(unsigned number);
void test_frames(void);
/* memory.c */
void test_memory(void);

#endif
