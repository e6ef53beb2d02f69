// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* No key is read beyond its end, and keys as they come are spread over the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "hash.h"

#define CNT 20000

static uint32_t hash_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy =
		malloc(len ? len : 1); /* of its very size: the sanitizer sees who reads on */
	uint32_t hash;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	hash = hash_bytes(copy, len);
	free(copy);
	return hash;
}

static void test_every_byte_counts(void **state)
{
	uint8_t bytes[40];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint32_t hash = hash_copy(bytes, len);

		assert_int_equal(hash_copy(bytes, len), hash);
		for (size_t i = 0; i < 8 * len; i++) {
			bytes[i / 8] ^= 1 << i % 8;
			assert_int_not_equal(hash_copy(bytes, len), hash);
			bytes[i / 8] ^= 1 << i % 8;
		}
	}
}

struct entry {
	uint64_t key[3];
	UT_hash_handle hh;
};

/* The keys i << @shift in the @word of @words, as many as fit. uthash wants ten in a bucket at most. */
static unsigned int longest_chain(unsigned int word, unsigned int words, unsigned int shift)
{
	struct entry *all = calloc(CNT, sizeof(*all)), *table = NULL;
	unsigned int longest = 0;

	assert_non_null(all);
	for (uint64_t i = 0; i < CNT && i << shift >> shift == i; i++) {
		all[i].key[0] = 8193;
		all[i].key[word] = i << shift;
		HASH_ADD(hh, table, key, words * sizeof(uint64_t), &all[i]);
	}
	for (unsigned int i = 0; i < table->hh.tbl->num_buckets; i++) {
		unsigned int cnt = table->hh.tbl->buckets[i].count;

		longest = cnt > longest ? cnt : longest;
	}
	HASH_CLEAR(hh, table);
	free(all);
	return longest;
}

/* Ids that follow each other, ports and addresses of one network, wherever they are in the key. */
static void test_spread(void **state)
{
	(void)state;
	for (unsigned int words = 1; words <= 3; words++) {
		for (unsigned int word = 0; word < words; word++) {
			for (unsigned int shift = 0; shift <= 56; shift += 8) {
				unsigned int longest = longest_chain(word, words, shift);

				if (longest > 20)
					fail_msg("word %u of %u, bit %u: a chain of %u", word,
						 words, shift, longest);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
