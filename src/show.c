// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the options to an output. */
#include "show.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opts.h"
#include "output.h"

static bool wants_color(const struct opts *opts)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = !opts->output && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");

	return opts->color == COLOR_ALWAYS ||
	       (opts->color == COLOR_AUTO && terminal && !(no_color && *no_color));
}

static const char *format_of(const struct opts *opts)
{
	return opts->json ? "json" : opts->csv ? "csv" : opts->markdown ? "markdown" : "text";
}

int show_open(struct output **out, const struct opts *opts, const char *text_columns,
	      const char *table_columns)
{
	const struct output_opts o = {
		.path = opts->output,
		.format = format_of(opts),
		.columns = opts->columns		       ?:
				   opts->csv || opts->markdown ? table_columns :
								 text_columns,
		.color = wants_color(opts),
		.header = opts->header,
	};

	return output_open(out, &o);
}
