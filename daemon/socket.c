/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A usock is the daemon's half of one client socket. It owns its end of the
 * channel, one table record, one charge on an account, its port registration
 * and, through its ops, the lwIP pcb. The registry owns all usocks.
 *
 * Nothing is done inside lwIP's callbacks: they note what happened and call
 * socket_schedule(). The run queue, a zero timer that fires in the next loop
 * turn, then runs ops->service() once for each scheduled socket, outside of
 * lwIP. So a burst of segments becomes one write to the channel, and no
 * service can meet its own pcb half way through tcp_input().
 *
 * Channel events are edge-triggered: a socket that does not read for want of
 * send buffer costs no wake-up, and still learns of the client's close.
 *
 * socket_kill() is the only way out. The object stays until the end of the
 * run queue, so whoever is on the call stack may still look at s->dead.
 *
 * A channel's identity is SO_COOKIE of the client's end, which nobody can
 * forge; the abstract name of our end only tells holders where to look. A
 * foreign channel has neither: nobody can attach to its socket.
 */
#include "daemon/socket_private.h"

#include "daemon/icmp_error.h"
#include "daemon/limits.h"
#include "daemon/name_target.h"
#include "daemon/ports.h"
#include "daemon/table_writer.h"
#include "netif/log.h"
#include "netif/stack.h"
#include "proto/channel.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Fresh identities tried when somebody squats on a channel's name. */
#define NAME_TRIES 8

static void registry_arm(struct socket_registry *registry)
{
	/* The run itself sees to what is scheduled meanwhile. */
	if (!registry->is_running)
		event_active(registry->run, EV_TIMEOUT, 0);
}

static void registry_bury(struct socket_registry *registry)
{
	struct usock *s;

	while ((s = LIST_FIRST(&registry->dead)) != NULL) {
		LIST_REMOVE(s, all_link);
		free(s);
	}
}

static void on_run(evutil_socket_t fd, short events, void *arg)
{
	static const struct timeval at_once = { 0, 0 };
	struct socket_registry *registry = arg;
	struct usock *s;

	(void)fd;
	(void)events;
	/*
	 * libevent calls this after all that happened in this turn of the loop. What
	 * is scheduled from here on waits for the next one, so that the descriptors
	 * have theirs. It is the same queue, as a service may kill any socket that is
	 * in it.
	 */
	registry->turn++;
	registry->is_running = true;
	while ((s = TAILQ_FIRST(&registry->run_queue)) != NULL && s->turn != registry->turn) {
		TAILQ_REMOVE(&registry->run_queue, s, run_link);
		s->scheduled = false;
		s->ops->service(s);
	}
	registry->is_running = false;
	registry_bury(registry);
	if (!TAILQ_EMPTY(&registry->run_queue))
		event_add(registry->run, &at_once);
}

static void on_sweep(evutil_socket_t fd, short events, void *arg)
{
	struct socket_registry *registry = arg;
	struct usock *s;

	(void)fd;
	(void)events;
	LIST_FOREACH(s, &registry->sweep, sweep_link)
		socket_schedule(s);
}

int socket_registry_new(struct socket_registry **out, struct usocketd *daemon)
{
	struct socket_registry *registry = calloc(1, sizeof(*registry));
	int r = -ENOMEM;

	if (!registry)
		return -ENOMEM;
	registry->daemon = daemon;
	LIST_INIT(&registry->all);
	LIST_INIT(&registry->dead);
	LIST_INIT(&registry->sweep);
	LIST_INIT(&registry->name_targets);
	TAILQ_INIT(&registry->run_queue);
	registry->n_indexes = daemon->config.sockets_max;
	registry->by_index = calloc(registry->n_indexes, sizeof(*registry->by_index));
	registry->scratch = malloc(SOCKET_SCRATCH_SIZE);
	registry->run = evtimer_new(daemon->base, on_run, registry);
	registry->sweep_timer = event_new(daemon->base, -1, EV_PERSIST, on_sweep, registry);
	tcp_sockets_init();
	if (registry->by_index && registry->scratch && registry->run &&
		registry->sweep_timer)
		r = icmp_error_new(&registry->icmp, registry);
	if (r < 0) {
		socket_registry_free(registry);
		return r;
	}
	*out = registry;
	return 0;
}

void socket_registry_free(struct socket_registry *registry)
{
	struct usock *s;

	if (!registry)
		return;
	while ((s = LIST_FIRST(&registry->all)) != NULL)
		socket_kill(s);
	registry_bury(registry);
	name_targets_fini(registry);
	icmp_error_free(registry->icmp);
	if (registry->run)
		event_free(registry->run);
	if (registry->sweep_timer)
		event_free(registry->sweep_timer);
	ports_fini(&registry->tcp_ports);
	ports_fini(&registry->udp_ports);
	free(registry->scratch);
	free(registry->by_index);
	free(registry);
}

uint32_t socket_registry_count(const struct socket_registry *registry)
{
	return registry->n_sockets;
}

uint64_t socket_registry_syn_dropped(const struct socket_registry *registry)
{
	return registry->n_syn_dropped;
}

struct usock *socket_find(struct socket_registry *registry, socket_id id)
{
	uint32_t index = socket_id_index(id);
	struct usock *s;

	if (index >= registry->n_indexes)
		return NULL;
	s = registry->by_index[index];
	return s && s->id == id ? s : NULL;
}

void socket_registry_link_changed(struct socket_registry *registry)
{
	struct usock *s;

	LIST_FOREACH(s, &registry->all, all_link)
		if (s->ops->on_link_changed)
			s->ops->on_link_changed(s);
}

void socket_schedule(struct usock *s)
{
	if (s->scheduled || s->dead)
		return;
	s->scheduled = true;
	s->turn = s->registry->turn;
	TAILQ_INSERT_TAIL(&s->registry->run_queue, s, run_link);
	registry_arm(s->registry);
}

void socket_publish(struct usock *s)
{
	if (s->ops->describe)
		s->ops->describe(s);
	table_writer_publish_socket(s->registry->daemon->table, s->id, &s->record);
}

void socket_set_error(struct usock *s, int error)
{
	s->record.error = (uint16_t)error;
	socket_publish(s);
}

int socket_channel_unread(const struct usock *s)
{
	int n = 0;

	if (s->channel < 0 || ioctl(s->channel, SIOCINQ, &n) < 0)
		return 0;
	return n;
}

void socket_tell_connect_over(struct usock *s)
{
	void (*on_connect_over)(struct usock *, void *) = s->on_connect_over;

	s->on_connect_over = NULL;
	if (on_connect_over)
		on_connect_over(s, s->on_connect_over_arg);
}

void socket_give_up_name(struct usock *s)
{
	name_target_free(s->name);
	s->name = NULL;
}

bool socket_channel_hung_up(const struct usock *s)
{
	struct pollfd p = { .fd = s->channel, .events = 0 };

	return s->channel < 0 || (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}

void socket_close_channel(struct usock *s)
{
	if (s->on_readable)
		event_free(s->on_readable);
	if (s->on_writable)
		event_free(s->on_writable);
	s->on_readable = NULL;
	s->on_writable = NULL;
	if (s->channel >= 0)
		close(s->channel);
	s->channel = -1;
}

void socket_set_sweep(struct usock *s, bool on)
{
	static const struct timeval second = { 1, 0 };
	struct socket_registry *registry = s->registry;

	if (s->in_sweep == on)
		return;
	s->in_sweep = on;
	if (on && LIST_EMPTY(&registry->sweep))
		event_add(registry->sweep_timer, &second);
	if (on)
		LIST_INSERT_HEAD(&registry->sweep, s, sweep_link);
	else
		LIST_REMOVE(s, sweep_link);
	if (LIST_EMPTY(&registry->sweep))
		event_del(registry->sweep_timer);
}

void socket_kill(struct usock *s)
{
	struct socket_registry *registry = s->registry;

	if (s->dead)
		return;
	s->dead = true;
	s->ops->release(s);
	socket_give_up_name(s);
	ports_release(s);
	socket_close_channel(s);
	if (s->scheduled)
		TAILQ_REMOVE(&registry->run_queue, s, run_link);
	s->scheduled = false;
	registry->by_index[socket_id_index(s->id)] = NULL;
	registry->n_sockets--;
	table_writer_release(registry->daemon->table, s->id);
	account_release(s->account, RESOURCE_SOCKET, 1);
	account_unref(s->account);
	LIST_REMOVE(s, all_link);
	LIST_INSERT_HEAD(&registry->dead, s, all_link);
	registry_arm(registry);
	socket_tell_connect_over(s);
}

static void on_channel(evutil_socket_t fd, short events, void *arg)
{
	struct usock *s = arg;

	(void)fd;
	if (!s->dead)
		s->ops->on_channel(s, events);
}

static void unwatch_writable(struct usock *s)
{
	if (s->on_writable)
		event_free(s->on_writable);
	s->on_writable = NULL;
}

/* Most sockets never wait to write: they do without the event. */
void socket_watch_writable(struct usock *s, bool on)
{
	if (on == (s->on_writable != NULL) || s->channel < 0)
		return;
	if (!on) {
		unwatch_writable(s);
		return;
	}
	s->on_writable = event_new(s->registry->daemon->base, s->channel,
		EV_WRITE | EV_ET | EV_PERSIST, on_channel, s);
	if (!s->on_writable || event_add(s->on_writable, NULL) < 0)
		socket_kill(s);
}

static int socket_watch(struct usock *s)
{
	struct event_base *base = s->registry->daemon->base;

	s->on_readable = event_new(base, s->channel, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
		on_channel, s);
	if (!s->on_readable || event_add(s->on_readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int socket_take_id(struct usock *s)
{
	s->id = table_writer_take(s->registry->daemon->table);
	return s->id ? 0 : -ENFILE;
}

/*
 * Binds our end to the name that tells holders the id. Somebody else may sit
 * on the name (abstract names are open to all), so a refusal means another id.
 */
static int socket_name_channel(struct usock *s)
{
	struct usocketd *daemon = s->registry->daemon;
	struct sockaddr_un un;
	socklen_t len;

	for (int i = 0; i < NAME_TRIES; i++) {
		if (socket_take_id(s) < 0)
			return -ENFILE;
		len = channel_name(&un, daemon->instance, s->id);
		if (bind(s->channel, (struct sockaddr *)&un, len) == 0)
			return 0;
		table_writer_release(daemon->table, s->id);
		if (errno != EADDRINUSE)
			return -errno;
		log_warning("channel name is taken by another process; trying the next");
	}
	return -EADDRINUSE;
}

static int socket_open_channel(struct usock *s, int *client_end)
{
	int type = s->record.type == TABLE_TYPE_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	socklen_t len = sizeof(s->cookie);
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->channel = pair[0];
	/* The client's end stays blocking: the flag belongs to its holders. */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ||
		getsockopt(pair[1], SOL_SOCKET, SO_COOKIE, &s->cookie, &len) < 0) {
		int r = -errno;

		close(pair[1]);
		return r;
	}
	*client_end = pair[1];
	return 0;
}

static void socket_describe_owner(struct usock *s, const struct socket_params *params)
{
	struct table_socket *record = &s->record;

	record->type = params->type;
	record->family = params->family;
	record->protocol = params->protocol;
	record->pid = params->owner.pid;
	record->uid = params->owner.uid;
	strncpy(record->program, params->owner.program, sizeof(record->program) - 1);
	record->local.family = params->family;
	record->created_ns = stack_now_ns();
}

static void socket_discard(struct usock *s, int *client_end)
{
	socket_close_channel(s);
	if (*client_end >= 0)
		close(*client_end);
	*client_end = -1;
	account_release(s->account, RESOURCE_SOCKET, 1);
	account_unref(s->account);
	free(s);
}

/* A socket that is charged, and nothing more. */
static int socket_alloc(const struct socket_params *params, struct usock **out)
{
	struct usock *s = calloc(1, params->size);
	int r = s ? account_charge(params->owner.account, RESOURCE_SOCKET, 1) : -ENOBUFS;

	if (r < 0) {
		if (params->has_channel)
			close(params->channel);
		free(s);
		return r;
	}
	s->account = account_ref(params->owner.account);
	s->channel = params->has_channel ? params->channel : -1;
	s->is_foreign = params->has_channel;
	*out = s;
	return 0;
}

int socket_create(struct socket_registry *registry, const struct socket_params *params,
	struct usock **out, int *client_end)
{
	struct usock *s;
	int r = socket_alloc(params, &s);

	*client_end = -1;
	if (r < 0)
		return r;
	s->registry = registry;
	s->ops = params->ops;
	socket_describe_owner(s, params);
	if (!s->is_foreign)
		r = socket_open_channel(s, client_end);
	if (r == 0)
		r = socket_watch(s);
	if (r == 0)
		r = s->is_foreign ? socket_take_id(s) : socket_name_channel(s);
	if (r < 0) {
		socket_discard(s, client_end);
		return r;
	}
	registry->by_index[socket_id_index(s->id)] = s;
	registry->n_sockets++;
	LIST_INSERT_HEAD(&registry->all, s, all_link);
	*out = s;
	return 0;
}
