/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uthash with a hash that is short: FNV-1a (Fowler, Noll, Vo), by words of eight bytes. Analyzers follow the
 * default, Jenkins', through each of its branches wherever it is used.
 */
#ifndef CONNSNOOP_HASH_H
#define CONNSNOOP_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t hash_bytes(const void *bytes, size_t len)
{
	uint64_t hash = 14695981039346656037u, word;
	const char *p = bytes;

	for (; len; len -= len < sizeof(word) ? len : sizeof(word), p += sizeof(word)) {
		word = 0;
		memcpy(&word, p, len < sizeof(word) ? len : sizeof(word));
		hash = (hash ^ word) * 1099511628211u;
		hash ^= hash >> 32;
	}
	/*
	 * uthash looks at the lowest bits, and a product carries upwards only: each bit of a word has to
	 * come down, and up again. Without, 20000 ids that follow each other are one chain.
	 */
	return hash * 0x9e3779b97f4a7c15u >> 32;
}

#define HASH_FUNCTION(key, len, hash) ((hash) = hash_bytes(key, len))
#include <uthash.h>

#endif
