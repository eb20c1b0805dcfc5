/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Scripts look for these keys in a link's record (see client/quecpython). One
 * const table says where each is in the library's record, so that no two
 * bindings spell or read one differently. MCC and MNC are one text there; the
 * first three digits of it are the country's (ITU-T E.212).
 */
#include "client/script/script.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MCC_LEN	   3
#define AT(member) offsetof(struct usocket_link_info, member)
#define TEXT(key, member)                                                                   \
	{                                                                                   \
		key, KIND_TEXT, AT(member), sizeof(((struct usocket_link_info *)0)->member) \
	}

enum kind {
	KIND_INT8, /* -1: unknown */
	KIND_INT32,
	KIND_INT64,
	KIND_UINT32, /* always known */
	KIND_FLAG,
	KIND_TEXT, /* empty: unknown */
	KIND_REASON,
	KIND_STEP,
	KIND_MCC,
	KIND_MNC,
};

static const struct fact_row {
	const char *key;
	enum kind kind;
	size_t offset, size; /* of texts */
} rows[] = {
	{ "reason", KIND_REASON, AT(reason), 0 },
	{ "step", KIND_STEP, AT(step), 0 },
	{ "refused", KIND_FLAG, AT(is_refused), 0 },
	{ "redials", KIND_UINT32, AT(redials), 0 },
	{ "sim_status", KIND_INT8, AT(sim_status), 0 },
	{ "registration", KIND_INT8, AT(registration), 0 },
	{ "voice_registration", KIND_INT8, AT(voice_registration), 0 },
	{ "rat", KIND_INT8, AT(access_technology), 0 },
	{ "functionality", KIND_INT8, AT(functionality), 0 },
	{ "reject_cause", KIND_INT32, AT(reject_cause), 0 },
	{ "lac", KIND_INT32, AT(area_code), 0 },
	{ "cell_id", KIND_INT64, AT(cell_id), 0 },
	{ "mcc", KIND_MCC, 0, 0 },
	{ "mnc", KIND_MNC, 0, 0 },
	TEXT("manufacturer", manufacturer),
	TEXT("model", model),
	TEXT("firmware", firmware),
	TEXT("imei", imei),
	TEXT("imsi", imsi),
	TEXT("iccid", iccid),
	{ "ip_type", KIND_INT8, AT(ip_type), 0 },
	{ "authentication", KIND_INT8, AT(authentication), 0 },
	TEXT("apn", apn),
};

#define N_ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static void give_number(struct usocket_script_fact *fact, int64_t number)
{
	fact->number = number;
	fact->is_known = number >= 0;
}

static void give_text(struct usocket_script_fact *fact, const char *text, size_t len)
{
	len = strnlen(text, len);
	if (len >= sizeof(fact->text))
		len = sizeof(fact->text) - 1;
	fact->is_text = 1;
	fact->is_known = len > 0;
	memcpy(fact->text, text, len);
}

static void give(struct usocket_script_fact *fact, const struct fact_row *row,
	const struct usocket_link_info *link)
{
	const char *at = (const char *)link + row->offset;
	const char *network = link->operator_id;
	size_t network_len = strnlen(network, sizeof(link->operator_id));
	size_t mcc_len = network_len < MCC_LEN ? network_len : MCC_LEN;
	int32_t number;
	int64_t wide;

	switch (row->kind) {
	case KIND_INT8:
		give_number(fact, *(const int8_t *)at);
		break;
	case KIND_INT32:
		memcpy(&number, at, sizeof(number));
		give_number(fact, number);
		break;
	case KIND_INT64:
		memcpy(&wide, at, sizeof(wide));
		give_number(fact, wide);
		break;
	case KIND_UINT32:
		memcpy(&number, at, sizeof(number));
		give_number(fact, (uint32_t)number);
		break;
	case KIND_FLAG:
		give_number(fact, *at != 0);
		break;
	case KIND_TEXT:
		give_text(fact, at, row->size);
		break;
	case KIND_REASON:
		give_text(fact, usocket_link_reason_name(link->reason), sizeof(fact->text));
		break;
	case KIND_STEP:
		give_text(fact, usocket_link_step_name(link->step), sizeof(fact->text));
		break;
	case KIND_MCC:
		give_text(fact, network, mcc_len);
		break;
	case KIND_MNC:
		give_text(fact, network + mcc_len, network_len - mcc_len);
		break;
	}
}

int usocket_script_link_fact(const struct usocket_link_info *link, size_t size, int index,
	struct usocket_script_fact *fact)
{
	struct usocket_link_info whole;

	if (index < 0 || index >= N_ROWS)
		return 0;
	memset(&whole, 0, sizeof(whole));
	memcpy(&whole, link, size < sizeof(whole) ? size : sizeof(whole));
	memset(fact, 0, sizeof(*fact));
	snprintf(fact->key, sizeof(fact->key), "%s", rows[index].key);
	give(fact, &rows[index], &whole);
	return 1;
}
