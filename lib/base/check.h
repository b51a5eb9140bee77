/* SPDX-License-Identifier: BSD-2-Clause */
/* check(): assertions that are always on; poison for freed slots. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "minato/minato.h"

/* A broken promise of ours ends the program through minato_panic. What follows
   a check need not save anything for the case that it returns. */
#define check(condition)                                                       \
	((condition) ? (void)0 : check_broken(__FILE__, __LINE__, #condition))
__attribute__((cold, noreturn)) static inline void
check_broken(const char *file, int line, const char *what)
{
	minato_panic(file, line, what);
	__builtin_trap();
}

/*
 * Freed slots of a pool, tuples and ranges of the port table are poisoned under
 * AddressSanitizer, so that a stale index is found at the first touch. Without
 * it these are nothing.
 */
#if defined(__SANITIZE_ADDRESS__)
#define BASE_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BASE_POISON 1
#endif
#endif

#ifdef BASE_POISON
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
int __asan_address_is_poisoned(void const volatile *addr);
#define poison(addr, size) __asan_poison_memory_region((addr), (size))
#define unpoison(addr, size) __asan_unpoison_memory_region((addr), (size))
#define poisoned(addr) (__asan_address_is_poisoned(addr) != 0)
#else
#define poison(addr, size) ((void)(addr), (void)(size))
#define unpoison(addr, size) ((void)(addr), (void)(size))
#define poisoned(addr) ((void)(addr), false)
#endif

#endif
