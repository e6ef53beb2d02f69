// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shapes of JSON lines: the same for the same words, others for others, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "json.h"
#include "json_shape.h"
#include "samples.h"

static struct json_shapes *shapes;

static int setup(void **state)
{
	(void)state;
	shapes = json_shapes_new();
	return shapes ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_shapes_free(shapes);
	return 0;
}

static const struct json_step *shape_of(const struct sample *s)
{
	return json_shape(shapes, &s->line, field_needs_held(&s->line));
}

static void test_numbers_have_one_shape(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	const struct json_step *first = shape_of(&s);

	(void)state;
	s.e->id++;
	s.e->owner.pid++;
	s.e->laddr[3]++;
	s.e->lport--;
	s.e->tx_bytes = 0;
	s.e->rtt_us = 0;
	s.line.exe = STR("");
	s.line.utc_ns++;
	assert_ptr_equal(shape_of(&s), first);
	sample_free(&s);
}

/* Each word, and whatever decides on what is absent. */
static void test_words_have_others(void **state)
{
	struct sample s = sample_new(EVENT_CLOSE);
	const struct json_step *first = shape_of(&s);
	uint8_t *words[] = { &s.e->ipv,	 &s.e->proto,	  &s.e->lorigin,   &s.e->flags,
			     &s.e->attr, &s.e->direction, &s.e->old_state, &s.e->new_state };
	uint32_t *numbers[] = { &s.e->owner.pid, &s.e->peer_pid, &s.e->closer_pid };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*words[i] ^= 1;
		assert_ptr_not_equal(shape_of(&s), first);
		*words[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint32_t was = *numbers[i];

		*numbers[i] = !was;
		assert_ptr_not_equal(shape_of(&s), first);
		*numbers[i] = was;
	}
	s.e->lport = 22;
	assert_ptr_not_equal(shape_of(&s), first);
	s.e->lport = 54321;
	s.e->rport = 8080;
	assert_ptr_not_equal(shape_of(&s), first);
	s.e->rport = 443;
	assert_ptr_equal(shape_of(&s), first);
	sample_free(&s);
}

static void check_like_new(struct json *j, const struct line *l)
{
	struct buf b = { .len = 0 }, expected = { .len = 0 };
	struct json *other = json_new();

	assert_non_null(other);
	json_line(other, &expected, l);
	json_line(j, &b, l);
	assert_int_equal(b.len, expected.len);
	assert_memory_equal(b.data, expected.data, b.len);
	json_free(other);
	buf_free(&b);
	buf_free(&expected);
}

/* More than have room, twice: what was dropped is made again. */
static void test_many(void **state)
{
	struct json *j = json_new();

	(void)state;
	assert_non_null(j);
	for (int i = 0; i < 2 * 400; i++) {
		struct sample s = sample_new(i % 2 ? EVENT_CLOSE : EVENT_CONNECT);

		s.e->attr = i / 2 % ATTR_CNT;
		s.e->lorigin = i / 16 % 5;
		s.e->direction = i / 80 % 5;
		check_like_new(j, &s.line);
		sample_free(&s);
	}
	json_free(j);
}

static void test_unknown_words(void **state)
{
	struct sample s = sample_new(EVENT_STATE);
	struct json *j = json_new();

	(void)state;
	assert_non_null(j);
	for (int word = 0; word < 256; word++) {
		s.e->attr = s.e->proto = s.e->new_state = s.e->phase = word;
		check_like_new(j, &s.line);
	}
	json_free(j);
	sample_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers_have_one_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words_have_others, setup, teardown),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_unknown_words),
	};

	return cmocka_run_group_tests_name("json_shape", tests, NULL, NULL);
}
