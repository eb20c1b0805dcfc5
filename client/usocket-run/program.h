/* SPDX-License-Identifier: MIT */
/*
 * The program that shall run: where it is, and whether it can be preloaded.
 */
#ifndef CLIENT_USOCKET_RUN_PROGRAM_H
#define CLIENT_USOCKET_RUN_PROGRAM_H

#include <limits.h>
#include <stddef.h>

/* BINPRM_BUF_SIZE: as much of a script's first line the kernel reads. */
#define PROGRAM_SCRIPT_LINE 256

enum program_fitness {
	PROGRAM_FITS,
	PROGRAM_STATIC,	    /* no dynamic linker in it */
	PROGRAM_GO,	    /* makes its system calls by itself */
	PROGRAM_PRIVILEGED, /* set-uid, set-gid, file capabilities */
	PROGRAM_OTHER_LIBC, /* musl, for one */
	PROGRAM_OTHER_WORD, /* 32 bits where we have 64, or another machine */
	PROGRAM_NO_PROGRAM, /* neither ELF nor a script */
	PROGRAM_UNREADABLE, /* see errno */
	PROGRAM_FITNESS_COUNT
};

struct program {
	char path[PATH_MAX];	/* what execve gets */
	char checked[PATH_MAX]; /* what was looked into: of a script, its interpreter */
};

/*
 * Finds @name as execvp(3) does. Returns 0, or -errno: ENOENT, EACCES,
 * ENAMETOOLONG.
 */
int program_find(struct program *program, const char *name);

/* Looks into it, and into the interpreters of a script. */
enum program_fitness program_check(struct program *program);

/*
 * The part of it that looks at the contents: the @size bytes of a file. Of a
 * script fills in @interpreter, PROGRAM_SCRIPT_LINE bytes, and returns
 * PROGRAM_NO_PROGRAM.
 */
enum program_fitness program_check_image(const void *bytes, size_t size, char *interpreter);

/* Why it cannot be, as the end of a sentence that begins with the program. */
const char *program_fitness_text(enum program_fitness fitness);

#endif
