// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as what a process has in its memory where getaddrinfo() puts its answer. */
#include <stdlib.h>
#include <string.h>

#include "libc_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct libc_record *r = malloc(len ? len : 1);
	struct dns_answer a;

	if (!r)
		return 0;
	memcpy(r, bytes, len);
	if (libc_answer(r, len, &a)) {
		if (!a.cnt || a.cnt > LIBC_ADDRESSES_MAX || !a.name_len ||
		    a.name_len > DNS_NAME_MAX || strlen(a.name) != a.name_len)
			abort();
		for (size_t i = 0; i < a.name_len; i++) {
			if (a.name[i] <= ' ' || a.name[i] >= 0x7f)
				abort();
		}
		for (size_t i = 0; i < a.cnt; i++) {
			if (a.addresses[i].ipv != 4 && a.addresses[i].ipv != 6)
				abort();
		}
	}
	free(r);
	return 0;
}
