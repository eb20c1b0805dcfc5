/* SPDX-License-Identifier: MIT */
/* The images are made here: their headers stand where no compiler would put them. */
#include "client/usocket-run/program.h"

#include "tests/unit/run_suite.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_AT 67 /* odd on purpose */
#define SECTIONS_AT 257
#define TEXT_AT	    601
#define IMAGE_SIZE  701

struct image {
	unsigned char bytes[IMAGE_SIZE];
	ElfW(Ehdr) header;
	ElfW(Phdr) segments[2];
	ElfW(Shdr) sections[3];
};

static void lay_out(struct image *image)
{
	memcpy(image->bytes, &image->header, sizeof(image->header));
	memcpy(image->bytes + SEGMENTS_AT, image->segments, sizeof(image->segments));
	memcpy(image->bytes + SECTIONS_AT, image->sections, sizeof(image->sections));
}

/* A program for this machine with @linker, and a section called @section. */
static void make(struct image *image, const char *linker, const char *section)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	memset(image, 0, sizeof(*image));
	ck_assert_int_eq(read(fd, &image->header, sizeof(image->header)), sizeof(image->header));
	close(fd);
	image->header.e_phoff = SEGMENTS_AT;
	image->header.e_phnum = 2;
	image->header.e_shoff = SECTIONS_AT;
	image->header.e_shnum = 3;
	image->header.e_shstrndx = 1;
	image->segments[0].p_type = PT_LOAD;
	image->segments[1].p_type = linker ? PT_INTERP : PT_NOTE;
	image->segments[1].p_offset = TEXT_AT;
	if (linker) {
		image->segments[1].p_filesz = strlen(linker) + 1;
		strcpy((char *)image->bytes + TEXT_AT, linker);
	}
	image->sections[1].sh_offset = TEXT_AT + 50;
	image->sections[2].sh_name = 3;
	strcpy((char *)image->bytes + TEXT_AT + 53, section);
	lay_out(image);
}

static enum program_fitness check(const void *bytes, size_t size)
{
	/* Of exactly this size, so that a sanitizer sees a read past its end. */
	unsigned char *copy = malloc(size ? size : 1);
	char interpreter[PROGRAM_SCRIPT_LINE] = "";
	enum program_fitness fitness;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, size);
	fitness = program_check_image(copy, size, interpreter);
	free(copy);
	ck_assert_str_eq(interpreter, "");
	return fitness;
}

static enum program_fitness check_whole(struct image *image)
{
	lay_out(image);
	return check(image->bytes, sizeof(image->bytes));
}

START_TEST(linker_decides)
{
	static const struct {
		const char *linker;
		enum program_fitness fitness;
	} cases[] = {
		{ "/lib64/ld-linux-x86-64.so.2", PROGRAM_FITS },
		{ "/lib/ld-linux-aarch64.so.1", PROGRAM_FITS },
		{ "/lib64/ld64.so.2", PROGRAM_FITS },
		{ "/lib/ld.so.1", PROGRAM_FITS },
		{ "/lib/ld-musl-x86_64.so.1", PROGRAM_OTHER_LIBC },
		{ "", PROGRAM_OTHER_LIBC },
		{ NULL, PROGRAM_STATIC },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image image;

		make(&image, cases[i].linker, ".text");
		ck_assert_int_eq(check_whole(&image), cases[i].fitness);
		make(&image, cases[i].linker, ".go.buildinfo");
		ck_assert_int_eq(check_whole(&image),
			cases[i].fitness == PROGRAM_OTHER_LIBC ? PROGRAM_OTHER_LIBC : PROGRAM_GO);
	}
}
END_TEST

START_TEST(other_machine_is_told)
{
	struct image image;

	make(&image, "/lib/ld.so.1", ".text");
	image.header.e_machine ^= 1;
	ck_assert_int_eq(check_whole(&image), PROGRAM_OTHER_WORD);
	image.header.e_machine ^= 1;
	image.header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
	ck_assert_int_eq(check_whole(&image), PROGRAM_OTHER_WORD);
	image.header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
	image.header.e_ident[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
	ck_assert_int_eq(check_whole(&image), PROGRAM_OTHER_WORD);
}
END_TEST

START_TEST(wrong_header_is_not_followed)
{
	struct image good, image;

	make(&good, "/lib/ld.so.1", ".text");
	image = good;
	image.header.e_phentsize--;
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	image = good;
	image.header.e_shentsize++;
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	image = good;
	image.header.e_phoff = IMAGE_SIZE - sizeof(image.segments[0]);
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	image = good;
	image.header.e_phoff = (ElfW(Off)) - 1;
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	image = good;
	image.segments[1].p_filesz--; /* no end of the string */
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	image = good;
	image.segments[1].p_filesz = IMAGE_SIZE;
	ck_assert_int_eq(check_whole(&image), PROGRAM_NO_PROGRAM);
	/* Without sections nothing is known to be of Go. */
	image = good;
	image.header.e_shoff = IMAGE_SIZE;
	ck_assert_int_eq(check_whole(&image), PROGRAM_FITS);
	image = good;
	image.header.e_shstrndx = 3;
	ck_assert_int_eq(check_whole(&image), PROGRAM_FITS);
	image = good;
	image.sections[1].sh_offset = (ElfW(Off)) - 2;
	ck_assert_int_eq(check_whole(&image), PROGRAM_FITS);
}
END_TEST

START_TEST(cut_off_file_is_read_to_its_end)
{
	struct image image;

	make(&image, "/lib/ld.so.1", ".go.buildinfo");
	for (size_t size = 0; size < IMAGE_SIZE; size++) {
		enum program_fitness expected = PROGRAM_NO_PROGRAM;

		if (size >= TEXT_AT + 53 + sizeof(".go.buildinfo"))
			expected = PROGRAM_GO;
		else if (size >= TEXT_AT + sizeof("/lib/ld.so.1"))
			expected = PROGRAM_FITS;
		ck_assert_msg(check(image.bytes, size) == expected, "cut off after %zu", size);
	}
}
END_TEST

START_TEST(script_names_its_interpreter)
{
	char line[400], interpreter[PROGRAM_SCRIPT_LINE];
	static const struct {
		const char *line, *interpreter;
	} cases[] = {
		{ "#!/bin/sh\n", "/bin/sh" },
		{ "#! \t/usr/bin/env python3\n", "/usr/bin/env" },
		{ "#!/bin/sh\r\n", "/bin/sh" },
		{ "#!/bin/sh", "/bin/sh" },
		{ "#!", "" },
		{ "#! \n/bin/sh", "" },
		{ "#", "" },
		{ "echo\n", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		interpreter[0] = '\0';
		ck_assert_int_eq(program_check_image(cases[i].line, strlen(cases[i].line),
					 interpreter),
			PROGRAM_NO_PROGRAM);
		ck_assert_str_eq(interpreter, cases[i].interpreter);
	}
	/* No more of it is read than the kernel reads. */
	memset(line, 'a', sizeof(line));
	memcpy(line, "#!/", 3);
	program_check_image(line, sizeof(line), interpreter);
	ck_assert_uint_eq(strlen(interpreter), PROGRAM_SCRIPT_LINE - 2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("program");

	tcase_add_test(tc, linker_decides);
	tcase_add_test(tc, other_machine_is_told);
	tcase_add_test(tc, wrong_header_is_not_followed);
	tcase_add_test(tc, cut_off_file_is_read_to_its_end);
	tcase_add_test(tc, script_names_its_interpreter);
	return run_suite("run_program", tc);
}
