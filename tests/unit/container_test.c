// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The cgroup paths of the usual container managers, and those that look like them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "container.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define POD "1234abcd-12ab-34cd-56ef-1234567890ab"
#define POD_IN_SLICE "1234abcd_12ab_34cd_56ef_1234567890ab"
#define STATIC_POD "0123456789abcdef0123456789abcdef"
#define QOS "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_IN_SLICE ".slice"
#define USER "/user.slice/user-1000.slice/user@1000.service"

struct known {
	const char *path;
	const char *runtime;
	const char *container;
	const char *pod;
	const char *unit; /* NULL: not looked at; empty: none */
};

/* clang-format off */
static const struct known containers[] = {
	{ "/docker/" ID, "docker", ID, "", "" },
	{ "/docker/" ID "/init.scope", "docker", ID, "", "init.scope" },
	{ "/system.slice/docker-" ID ".scope", "docker", ID, "", "docker-" ID ".scope" },
	{ USER "/user.slice/docker-" ID ".scope", "docker", ID, "", "docker-" ID ".scope" }, /* rootless */
	{ "/builders/" ID, "", ID, "", "" }, /* --cgroup-parent=/builders */
	{ "/ecs/5b4e6c0a1d2f4e3c8a9b0c1d2e3f4a5b/" ID, "", ID, "", "" },

	{ "/system.slice/nerdctl-" ID ".scope", "containerd", ID, "", "nerdctl-" ID ".scope" },
	{ "/default/" ID, "", ID, "", "" }, /* ctr run */

	{ "/machine.slice/libpod-" ID ".scope", "podman", ID, "", "libpod-" ID ".scope" },
	{ "/machine.slice/libpod-" ID ".scope/container", "podman", ID, "", "libpod-" ID ".scope" }, /* crun */
	{ USER "/user.slice/libpod-" ID ".scope/container", "podman", ID, "", "libpod-" ID ".scope" },
	{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", "podman", ID, "", NULL },
	{ "/libpod_parent/libpod-" ID, "podman", ID, "", "" },
	{ "/system.slice/web.service/libpod-payload-" ID, "podman", ID, "", "web.service" }, /* Quadlet */

	{ "/lxc.payload.web", "lxc", "web", "", "" },
	{ "/lxc.payload.web/system.slice/nginx.service", "lxc", "web", "", "nginx.service" },
	{ "/user.slice/user-1000.slice/run-r1.scope/lxc.payload.my.box", "lxc", "my.box", "", "run-r1.scope" },
	{ "/lxc.payload/web", "lxc", "web", "", "" },
	{ "/lxc/101/ns/init.scope", "lxc", "101", "", "init.scope" }, /* Proxmox */

	{ "/machine.slice/machine-web.scope", "systemd-nspawn", "web", "", "machine-web.scope" },
	{ "/machine.slice/machine-my\\x2dweb\\x2d1.scope/payload", "systemd-nspawn", "my-web-1", "",
	  "machine-my\\x2dweb\\x2d1.scope" },
	{ "/machine.slice/systemd-nspawn@debian.service/payload/system.slice", "systemd-nspawn", "debian", "",
	  "systemd-nspawn@debian.service" },
	{ "/machine.slice/systemd-nspawn@a\\x2db.service", "systemd-nspawn", "a-b", "", NULL },
	{ "/machine.slice/machine-lxc\\x2dweb.scope", "systemd-nspawn", "lxc-web", "", NULL },
	{ "/machine.slice/machine-lxc\\x2d123\\x2dmy\\x2dbox.scope", "libvirt", "my-box", "", NULL },
};

static const struct known pods[] = {
	{ QOS "/cri-containerd-" ID ".scope", "containerd", ID, POD, "cri-containerd-" ID ".scope" },
	{ QOS "/crio-" ID ".scope", "cri-o", ID, POD, "crio-" ID ".scope" },
	{ QOS "/crio-" ID ".scope/container", "cri-o", ID, POD, "crio-" ID ".scope" },
	{ QOS "/docker-" ID ".scope", "docker", ID, POD, "docker-" ID ".scope" }, /* cri-dockerd */
	{ "/kubepods.slice/kubepods-pod" POD_IN_SLICE ".slice/crio-" ID ".scope", "cri-o", ID, POD, NULL },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC_POD ".slice/crio-" ID ".scope",
	  "cri-o", ID, STATIC_POD, NULL },
	{ "/kubepods/besteffort/pod" POD "/" ID, "", ID, POD, "" },
	{ "/kubepods/burstable/pod" STATIC_POD "/" ID, "", ID, STATIC_POD, "" },
	{ "/kubepods/pod" POD "/" ID, "", ID, POD, "" },
	{ "/kubepods/pod" POD "/crio-" ID, "cri-o", ID, POD, "" },
	{ "/kubepods/pod" POD, "", "", POD, "" },
	{ QOS, "", "", POD, "" },
	/* the kubelet means systemd, containerd makes directories */
	{ "/kubepods-burstable-pod" POD_IN_SLICE ".slice:cri-containerd:" ID, "containerd", ID, POD, "" },
	{ "/system.slice/containerd.service/kubepods-besteffort-pod" POD_IN_SLICE ".slice:cri-containerd:" ID,
	  "containerd", ID, POD, "containerd.service" },
	{ "/system.slice:docker:" ID, "docker", ID, "", "" },
	{ "/system.slice/kubepods-pod" POD_IN_SLICE ".slice:crio:" ID "/init.scope", "cri-o", ID, POD, "init.scope" },
	/* kind: a node is a container, and its kubelet has a cgroup of its own */
	{ "/docker/" ID "/kubelet/kubepods/besteffort/pod" POD "/" ID2, "", ID2, POD, "" },
	{ "/system.slice/docker-" ID ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" POD_IN_SLICE ".slice/cri-containerd-" ID2 ".scope",
	  "containerd", ID2, POD, "cri-containerd-" ID2 ".scope" },
};

/* The innermost of each. */
static const struct known nested[] = {
	{ "/system.slice/docker-" ID ".scope/docker/" ID2, "docker", ID2, "", "docker-" ID ".scope" },
	{ "/docker/" ID "/docker/" ID2, "docker", ID2, "", "" },
	{ "/kubepods/pod" POD "/" ID "/docker/" ID2, "docker", ID2, POD, "" },
	{ USER "/libpod-" ID ".scope/libpod-payload-" ID2, "podman", ID2, "", "libpod-" ID ".scope" },
	{ "/lxc.payload.web/system.slice/docker-" ID ".scope", "docker", ID, "", NULL },
	{ "/machine.slice/machine-web.scope/payload/machine.slice/machine-inner.scope", "systemd-nspawn", "inner",
	  "", "machine-inner.scope" },
};

static const struct known units[] = {
	{ "/system.slice/nginx.service", "", "", "", "nginx.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "", "", "", "getty@tty1.service" },
	{ "/system.slice/docker.service", "", "", "", "docker.service" },
	{ "/system.slice/docker.socket", "", "", "", "docker.socket" },
	{ "/system.slice/var-lib-my\\x2ddata.mount", "", "", "", "var-lib-my\\x2ddata.mount" },
	{ "/system.slice/dev-sda2.swap", "", "", "", "dev-sda2.swap" },
	{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "session-3.scope" },
	{ USER "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope", "", "", "", "vte-spawn-1.scope" },
	{ USER "/init.scope", "", "", "", "init.scope" },
	{ "/system.slice/delegated.service/worker/1", "", "", "", "delegated.service" },
	{ "/system.slice/_cpu.service", "", "", "", "cpu.service" },
	{ "/init.scope", "", "", "", "init.scope" },
	{ "/system.slice", "", "", "", "" },
	{ "/system.slice/.service", "", "", "", "" },
};

static const struct known neither[] = {
	{ "/", "", "", "", "" },
	{ "", "", "", "", "" },
	{ "/" ID, "", "", "", "" },
	{ "/system.slice/docker-" ID, "", "", "", "" },
	{ "/system.slice/docker-x" ID ".scope", "", "", "", NULL },
	{ "/system.slice/docker-.scope", "", "", "", NULL },
	{ "/system.slice/docker-g" ID2 ".scope", "", "", "", NULL },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "", "", "", "libpod-conmon-" ID ".scope" },
	{ "/libpod_parent/conmon", "", "", "", "" },
	{ QOS "/crio-conmon-" ID ".scope", "", "", POD, "crio-conmon-" ID ".scope" },
	{ "/kubepods/pod" POD "/crio-conmon-" ID, "", "", POD, "" },
	{ "/lxc.monitor.web", "", "", "", "" },
	{ "/lxc.payload.", "", "", "", "" },
	{ "/lxc", "", "", "", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "", "", "", NULL },
	{ "/machine.slice/machine-.scope", "", "", "", NULL },
	{ "/machine.slice/machine-" ID ID ".scope", "", "", "", NULL },
	{ "/machine.slice/machine-a\\x00b.scope", "", "", "", NULL },
	{ "/user.slice/machine-web.scope", "", "", "", NULL },
	{ "/machine.slice/machine-libpod_pod_" ID ".slice", "", "", "", "" },
	{ "/kubepods/pod", "", "", "", "" },
	{ "/a:b:" ID, "", "", "", "" },
	{ "/:docker:", "", "", "", "" },
	{ "/::", "", "", "", "" },
	{ "/:" ID, "", "", "", "" },
	{ "/system.slice/docker-" ID2 ".mount:x", "", "", "", "" },
	{ "/kubepods/pod" POD "0", "", "", "", "" },
	{ "/kubepods/podcast-34abcd-12ab-34cd-56ef-1234567890ab", "", "", "", "" },
	{ "/kubepods/tripod" POD, "", "", "", "" },
};
/* clang-format on */

static void check(const struct known *known, size_t cnt)
{
	for (const struct known *k = known; k < known + cnt; k++) {
		struct cgroup_meaning m;

		memset(&m, 0xff, sizeof(m));
		cgroup_meaning(k->path, &m);
		if (strcmp(m.runtime, k->runtime) || strcmp(m.container, k->container) ||
		    strcmp(m.pod, k->pod) || (k->unit && strcmp(m.unit, k->unit)))
			fail_msg("%s: runtime '%s', container '%s', pod '%s', unit '%s'", k->path,
				 m.runtime, m.container, m.pod, m.unit);
	}
}

#define CHECK(table) check(table, sizeof(table) / sizeof(*(table)))

static void test_containers(void **state)
{
	(void)state;
	CHECK(containers);
}

static void test_pods(void **state)
{
	(void)state;
	CHECK(pods);
}

static void test_nested(void **state)
{
	(void)state;
	CHECK(nested);
}

static void test_units(void **state)
{
	(void)state;
	CHECK(units);
}

static void test_neither(void **state)
{
	(void)state;
	CHECK(neither);
}

/* Cut escapes at the end must not be read beyond. */
static void test_cut_escapes(void **state)
{
	static const struct known cut[] = {
		{ "/machine.slice/machine-a\\x2.scope", "systemd-nspawn", "a\\x2", "", NULL },
		{ "/machine.slice/machine-a\\.scope", "systemd-nspawn", "a\\", "", NULL },
	};

	(void)state;
	CHECK(cut);
}

/* A name of any length: the kernel allows 255 bytes. */
static void test_long_names(void **state)
{
	struct cgroup_meaning m;
	char path[600];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	strcpy(path + 248, ".service");
	cgroup_meaning(path, &m);
	assert_string_equal(m.unit, path + 1);
	memset(path + 248, 'a', 100);
	strcpy(path + 500, ".service");
	cgroup_meaning(path, &m);
	assert_string_equal(m.unit, "");
	memcpy(path, "/lxc/", 5);
	strcpy(path + 5 + CONTAINER_MAX - 1, "");
	cgroup_meaning(path, &m);
	assert_string_equal(m.container, path + 5);
	strcpy(path + 5 + CONTAINER_MAX - 1, "a");
	cgroup_meaning(path, &m);
	assert_string_equal(m.container, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers), cmocka_unit_test(test_pods),
		cmocka_unit_test(test_nested),	   cmocka_unit_test(test_units),
		cmocka_unit_test(test_neither),	   cmocka_unit_test(test_cut_escapes),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
