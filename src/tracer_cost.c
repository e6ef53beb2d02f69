// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a trace takes of the kernel: memory for its maps, and how much its programs give the verifier to do. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "connsnoop.skel.h"
#include "log.h"
#include "tracer_internal.h"

/* sizeof in the kernel, the same on x86-64 from 5.10 to 6.18 */
#define HASH_BUCKET 16
#define HASH_ELEMENT 48
#define TRIE_NODE 40

struct footprint {
	uint64_t now;  /* bytes, while it is empty */
	uint64_t most; /* bytes, when it is full */
};

/* What the kernel itself says, in bytes; 0: nothing. */
static uint64_t kernel_says(const struct bpf_map *map)
{
	static const char key[] = "memlock:";
	char path[64], line[256];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!bytes && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			bytes = strtoull(line + strlen(key), NULL, 10);
	fclose(f);
	return bytes;
}

static uint64_t round_up_8(uint64_t n)
{
	return (n + 7) & ~7ULL;
}

/* A hash that takes memory as it fills. Before 6.4 the kernel gives for it what it would hold if full. */
static struct footprint growing_hash(const struct bpf_map *map)
{
	uint64_t entries = bpf_map__max_entries(map), buckets = 1;
	uint64_t element = HASH_ELEMENT + round_up_8(bpf_map__key_size(map)) +
			   round_up_8(bpf_map__value_size(map));

	while (buckets < entries)
		buckets *= 2;
	return (struct footprint){ .now = buckets * HASH_BUCKET,
				   .most = buckets * HASH_BUCKET + entries * element };
}

static struct footprint footprint(const struct bpf_map *map)
{
	uint64_t node = TRIE_NODE + bpf_map__key_size(map) + bpf_map__value_size(map);
	uint64_t now = kernel_says(map);

	if (bpf_map__type(map) == BPF_MAP_TYPE_LPM_TRIE)
		return (struct footprint){ .most = bpf_map__max_entries(map) * round_up_8(node) };
	if (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)
		return growing_hash(map);
	return (struct footprint){ .now = now, .most = now };
}

void tracer__print_maps(const struct tracer *t, FILE *f)
{
	struct footprint sum = {};
	struct bpf_map *map;

	fprintf(f, "%-20s %10s %12s %12s\n", "map", "entries", "bytes, empty", "bytes, full");
	bpf_object__for_each_map(map, t->skel->obj) {
		struct footprint p;

		if (bpf_map__fd(map) < 0)
			continue;
		if (bpf_map__type(map) == BPF_MAP_TYPE_SK_STORAGE) {
			fprintf(f, "%-20s %10s %12s %12u for each socket\n", bpf_map__name(map),
				"-", "-", bpf_map__value_size(map));
			continue;
		}
		p = footprint(map);
		fprintf(f, "%-20s %10u %12" PRIu64 " %12" PRIu64 "%s\n", bpf_map__name(map),
			bpf_map__max_entries(map), p.now, p.most,
			map == t->skel->maps.events ? " the ring buffer" : "");
		sum.now += p.now;
		sum.most += p.most;
	}
	fprintf(f, "%-20s %10s %12" PRIu64 " %12" PRIu64 "\n", "total", "-", sum.now, sum.most);
}

void tracer_log_programs(const struct tracer *t)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, t->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (!bpf_program__autoload(p) ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			continue;
		log_debug("program %s: %u instructions verified, %u bytes translated",
			  bpf_program__name(p), info.verified_insns, info.xlated_prog_len);
	}
}
