/* SPDX-License-Identifier: MIT */
#include "proto/table.h"

#include "daemon/table_writer.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- mapping ---- */

/* A file with a good header of no records; @edit spoils it. */
static int map_edited(void (*edit)(struct table_header *h))
{
	struct table_header h = {
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.header_size = sizeof(h),
		.socket_size = sizeof(struct table_socket),
		.link_size = sizeof(struct table_link),
		.sockets_offset = sizeof(h),
		.links_offset = sizeof(h),
	};
	struct table t = { 0 };
	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	int r;

	if (edit)
		edit(&h);
	ck_assert_int_eq((int)write(fd, &h, sizeof(h)), (int)sizeof(h));
	/* Not before it can shrink no more. */
	ck_assert_int_eq(table_map(&t, fd), -EPROTO);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	r = table_map(&t, fd);
	close(fd);
	if (r == 0)
		table_unmap(&t);
	else
		ck_assert_ptr_null(t.header);
	return r;
}

static void spoil_magic(struct table_header *h)
{
	h->magic++;
}

static void spoil_version(struct table_header *h)
{
	h->version++;
}

static void spoil_header_size(struct table_header *h)
{
	h->header_size -= 8;
}

static void spoil_socket_size(struct table_header *h)
{
	h->socket_size += 8;
}

static void spoil_link_size(struct table_header *h)
{
	h->link_size -= 8;
}

static void too_many_sockets(struct table_header *h)
{
	h->n_sockets = 1;
}

static void too_many_links(struct table_header *h)
{
	h->n_links = UINT32_MAX;
}

static void offset_beyond_end(struct table_header *h)
{
	h->sockets_offset = UINT64_MAX - 7;
}

static void offset_unaligned(struct table_header *h)
{
	h->links_offset = 4;
}

static const struct {
	void (*edit)(struct table_header *h);
	int error;
} edits[] = {
	{ NULL, 0 },
	{ spoil_magic, -EPROTO },
	{ spoil_version, -EPROTONOSUPPORT },
	{ spoil_header_size, -EPROTONOSUPPORT },
	{ spoil_socket_size, -EPROTONOSUPPORT },
	{ spoil_link_size, -EPROTONOSUPPORT },
	{ too_many_sockets, -EPROTO },
	{ too_many_links, -EPROTO },
	{ offset_beyond_end, -EPROTO },
	{ offset_unaligned, -EPROTO },
};

START_TEST(map_checks_the_header)
{
	ck_assert_int_eq(map_edited(edits[_i].edit), edits[_i].error);
}
END_TEST

START_TEST(map_of_what_is_no_table_fails)
{
	struct table t = { 0 };
	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	int pipes[2];

	ck_assert_int_eq(table_map(&t, fd), -EPROTO);
	ck_assert_int_eq(table_map(&t, -1), -EBADF);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(table_map(&t, pipes[0]), -EPROTO);
	table_unmap(&t);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}
END_TEST

/* ---- reading ---- */

START_TEST(read_out_of_range_finds_nothing)
{
	struct table_writer *writer;
	struct table_socket record;
	struct table_glance glance;
	struct table t;

	ck_assert_int_eq(table_writer_new(&writer, 16, 0, 1), 0);
	ck_assert_int_eq(table_map(&t, table_writer_fd(writer)), 0);
	ck_assert_int_eq(table_read_socket(&t, 16, &record), -ENOENT);
	ck_assert_int_eq(table_read_socket(&t, UINT32_MAX, &record), -ENOENT);
	ck_assert_int_eq(table_find_socket(&t, 0, &record), -ENOENT);
	ck_assert_int_eq(table_glance(&t, socket_id_make(16, 1), &glance), -ENOENT);
	ck_assert_int_eq(table_glance(&t, 0, &glance), -ENOENT);
	table_unmap(&t);
	table_writer_free(writer);
}
END_TEST

START_TEST(read_of_half_written_record_gives_up)
{
	const size_t size = 4096;
	struct table_header *h;
	struct table_socket *sockets, out;
	struct timespec before, after;
	struct table_glance glance;
	struct table t;
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*h = (struct table_header){
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.header_size = sizeof(*h),
		.socket_size = sizeof(struct table_socket),
		.n_sockets = 1,
		.link_size = sizeof(struct table_link),
		.sockets_offset = 128,
	};
	sockets = (struct table_socket *)((char *)h + 128);
	sockets->generation = 5;
	atomic_store(&sockets->sequence, 7); /* odd */
	ck_assert_int_eq(table_map(&t, fd), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	ck_assert_int_eq(table_read_socket(&t, 0, &out), -EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_lt(after.tv_sec - before.tv_sec, 3);
	ck_assert_int_eq(table_glance(&t, socket_id_make(0, 5), &glance), -EAGAIN);
	atomic_store(&sockets->sequence, 8);
	ck_assert_int_eq(table_read_socket(&t, 0, &out), 0);
	table_unmap(&t);
	munmap(h, size);
	close(fd);
}
END_TEST

/* ---- tearing ---- */

/* Every number in the record follows from one, so a torn record shows. */
static void fill(struct table_socket *record, uint64_t n)
{
	memset(record, 0, sizeof(*record));
	record->type = (uint8_t)(1 + n % TABLE_STATE_COUNT);
	record->state = (uint8_t)(n % TABLE_STATE_COUNT);
	record->error = (uint16_t)(n % TABLE_STATE_COUNT);
	record->flags = (uint16_t)(n % TABLE_STATE_COUNT);
	record->pid = (uint32_t)n;
	record->bytes_received = n;
	record->bytes_sent = n;
	record->bytes_acked = n;
	record->created_ns = n;
	for (size_t i = 0; i < sizeof(record->reserved) / sizeof(record->reserved[0]); i++)
		record->reserved[i] = n;
}

static bool is_whole(const struct table_socket *record)
{
	struct table_socket expected;

	fill(&expected, record->bytes_received);
	expected.generation = record->generation;
	atomic_store(&expected.sequence, atomic_load(&record->sequence));
	return memcmp(&expected, record, sizeof(expected)) == 0;
}

struct race {
	struct table_writer *writer;
	socket_id id;
	_Atomic int stop;
};

/*
 * In bursts: a reader gives up on a record that is written without a pause, as
 * it would be for a writer that is much faster than it.
 */
static void *write_on(void *arg)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct race *race = arg;
	struct table_socket record;

	for (uint64_t n = 1; !atomic_load(&race->stop); n++) {
		fill(&record, n);
		table_writer_publish_socket(race->writer, race->id, &record);
		if (n % 64 == 0)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Reads until the record has been seen to change often; counts torn ones. */
static int count_torn(const struct table *t, socket_id id, int n_reads)
{
	struct table_socket record;
	struct table_glance glance;
	int n_torn = 0;

	for (int i = 0; i < n_reads; i++) {
		if (table_find_socket(t, id, &record) == 0 && record.type != 0)
			n_torn += !is_whole(&record);
		if (table_glance(t, id, &glance) == 0 && glance.type != 0)
			n_torn += glance.type != glance.state + 1;
	}
	return n_torn;
}

START_TEST(read_while_a_thread_writes_is_whole)
{
	struct race race = { 0 };
	struct table t;
	pthread_t thread;
	int n_torn;

	ck_assert_int_eq(table_writer_new(&race.writer, 16, 0, 1), 0);
	ck_assert_int_eq(table_map(&t, table_writer_fd(race.writer)), 0);
	race.id = table_writer_take(race.writer);
	ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &race), 0);
	n_torn = count_torn(&t, race.id, 100000);
	atomic_store(&race.stop, 1);
	pthread_join(thread, NULL);
	ck_assert_int_eq(n_torn, 0);
	table_unmap(&t);
	table_writer_free(race.writer);
}
END_TEST

START_TEST(read_while_another_process_writes_is_whole)
{
	struct race race = { 0 };
	struct table t;
	pid_t child;
	int n_torn;

	ck_assert_int_eq(table_writer_new(&race.writer, 16, 0, 1), 0);
	ck_assert_int_eq(table_map(&t, table_writer_fd(race.writer)), 0);
	race.id = table_writer_take(race.writer);
	child = fork();
	if (child == 0)
		write_on(&race);
	n_torn = count_torn(&t, race.id, 100000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert_int_eq(n_torn, 0);
	table_unmap(&t);
	table_writer_free(race.writer);
}
END_TEST

/* ---- names ---- */

START_TEST(name_of_every_state_is_there)
{
	ck_assert_str_eq(table_state_name(TABLE_STATE_ESTABLISHED), "ESTABLISHED");
	ck_assert_str_eq(table_state_name(TABLE_STATE_TIME_WAIT), "TIME_WAIT");
	ck_assert_str_eq(table_link_state_name(TABLE_LINK_DEGRADED), "degraded");
	ck_assert_str_eq(table_drop_name(TABLE_DROP_FRAME), "frame");
	for (int i = 0; i < TABLE_STATE_COUNT; i++)
		ck_assert_int_gt((int)strlen(table_state_name(i)), 1);
	for (int i = 0; i < TABLE_LINK_STATE_COUNT; i++)
		ck_assert_int_gt((int)strlen(table_link_state_name(i)), 1);
	for (int i = 0; i < TABLE_DROP_COUNT; i++)
		ck_assert_int_gt((int)strlen(table_drop_name(i)), 1);
}
END_TEST

START_TEST(name_of_unknown_state_is_a_question_mark)
{
	ck_assert_str_eq(table_state_name(TABLE_STATE_COUNT), "?");
	ck_assert_str_eq(table_link_state_name((enum table_link_state)255), "?");
	ck_assert_str_eq(table_drop_name(TABLE_DROP_COUNT), "?");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("table");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, map_checks_the_header, 0,
		(int)(sizeof(edits) / sizeof(edits[0])));
	tcase_add_test(tc, map_of_what_is_no_table_fails);
	tcase_add_test(tc, read_out_of_range_finds_nothing);
	tcase_add_test(tc, read_of_half_written_record_gives_up);
	tcase_add_test(tc, read_while_a_thread_writes_is_whole);
	tcase_add_test(tc, read_while_another_process_writes_is_whole);
	tcase_add_test(tc, name_of_every_state_is_there);
	tcase_add_test(tc, name_of_unknown_state_is_a_question_mark);
	return run_suite("table", tc);
}
