/* The part of <string.h> that the hypervisor has: src/core/string.c. On the host it is the C
 * library's. */
#ifndef LIBC_STRING_H
#define LIBC_STRING_H
#include <stddef.h>
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
#endif
