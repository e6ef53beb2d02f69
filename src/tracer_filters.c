// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The filters of the command line, in the kernel's words: settings and maps. */
#include "tracer_filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "connsnoop.skel.h"
#include "log.h"
#include "pass.h"

/* As the kernel's LPM tries have their keys. */
struct net_key {
	uint32_t prefix_len;
	uint8_t addr[ADDR_LEN];
};

static int resize(struct bpf_map *map, size_t cnt)
{
	return bpf_map__set_max_entries(map, cnt ? cnt : 1);
}

int tracer_filters_configure(struct connsnoop_bpf *skel, struct config *cfg,
			     const struct filters *f)
{
	struct pass pass;
	int err = pass_init(&pass, f);

	if (err)
		return err;
	cfg->filters = f->set;
	cfg->netns = f->netns;
	cfg->classes = f->classes;
	cfg->cgroup_id = pass.cgroup_id;
	cfg->cgroup_level = pass.cgroup_level;
	err = resize(skel->maps.filter_pids, f->pid_cnt);
	err = err ?: resize(skel->maps.filter_uids, f->uid_cnt);
	err = err ?: resize(skel->maps.filter_comms, f->comm_cnt);
	err = err ?: resize(skel->maps.filter_nets4, f->net_cnt);
	err = err ?: resize(skel->maps.filter_nets6, f->net_cnt);
	err = err ?: resize(skel->maps.filter_ports, f->ports ? PORT_CNT : 1);
	if (err)
		log_err("cannot size the maps of the filters: %s", strerror(-err));
	return err;
}

static int put(struct bpf_map *map, const void *key, uint8_t value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, &value, BPF_ANY) ? -errno : 0;
}

static int fill_nets(struct connsnoop_bpf *skel, const struct filters *f)
{
	int err = 0;

	for (size_t i = 0; !err && i < f->net_cnt; i++) {
		const struct net *net = &f->nets[i];
		struct net_key key = { .prefix_len = net->prefix_len };

		memcpy(key.addr, net->addr, ADDR_LEN);
		err = put(net->ipv == 4 ? skel->maps.filter_nets4 : skel->maps.filter_nets6, &key,
			  net->exclude ? NET_EXCLUDE : NET_INCLUDE);
	}
	return err;
}

static int fill_ports(struct connsnoop_bpf *skel, const struct filters *f)
{
	int err = 0;

	for (uint32_t port = 0; f->ports && !err && port < PORT_CNT; port++)
		if (f->ports[port])
			err = put(skel->maps.filter_ports, &port, f->ports[port]);
	return err;
}

int tracer_filters_fill(struct connsnoop_bpf *skel, const struct filters *f)
{
	int err = 0;

	for (size_t i = 0; !err && i < f->pid_cnt; i++)
		err = put(skel->maps.filter_pids, &f->pids[i], 1);
	for (size_t i = 0; !err && i < f->uid_cnt; i++)
		err = put(skel->maps.filter_uids, &f->uids[i], 1);
	for (size_t i = 0; !err && i < f->comm_cnt; i++)
		err = put(skel->maps.filter_comms, f->comms[i], 1);
	err = err ?: fill_nets(skel, f);
	err = err ?: fill_ports(skel, f);
	if (err)
		log_err("cannot write the filters into the kernel: %s", strerror(-err));
	return err;
}
