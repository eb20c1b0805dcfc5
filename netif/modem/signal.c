/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * TS 27.007 8.5 (+CSQ: <rssi>,<ber>) and 8.69 (+CESQ: <rxlev>,<ber>,<rscp>,
 * <ecno>,<rsrq>,<rsrp>): indices into ranges of levels, 99 or 255 for unknown.
 */
#include "netif/modem/signal.h"

#include "netif/modem/fields.h"

void signal_init(struct signal_levels *s)
{
	s->rssi_dbm = s->rsrp_dbm = s->rsrq_db = SIGNAL_UNKNOWN;
}

static void take_index(const struct fields *f, unsigned int i, long max, int *level, int base,
	int half_steps)
{
	long index;

	if (!fields_number(f, i, &index))
		return;
	*level = index < 0 || index > max ? SIGNAL_UNKNOWN : base + (int)index * half_steps / 2;
}

bool signal_take(struct signal_levels *s, const char *line)
{
	struct fields f;

	if (fields_parse(&f, line, "+CSQ:")) {
		take_index(&f, 0, 31, &s->rssi_dbm, -113, 4);
		return true;
	}
	if (fields_parse(&f, line, "+CESQ:")) {
		take_index(&f, 4, 34, &s->rsrq_db, -20, 1);
		take_index(&f, 5, 97, &s->rsrp_dbm, -141, 2);
		return true;
	}
	return false;
}
