/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of many names, the one that somebody who wrote another may have meant. */
#ifndef CONNSNOOP_NEAREST_H
#define CONNSNOOP_NEAREST_H

/* Begin with { .wanted = what was written }. */
struct nearest {
	const char *wanted;
	const char *name; /* the nearest so far, as it was given; NULL: none is near */
	unsigned int distance;
};

/*
 * Takes @name if it is nearer than all before: by letters to be changed, added, left out or
 * swapped with the next, at most a third of the word, case aside.
 */
void nearest_try(struct nearest *n, const char *name);

#endif /* CONNSNOOP_NEAREST_H */
