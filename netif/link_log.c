/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A ring of bytes that holds whole lines, a header before each. Positions count
 * all bytes that were ever written, so they never repeat, and a reader that was
 * overtaken is recognized by its position alone: nothing is known here of
 * readers. [first, end) is what is there, never more than the ring has room for.
 */
#include "netif/link_log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct header {
	uint64_t time_ms, now_ns;
	uint16_t len; /* of the text that follows, without NUL */
	uint8_t level;
	uint8_t reserved[5];
};

struct link_log {
	uint64_t first, end;
	char bytes[LINK_LOG_BYTES];
};

struct link_log *link_log_new(void)
{
	return calloc(1, sizeof(struct link_log));
}

void link_log_free(struct link_log *log)
{
	free(log);
}

static size_t until_wrap(uint64_t position, size_t n)
{
	size_t left = LINK_LOG_BYTES - position % LINK_LOG_BYTES;

	return n < left ? n : left;
}

static void put(struct link_log *log, const void *data, size_t n)
{
	size_t head = until_wrap(log->end, n);

	memcpy(log->bytes + log->end % LINK_LOG_BYTES, data, head);
	memcpy(log->bytes, (const char *)data + head, n - head);
	log->end += n;
}

static void get(const struct link_log *log, uint64_t position, void *data, size_t n)
{
	size_t head = until_wrap(position, n);

	memcpy(data, log->bytes + position % LINK_LOG_BYTES, head);
	memcpy((char *)data + head, log->bytes, n - head);
}

static void drop_first(struct link_log *log)
{
	struct header header;

	get(log, log->first, &header, sizeof(header));
	log->first += sizeof(header) + header.len;
}

void link_log_add(struct link_log *log, const struct link_log_line *line)
{
	struct header header = {
		.time_ms = line->time_ms,
		.now_ns = line->now_ns,
		.len = (uint16_t)strnlen(line->text, LINK_LOG_TEXT_MAX - 1),
		.level = (uint8_t)line->level,
	};

	while (log->end + sizeof(header) + header.len - log->first > LINK_LOG_BYTES)
		drop_first(log);
	put(log, &header, sizeof(header));
	put(log, line->text, header.len);
}

int link_log_read(const struct link_log *log, uint64_t *position, struct link_log_line *line)
{
	struct header header;

	if (*position < log->first)
		*position = log->first;
	if (*position == log->end)
		return 0;
	assert(*position < log->end);
	get(log, *position, &header, sizeof(header));
	get(log, *position + sizeof(header), line->text, header.len);
	line->text[header.len] = '\0';
	line->time_ms = header.time_ms;
	line->now_ns = header.now_ns;
	line->level = (enum log_level)header.level;
	*position += sizeof(header) + header.len;
	return 1;
}

uint64_t link_log_end(const struct link_log *log)
{
	return log->end;
}
