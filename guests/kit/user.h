/*
 * User programs: functions in files user_*.c, mapped at USER_BASE in a space (space.h), run until
 * they return or call SYS_EXIT.
 */
#ifndef KIT_USER_H
#define KIT_USER_H

#include "kit/space.h"
#include "kit/trap.h"

typedef u64 (*user_function)(u64 argument);

enum user_layout { USER_STACK_PAGES = 4 };
#define USER_STACK_TOP 0x9000000000ULL /* of the first program's stack */

/* Where the thing in the user part of the image is seen in user mode. */
u64 user_address(const void *thing);
/* A space with the user image and a stack of USER_STACK_PAGES below USER_STACK_TOP, published. */
void user_space_create(struct space *s);
/* A frame that begins function(argument) in user mode; its return is SYS_EXIT. The space must
 * have the stack below stack_top. */
void user_start_frame(struct trap_frame *f, struct space *s, user_function function, u64 argument,
                      u64 stack_top);
/* Runs the function in the space, which must be loaded; returns what it returned. */
u64 user_run(struct space *s, user_function function, u64 argument);

/* Assembly: resumes the frame; returns what leave_user is given from a handler. */
u64 enter_user(struct trap_frame *frame, void (*resume)(struct trap_frame *));
void leave_user(u64 value) __attribute__((noreturn));

/* User mode: files user_kit.c. Where a program goes on when its function returns. */
void user_return(void);

#endif
