/* SPDX-License-Identifier: MIT */
#include "client/python/constants.h"

#include "usocket_script.h"

int constants_add(PyObject *module)
{
	unsigned int i;

	for (i = 0; usocket_script_constant_name(i); i++)
		if (PyModule_AddIntConstant(module, usocket_script_constant_name(i),
			    usocket_script_constant_value(i)) < 0)
			return -1;
	return 0;
}
