/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One function a line:
 *
 *   +CSQ: <rssi>,<ber>                    TS 27.007 8.5, indices
 *   +CESQ: <rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>   8.69, indices
 *   +QCSQ: "LTE",<rssi>,<rsrp>,<sinr>,<rsrq>   Quectel; dBm, SINR in fifths
 *          "NR5G",<rsrp>,<sinr>,<rsrq>         of a dB above -20, NR5G in dB
 *   +CPSI: LTE,<mode>,<plmn>,<tac>,<cell>,<pcell>,<band>,<earfcn>,<dlbw>,
 *          <ulbw>,<rsrq>,<rsrp>,<rssi>,<rssnr>  SIMCom; tenths, RSSNR in dB
 *   #RFSTS: "<plmn>",<earfcn>,<rsrp>,<rssi>,<rsrq>,...   Telit; dBm and dB
 *
 * Index 99 or 255, and any level that no radio has, is unknown. The vendors'
 * lines have other fields in other networks than LTE, which are left alone;
 * #RFSTS is LTE's if it has LTE's many fields.
 */
#include "netif/modem/signal.h"

#include "netif/modem/fields.h"

#include <stddef.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Fields of #RFSTS in LTE, at least. */
#define RFSTS_LTE_FIELDS 16

void signal_init(struct signal_levels *s)
{
	s->rssi_dbm = s->rsrp_dbm = s->rsrq_db = s->sinr_db = SIGNAL_UNKNOWN;
}

static void take_index(const struct fields *f, unsigned int i, long max, int *level, int base,
	int half_steps)
{
	long index;

	if (!fields_number(f, i, &index))
		return;
	*level = index < 0 || index > max ? SIGNAL_UNKNOWN : base + (int)index * half_steps / 2;
}

/* A level in parts of @divisor, above @offset. */
static void take_level(const struct fields *f, unsigned int i, int divisor, int offset, int *level)
{
	long number;

	if (!fields_number(f, i, &number) || number < -10000 || number > 10000)
		return;
	number = number / divisor + offset;
	*level = number < -200 || number > 60 ? SIGNAL_UNKNOWN : (int)number;
}

static void take_csq(struct signal_levels *s, const struct fields *f)
{
	take_index(f, 0, 31, &s->rssi_dbm, -113, 4);
}

static void take_cesq(struct signal_levels *s, const struct fields *f)
{
	take_index(f, 4, 34, &s->rsrq_db, -20, 1);
	take_index(f, 5, 97, &s->rsrp_dbm, -141, 2);
}

static void take_qcsq(struct signal_levels *s, const struct fields *f)
{
	const char *mode = fields_text(f, 0);

	if (strcmp(mode, "NR5G") == 0) {
		take_level(f, 1, 1, 0, &s->rsrp_dbm);
		take_level(f, 2, 1, 0, &s->sinr_db);
		take_level(f, 3, 1, 0, &s->rsrq_db);
		return;
	}
	take_level(f, 1, 1, 0, &s->rssi_dbm);
	if (f->n < 5)
		return;
	take_level(f, 2, 1, 0, &s->rsrp_dbm);
	take_level(f, 3, 5, -20, &s->sinr_db);
	take_level(f, 4, 1, 0, &s->rsrq_db);
}

static void take_cpsi(struct signal_levels *s, const struct fields *f)
{
	if (strncmp(fields_text(f, 0), "LTE", 3) != 0)
		return;
	take_level(f, 10, 10, 0, &s->rsrq_db);
	take_level(f, 11, 10, 0, &s->rsrp_dbm);
	take_level(f, 12, 10, 0, &s->rssi_dbm);
	take_level(f, 13, 1, 0, &s->sinr_db);
}

static void take_rfsts(struct signal_levels *s, const struct fields *f)
{
	if (f->n < RFSTS_LTE_FIELDS)
		return;
	take_level(f, 2, 1, 0, &s->rsrp_dbm);
	take_level(f, 3, 1, 0, &s->rssi_dbm);
	take_level(f, 4, 1, 0, &s->rsrq_db);
}

static const struct {
	const char *prefix;
	void (*take)(struct signal_levels *s, const struct fields *f);
} lines[] = {
	{ "+CSQ:", take_csq },
	{ "+CESQ:", take_cesq },
	{ "+QCSQ:", take_qcsq },
	{ "+CPSI:", take_cpsi },
	{ "#RFSTS:", take_rfsts },
};

bool signal_take(struct signal_levels *s, const char *line)
{
	struct fields f;

	for (size_t i = 0; i < N(lines); i++) {
		if (fields_parse(&f, line, lines[i].prefix)) {
			lines[i].take(s, &f);
			return true;
		}
	}
	return false;
}
