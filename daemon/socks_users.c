/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Passwords stand in the file as they are, as those of PPP and Wi-Fi do; that
 * others cannot read it is checked on the opened file. All of a file is taken
 * or nothing of it, so a mistake in it lets nobody in by accident.
 *
 * A login is compared with every entry, each in a time that depends on lengths
 * alone.
 */
#include "daemon/socks_users.h"

#include "netif/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD_MAX 255

struct user {
	char name[FIELD_MAX + 1], password[FIELD_MAX + 1]; /* padded with NULs */
};

struct socks_users {
	struct user *users;
	size_t n;
};

static int open_private(const char *path, FILE **out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		log_error("[socks] users: cannot read %s: %s", path, strerror(-r));
	} else if (!S_ISREG(st.st_mode)) {
		r = -EINVAL;
		log_error("[socks] users: %s is no regular file", path);
	} else if (st.st_mode & 027) {
		r = -EACCES;
		log_error("[socks] users: others must not read %s, nor its group write it: "
			  "chmod 640 %s",
			path, path);
	}
	if (r == 0 && !(*out = fdopen(fd, "r")))
		r = -ENOMEM;
	if (r < 0 && fd >= 0)
		close(fd);
	return r;
}

/* Takes "name:password"; @line is without its end. */
static bool take_line(struct user *user, const char *line)
{
	const char *colon = strchr(line, ':');
	size_t name_len = colon ? (size_t)(colon - line) : 0;
	size_t password_len = colon ? strlen(colon + 1) : 0;

	if (name_len < 1 || name_len > FIELD_MAX || password_len < 1 || password_len > FIELD_MAX)
		return false;
	memset(user, 0, sizeof(*user));
	memcpy(user->name, line, name_len);
	memcpy(user->password, colon + 1, password_len);
	return true;
}

static int add_line(struct socks_users *users, const char *line)
{
	struct user *more = realloc(users->users, (users->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	users->users = more;
	if (!take_line(&more[users->n], line))
		return -EINVAL;
	users->n++;
	return 0;
}

static int read_lines(struct socks_users *users, FILE *file, const char *path)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && (len = getline(&line, &size, file)) >= 0) {
		number++;
		if (len > 0 && line[len - 1] == '\n')
			line[--len] = '\0';
		if (len == 0 || line[0] == '#')
			continue;
		r = strlen(line) == (size_t)len ? add_line(users, line) : -EINVAL;
		if (r == -EINVAL)
			log_error("%s:%u: expected NAME:PASSWORD, each of 1 to %d bytes", path,
				number, FIELD_MAX);
	}
	explicit_bzero(line, size);
	free(line);
	return r;
}

int socks_users_read(struct socks_users **out, const char *path)
{
	struct socks_users *users = calloc(1, sizeof(*users));
	FILE *file = NULL;
	int r = users ? open_private(path, &file) : -ENOMEM;

	if (r == 0) {
		r = read_lines(users, file, path);
		fclose(file);
	}
	if (r < 0) {
		socks_users_free(users);
		return r;
	}
	*out = users;
	return 0;
}

void socks_users_free(struct socks_users *users)
{
	if (!users)
		return;
	if (users->users)
		explicit_bzero(users->users, users->n * sizeof(*users->users));
	free(users->users);
	free(users);
}

static bool field_equal(const char field[FIELD_MAX + 1], const char *text, size_t len)
{
	/* A NUL in the text is no padding. */
	uint8_t difference = strlen(field) != len;

	if (len > FIELD_MAX)
		return false;
	for (size_t i = 0; i <= FIELD_MAX; i++)
		difference |= (uint8_t)(field[i] ^ (i < len ? text[i] : 0));
	return difference == 0;
}

bool socks_users_know(const struct socks_users *users, const char *name, size_t name_len,
	const char *password, size_t password_len)
{
	bool known = false;

	for (size_t i = 0; i < users->n; i++) {
		bool name_fits = field_equal(users->users[i].name, name, name_len);
		bool password_fits = field_equal(users->users[i].password, password, password_len);

		known |= name_fits & password_fits;
	}
	return known && name_len > 0 && password_len > 0;
}
