/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the file that usocket-run is to start, ELF or script.
 */
#include "client/usocket-run/program.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char interpreter[PROGRAM_SCRIPT_LINE] = "";
	enum program_fitness fitness = program_check_image(data, size, interpreter);

	/* A script is none of the others, and its interpreter is one word. */
	if (interpreter[0] && (fitness != PROGRAM_NO_PROGRAM || strpbrk(interpreter, " \t\r\n")))
		abort();
	/* What it says of a file is a sentence. */
	if (!program_fitness_text(fitness))
		abort();
	return 0;
}
