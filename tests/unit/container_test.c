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
#define POD "pod1234abcd_12ab_34cd_56ef_1234567890ab"

static const struct {
	const char *path;
	const char *id; /* NULL: none */
} cases[] = {
	{ "/docker/" ID, ID },
	{ "/docker/" ID "/init.scope", ID },
	{ "/system.slice/docker-" ID ".scope", ID },
	{ "/system.slice/docker-" ID ".scope/docker/" ID2, ID2 },
	{ "/kubepods.slice/kubepods-" POD ".slice/cri-containerd-" ID ".scope", ID },
	{ "/kubepods/besteffort/" POD "/" ID, ID },
	{ "/kubepods/" POD "/" ID, ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD "/" ID, ID },
	{ "/kubepods.slice/kubepods-" POD ".slice/crio-" ID ".scope", ID },
	{ "/kubepods/" POD "/crio-" ID, ID },
	{ "/machine.slice/libpod-" ID ".scope", ID },
	{ "/machine.slice/libpod-" ID ".scope/container", ID },
	{ "/user.slice/user@1000.service/libpod-" ID ".scope/libpod-payload-" ID2, ID2 },
	{ "/machine.slice/machine-web.scope", "web" },
	{ "/machine.slice/machine-my\\x2dweb\\x2d1.scope/payload", "my-web-1" },
	{ "/machine.slice/systemd-nspawn@debian.service/payload/system.slice", "debian" },
	{ "/machine.slice/systemd-nspawn@a\\x2db.service", "a-b" },

	{ "/", NULL },
	{ "", NULL },
	{ "/system.slice/nginx.service", NULL },
	{ "/system.slice/docker.service", NULL },
	{ "/system.slice/docker-" ID, NULL },
	{ "/system.slice/docker-x" ID ".scope", NULL },
	{ "/system.slice/docker-.scope", NULL },
	{ "/machine.slice/libpod-conmon-" ID ".scope", NULL },
	{ "/kubepods.slice/kubepods-" POD ".slice/crio-conmon-" ID ".scope", NULL },
	{ "/kubepods/besteffort/" POD, NULL },
	{ "/" ID, NULL },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", NULL },
	{ "/machine.slice/machine-.scope", NULL },
	{ "/machine.slice/machine-" ID ID ".scope", NULL },
	{ "/machine.slice/machine-a\\x00b.scope", NULL },
	{ "/user.slice/machine-web.scope", NULL },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[CONTAINER_MAX];
		size_t len = container_id(cases[i].path, id);

		if (!cases[i].id) {
			assert_int_equal(len, 0);
			continue;
		}
		assert_int_equal(len, strlen(cases[i].id));
		assert_string_equal(id, cases[i].id);
	}
}

/* Cut escapes at the end must not be read beyond. */
static void test_cut_escapes(void **state)
{
	char id[CONTAINER_MAX];

	(void)state;
	assert_int_equal(container_id("/machine.slice/machine-a\\x2.scope", id), 4);
	assert_string_equal(id, "a\\x2");
	assert_int_equal(container_id("/machine.slice/machine-a\\.scope", id), 2);
	assert_string_equal(id, "a\\");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cut_escapes),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
