/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Which constants there are the library says when it runs, so the globals of
 * both modules are in RAM: a fixed head and room behind it, filled in when the
 * module is imported first. Names are qstrs, values small ints: nothing that
 * the collector has to see.
 */
#include "usocket_mp.h"

#include <string.h>

void mp_constants_add(mp_obj_dict_t *globals, size_t used)
{
	mp_map_t *map = &globals->map;
	unsigned int i;

	if (map->used > used)
		return;
	for (i = 0; i < MP_CONSTANTS_MAX && usocket_script_constant_name(i); i++) {
		const char *name = usocket_script_constant_name(i);

		map->table[used + i].key = MP_OBJ_NEW_QSTR(qstr_from_str(name));
		map->table[used + i].value =
			MP_OBJ_NEW_SMALL_INT(usocket_script_constant_value(i));
	}
	map->used = used + i;
	map->alloc = map->used;
}
