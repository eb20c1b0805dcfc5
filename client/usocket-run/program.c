/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A program can be preloaded if the kernel gives it to glibc's dynamic linker of
 * this word size, and if that is not told to be careful (ld.so(8), secure
 * execution). All of this stands in the ELF header, the program headers (elf(5))
 * and the inode. A script is judged by its interpreter.
 *
 * Programs in Go are dynamic if they use cgo, but make their system calls
 * without libc all the same; they are known by a section of the linker's.
 *
 * The file is mapped; every offset in it is checked before it is followed.
 */
#include "client/usocket-run/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* How many interpreters may be behind each other: the kernel's limit. */
#define SCRIPT_DEPTH 5

#define GO_SECTION   ".go.buildinfo"

struct image {
	const unsigned char *bytes;
	size_t size;
};

static const char *const texts[PROGRAM_FITNESS_COUNT] = {
	[PROGRAM_FITS] = "can be run",
	[PROGRAM_STATIC] = "is statically linked, so nothing can be preloaded into it",
	[PROGRAM_GO] = "is a Go program, which makes its system calls without libc",
	[PROGRAM_PRIVILEGED] =
		("gains privileges when it starts (set-uid, set-gid, file capabilities), "
		 "so nothing can be preloaded into it"),
	[PROGRAM_OTHER_LIBC] = "uses another C library than glibc",
	[PROGRAM_OTHER_WORD] = "is for another machine or word size than this usocket-run",
	[PROGRAM_NO_PROGRAM] = "is neither an ELF program nor a script with an interpreter",
	[PROGRAM_UNREADABLE] = "cannot be read, so it cannot be told whether it can be preloaded",
};

const char *program_fitness_text(enum program_fitness fitness)
{
	return texts[fitness];
}

/* ---- finding ------------------------------------------------------------ */

static int try_path(struct program *program, const char *folder, size_t len, const char *name)
{
	struct stat st;
	int n;

	/* An empty entry is the current folder. */
	n = len ? snprintf(program->path, sizeof(program->path), "%.*s/%s", (int)len, folder, name)
		: snprintf(program->path, sizeof(program->path), "%s", name);
	if (n < 0 || (size_t)n >= sizeof(program->path))
		return -ENAMETOOLONG;
	if (stat(program->path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(program->path, X_OK) < 0)
		return -EACCES;
	return 0;
}

int program_find(struct program *program, const char *name)
{
	const char *path = getenv("PATH");
	int r = -ENOENT;

	if (strchr(name, '/'))
		return try_path(program, NULL, 0, name);
	for (path = path ? path : "/bin:/usr/bin"; *name; path++) {
		size_t len = strcspn(path, ":");
		int result = try_path(program, path, len, name);

		if (result == 0)
			return 0;
		if (result == -EACCES)
			r = result;
		path += len;
		if (!*path)
			break;
	}
	return r;
}

/* ---- ELF ---------------------------------------------------------------- */

static const void *at(const struct image *image, size_t offset, size_t size)
{
	return offset <= image->size && size <= image->size - offset ? image->bytes + offset
								     : NULL;
}

/* A header, which need not be aligned in the file. */
static bool copy_at(const struct image *image, size_t offset, size_t size, void *header)
{
	const void *bytes = at(image, offset, size);

	if (bytes)
		memcpy(header, bytes, size);
	return bytes != NULL;
}

static bool is_glibc_linker(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	/* ld-linux-x86-64.so.2, ld64.so.2, ld.so.1; musl's is ld-musl-ARCH.so.1. */
	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld64.so", 7) == 0 ||
		strncmp(name, "ld.so", 5) == 0;
}

static enum program_fitness check_linker(const struct image *image, const ElfW(Ehdr) * header)
{
	for (size_t i = 0; i < header->e_phnum; i++) {
		ElfW(Phdr) segment;
		const char *path;

		if (!copy_at(image, header->e_phoff + i * sizeof(segment), sizeof(segment),
			    &segment))
			return PROGRAM_NO_PROGRAM;
		if (segment.p_type != PT_INTERP)
			continue;
		path = at(image, segment.p_offset, segment.p_filesz);
		if (!path || segment.p_filesz == 0 || path[segment.p_filesz - 1] != '\0')
			return PROGRAM_NO_PROGRAM;
		return is_glibc_linker(path) ? PROGRAM_FITS : PROGRAM_OTHER_LIBC;
	}
	return PROGRAM_STATIC;
}

static bool read_section(const struct image *image, const ElfW(Ehdr) * header, size_t index,
	ElfW(Shdr) * section)
{
	return copy_at(image, header->e_shoff + index * sizeof(*section), sizeof(*section),
		section);
}

static bool has_section(const struct image *image, const ElfW(Ehdr) * header, const char *name)
{
	size_t size = strlen(name) + 1;
	ElfW(Shdr) names, section;

	if (header->e_shstrndx >= header->e_shnum ||
		!read_section(image, header, header->e_shstrndx, &names))
		return false;
	for (size_t i = 0; i < header->e_shnum; i++) {
		const char *text;

		if (!read_section(image, header, i, &section))
			return false;
		text = at(image, names.sh_offset + section.sh_name, size);
		if (text && memcmp(text, name, size) == 0)
			return true;
	}
	return false;
}

/* What the running program is, the checked one must be. */
static bool is_same_machine(const ElfW(Ehdr) * header)
{
	ElfW(Ehdr) own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
	n = read(fd, &own, sizeof(own));
	close(fd);
	return n == (ssize_t)sizeof(own) &&
		header->e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
		header->e_ident[EI_DATA] == own.e_ident[EI_DATA] &&
		header->e_machine == own.e_machine;
}

static enum program_fitness check_elf(const struct image *image)
{
	ElfW(Ehdr) header;
	enum program_fitness fitness;

	if (!copy_at(image, 0, sizeof(header), &header))
		return PROGRAM_NO_PROGRAM;
	/* The machine is at the same place in all classes. */
	if (!is_same_machine(&header))
		return PROGRAM_OTHER_WORD;
	if (header.e_phentsize != sizeof(ElfW(Phdr)) ||
		(header.e_shnum && header.e_shentsize != sizeof(ElfW(Shdr))))
		return PROGRAM_NO_PROGRAM;
	fitness = check_linker(image, &header);
	if ((fitness == PROGRAM_FITS || fitness == PROGRAM_STATIC) &&
		has_section(image, &header, GO_SECTION))
		return PROGRAM_GO;
	return fitness;
}

/* ---- scripts, privileges ------------------------------------------------ */

/* The interpreter's path out of the line after "#!"; empty: there is none. */
static void read_interpreter(const struct image *image, char *path)
{
	size_t i = 2, n = 0, end = image->size;

	if (end > PROGRAM_SCRIPT_LINE)
		end = PROGRAM_SCRIPT_LINE;
	while (i < end && (image->bytes[i] == ' ' || image->bytes[i] == '\t'))
		i++;
	while (i < end && !strchr(" \t\r\n", image->bytes[i]))
		path[n++] = (char)image->bytes[i++];
	path[n] = '\0';
}

static bool gains_privileges(int fd, const struct stat *st)
{
	/* The kernel gives none then, and ld.so preloads as ever. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return false;
	if (st->st_mode & S_ISUID && st->st_uid != geteuid())
		return true;
	if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st->st_gid != getegid())
		return true;
	return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

enum program_fitness program_check_image(const void *bytes, size_t size, char *interpreter)
{
	struct image image = { bytes, size };

	if (size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
		return check_elf(&image);
	if (size >= 2 && memcmp(bytes, "#!", 2) == 0)
		read_interpreter(&image, interpreter);
	return PROGRAM_NO_PROGRAM;
}

static enum program_fitness check_file(int fd, char *interpreter)
{
	enum program_fitness fitness;
	struct stat st;
	void *bytes;

	if (fstat(fd, &st) < 0)
		return PROGRAM_UNREADABLE;
	if (st.st_size == 0)
		return PROGRAM_NO_PROGRAM;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return PROGRAM_UNREADABLE;
	fitness = program_check_image(bytes, (size_t)st.st_size, interpreter);
	munmap(bytes, (size_t)st.st_size);
	/* Said of what is a program; a script gains nothing. */
	if (fitness != PROGRAM_NO_PROGRAM && gains_privileges(fd, &st))
		return PROGRAM_PRIVILEGED;
	return fitness;
}

enum program_fitness program_check(struct program *program)
{
	strcpy(program->checked, program->path);
	for (int i = 0; i < SCRIPT_DEPTH; i++) {
		char interpreter[PROGRAM_SCRIPT_LINE] = "";
		int fd = open(program->checked, O_RDONLY | O_CLOEXEC);
		enum program_fitness fitness;

		if (fd < 0)
			return PROGRAM_UNREADABLE;
		fitness = check_file(fd, interpreter);
		close(fd);
		/* It preloads into what it is given. */
		if (fitness == PROGRAM_STATIC && is_glibc_linker(program->checked))
			return PROGRAM_FITS;
		if (!*interpreter)
			return fitness;
		strcpy(program->checked, interpreter);
	}
	return PROGRAM_NO_PROGRAM;
}
