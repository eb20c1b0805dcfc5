/* SPDX-License-Identifier: MIT */
#include "daemon/table_writer.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SOCKETS 130
#define N_LINKS	  2
#define INSTANCE  0x1122334455667788u

static struct table_writer *writer;
static struct table table;

static void setup(void)
{
	ck_assert_int_eq(table_writer_new(&writer, N_SOCKETS, N_LINKS, INSTANCE), 0);
	ck_assert_int_eq(table_map(&table, table_writer_fd(writer)), 0);
}

static void teardown(void)
{
	table_unmap(&table);
	table_writer_free(writer);
}

START_TEST(file_is_sealed_and_read_only)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	int fd = table_writer_fd(writer);
	struct stat st;

	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), seals);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0444);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_lt(ftruncate(fd, st.st_size * 2), 0);
	ck_assert_int_lt((int)write(fd, "x", 1), 0);
}
END_TEST

START_TEST(file_cannot_be_mapped_for_writing)
{
	char path[64];
	void *map;
	int fd;

	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, table_writer_fd(writer), 0);
	ck_assert_ptr_eq(map, MAP_FAILED);
	/* The descriptor that a client got, opened anew: root may, to no avail. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", table_writer_fd(writer));
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_eq(map, MAP_FAILED);
	ck_assert_int_lt((int)pwrite(fd, "x", 1, 0), 0);
	close(fd);
}
END_TEST

START_TEST(file_that_is_large_costs_only_what_is_used)
{
	struct table_writer *large;
	struct stat st;

	ck_assert_int_eq(table_writer_new(&large, 65536, 8, 1), 0);
	table_writer_take(large);
	ck_assert_int_eq(fstat(table_writer_fd(large), &st), 0);
	ck_assert_int_gt(st.st_size, 10000000);
	ck_assert_int_lt(st.st_blocks * 512, 65536);
	table_writer_free(large);
}
END_TEST

START_TEST(header_says_what_was_asked_for)
{
	const struct table_header *h = table.header;

	ck_assert_uint_eq(h->magic, TABLE_MAGIC);
	ck_assert_uint_eq(h->n_sockets, N_SOCKETS);
	ck_assert_uint_eq(h->n_links, N_LINKS);
	ck_assert_uint_eq(h->instance, INSTANCE);
	ck_assert_uint_eq(h->daemon_pid, (uint32_t)getpid());
	ck_assert_uint_eq(atomic_load(&h->gone), 0);
	ck_assert_uint_eq(atomic_load(&h->high_water), 0);
}
END_TEST

START_TEST(take_gives_lowest_free_record)
{
	socket_id a = table_writer_take(writer);
	socket_id b = table_writer_take(writer);
	socket_id c = table_writer_take(writer);

	ck_assert_uint_eq(socket_id_index(a), 0);
	ck_assert_uint_eq(socket_id_index(b), 1);
	ck_assert_uint_eq(socket_id_index(c), 2);
	ck_assert_uint_eq(atomic_load(&table.header->high_water), 3);
	table_writer_release(writer, a);
	table_writer_release(writer, c);
	ck_assert_uint_eq(socket_id_index(table_writer_take(writer)), 0);
	ck_assert_uint_eq(socket_id_index(table_writer_take(writer)), 2);
	ck_assert_uint_eq(atomic_load(&table.header->high_water), 3);
	ck_assert_uint_eq(table_writer_count(writer), 3);
}
END_TEST

START_TEST(take_from_full_table_gives_none)
{
	socket_id ids[N_SOCKETS];

	for (uint32_t i = 0; i < N_SOCKETS; i++) {
		ids[i] = table_writer_take(writer);
		ck_assert_uint_ne(ids[i], 0);
		ck_assert_uint_eq(socket_id_index(ids[i]), i);
	}
	ck_assert_uint_eq(table_writer_take(writer), 0);
	ck_assert_uint_eq(table_writer_count(writer), N_SOCKETS);
	table_writer_release(writer, ids[100]);
	ck_assert_uint_eq(socket_id_index(table_writer_take(writer)), 100);
	ck_assert_uint_eq(table_writer_take(writer), 0);
}
END_TEST

START_TEST(take_again_gives_new_generation)
{
	socket_id old = 0;

	for (int i = 0; i < 100; i++) {
		socket_id id = table_writer_take(writer);

		ck_assert_uint_eq(socket_id_index(id), 0);
		ck_assert_uint_ne(socket_id_generation(id), 0);
		ck_assert_uint_ne(id, old);
		old = id;
		table_writer_release(writer, id);
	}
}
END_TEST

START_TEST(generations_of_two_tables_differ)
{
	struct table_writer *other;
	int n_same = 0;

	ck_assert_int_eq(table_writer_new(&other, N_SOCKETS, N_LINKS, INSTANCE), 0);
	for (int i = 0; i < 16; i++)
		n_same += table_writer_take(writer) == table_writer_take(other);
	ck_assert_int_le(n_same, 1);
	table_writer_free(other);
}
END_TEST

START_TEST(taken_record_is_seen_once_it_is_published)
{
	socket_id id = table_writer_take(writer);
	struct table_socket record = { .type = TABLE_TYPE_STREAM };

	ck_assert_int_eq(table_find_socket(&table, id, &record), -ENOENT);
	table_writer_publish_socket(writer, id, &(struct table_socket){ .type = TABLE_TYPE_RAW });
	ck_assert_int_eq(table_find_socket(&table, id, &record), 0);
	ck_assert_int_eq(record.type, TABLE_TYPE_RAW);
	table_writer_release(writer, id);
	ck_assert_int_eq(table_find_socket(&table, id, &record), -ENOENT);
}
END_TEST

START_TEST(published_record_is_read_back)
{
	socket_id id = table_writer_take(writer);
	struct table_socket in = {
		.sequence = 99,
		.generation = 1,
		.type = TABLE_TYPE_STREAM,
		.family = ADDRESS_IPV6,
		.protocol = 6,
		.state = TABLE_STATE_ESTABLISHED,
		.flags = TABLE_SOCKET_BOUND,
		.error = ECONNRESET,
		.pid = 42,
		.uid = 1000,
		.program = "script.py",
		.bytes_received = UINT64_MAX,
		.rtt_us = 5,
	};
	struct table_socket out;
	struct table_glance glance;

	table_writer_publish_socket(writer, id, &in);
	ck_assert_int_eq(table_find_socket(&table, id, &out), 0);
	ck_assert_uint_eq(out.generation, socket_id_generation(id));
	ck_assert_str_eq(out.program, "script.py");
	ck_assert_uint_eq(out.bytes_received, UINT64_MAX);
	ck_assert_uint_eq(out.pid, 42);
	ck_assert_int_eq(out.error, ECONNRESET);
	ck_assert_int_eq(out.flags, TABLE_SOCKET_BOUND);
	ck_assert_int_eq(table_glance(&table, id, &glance), 0);
	ck_assert_int_eq(glance.type, in.type);
	ck_assert_int_eq(glance.state, TABLE_STATE_ESTABLISHED);
}
END_TEST

START_TEST(released_record_is_gone)
{
	socket_id id = table_writer_take(writer), next;
	struct table_socket record = { .type = TABLE_TYPE_RAW }, blank = { 0 };
	struct table_glance glance;

	table_writer_publish_socket(writer, id, &record);
	table_writer_release(writer, id);
	ck_assert_int_eq(table_find_socket(&table, id, &record), -ENOENT);
	ck_assert_int_eq(table_read_socket(&table, socket_id_index(id), &record), -ENOENT);
	ck_assert_int_eq(table_glance(&table, id, &glance), -ENOENT);
	next = table_writer_take(writer);
	table_writer_publish_socket(writer, next, &blank);
	ck_assert_int_eq(table_find_socket(&table, id, &record), -ENOENT);
	ck_assert_int_eq(table_find_socket(&table, next, &record), 0);
	ck_assert_int_eq(record.type, 0);
}
END_TEST

START_TEST(published_link_is_read_back)
{
	struct table_link in = {
		.used = 1,
		.state = TABLE_LINK_UP,
		.name = "net0",
		.driver = "tun",
		.cause = "configured",
		.mtu = 1500,
		.rssi_dbm = TABLE_SIGNAL_UNKNOWN,
	};
	struct table_link out;

	in.drops[TABLE_DROP_FRAME] = 7;
	ck_assert_int_eq(table_read_link(&table, 1, &out), -ENOENT);
	table_writer_publish_link(writer, 1, &in);
	ck_assert_int_eq(table_read_link(&table, 1, &out), 0);
	ck_assert_str_eq(out.name, "net0");
	ck_assert_uint_eq(out.mtu, 1500);
	ck_assert_uint_eq(out.drops[TABLE_DROP_FRAME], 7);
	ck_assert_int_eq(out.rssi_dbm, TABLE_SIGNAL_UNKNOWN);
	ck_assert_int_eq(table_read_link(&table, 0, &out), -ENOENT);
	ck_assert_int_eq(table_read_link(&table, 2, &out), -ENOENT);
}
END_TEST

START_TEST(freed_writer_leaves_word_that_it_is_gone)
{
	struct table_writer *other;
	struct table view;

	ck_assert_int_eq(table_writer_new(&other, 16, 0, 1), 0);
	ck_assert_int_eq(table_map(&view, table_writer_fd(other)), 0);
	table_writer_free(other);
	ck_assert_uint_eq(atomic_load(&view.header->gone), 1);
	table_unmap(&view);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("table_writer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, file_is_sealed_and_read_only);
	tcase_add_test(tc, file_cannot_be_mapped_for_writing);
	tcase_add_test(tc, file_that_is_large_costs_only_what_is_used);
	tcase_add_test(tc, header_says_what_was_asked_for);
	tcase_add_test(tc, take_gives_lowest_free_record);
	tcase_add_test(tc, take_from_full_table_gives_none);
	tcase_add_test(tc, take_again_gives_new_generation);
	tcase_add_test(tc, generations_of_two_tables_differ);
	tcase_add_test(tc, taken_record_is_seen_once_it_is_published);
	tcase_add_test(tc, published_record_is_read_back);
	tcase_add_test(tc, released_record_is_gone);
	tcase_add_test(tc, published_link_is_read_back);
	tcase_add_test(tc, freed_writer_leaves_word_that_it_is_gone);
	return run_suite("table_writer", tc);
}
