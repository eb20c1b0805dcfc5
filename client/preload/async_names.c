/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * getaddrinfo_a(3): look-ups in the background. libc's are made inside libc, so
 * these are made again here, by threads that take requests off a queue, each as
 * getaddrinfo() would be called. There are as many threads as requests, up to a
 * bound; one that has had nothing to do for a while ends.
 *
 * A batch is one call's requests; who waits for all of them, or is to be notified,
 * learns of it when the last is done. The lock guards all but the look-ups
 * themselves; a request belongs to the program again once its result is in it.
 * A child of fork() has no threads: what was under way there never ends, as with
 * libc.
 */
#include "client/preload/calls.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 16
#define IDLE_S	    2

struct batch {
	unsigned int n_left;
	bool is_waited_for; /* by the caller, which owns it then */
	struct sigevent event;
};

struct job {
	TAILQ_ENTRY(job) link;
	struct gaicb *request;
	struct batch *batch;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t queued;	/* for the threads */
	pthread_cond_t changed; /* for those who wait */
	TAILQ_HEAD(, job) jobs;
	unsigned int n_threads, n_idle;
} work = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.queued = PTHREAD_COND_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.jobs = TAILQ_HEAD_INITIALIZER(work.jobs),
};

static void unlock(void *unused)
{
	(void)unused;
	pthread_mutex_unlock(&work.lock);
}

/* ---- notification ------------------------------------------------------- */

struct notice {
	void (*function)(union sigval value);
	union sigval value;
};

static void *run_notice(void *arg)
{
	struct notice notice = *(struct notice *)arg;

	free(arg);
	notice.function(notice.value);
	return NULL;
}

/* Detached, with the program's attributes if it gave any. */
static void notify_by_thread(const struct sigevent *event)
{
	struct notice *notice = malloc(sizeof(*notice));
	pthread_t thread;

	if (!notice)
		return;
	notice->function = event->sigev_notify_function;
	notice->value = event->sigev_value;
	if (pthread_create(&thread, event->sigev_notify_attributes, run_notice, notice) == 0)
		pthread_detach(thread);
	else
		free(notice);
}

static void notify(const struct sigevent *event)
{
	if (event->sigev_notify == SIGEV_SIGNAL)
		sigqueue(getpid(), event->sigev_signo, event->sigev_value);
	else if (event->sigev_notify == SIGEV_THREAD)
		notify_by_thread(event);
}

/* With the lock held. */
static void finish(struct job *job, int result)
{
	struct batch *batch = job->batch;

	job->request->__return = result;
	free(job);
	if (--batch->n_left == 0 && !batch->is_waited_for) {
		notify(&batch->event);
		free(batch);
	}
	pthread_cond_broadcast(&work.changed);
}

/* ---- the threads -------------------------------------------------------- */

/* The next job, or NULL: it is time to end. With the lock held. */
static struct job *await_job(void)
{
	struct timespec until;
	struct job *job;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_S;
	work.n_idle++;
	while ((job = TAILQ_FIRST(&work.jobs)) == NULL && r == 0)
		r = pthread_cond_timedwait(&work.queued, &work.lock, &until);
	work.n_idle--;
	if (job)
		TAILQ_REMOVE(&work.jobs, job, link);
	return job;
}

static void *run_jobs(void *unused)
{
	struct job *job;

	(void)unused;
	pthread_mutex_lock(&work.lock);
	while ((job = await_job()) != NULL) {
		struct gaicb *request = job->request;
		int r;

		pthread_mutex_unlock(&work.lock);
		r = preload_getaddrinfo(request->ar_name, request->ar_service,
			request->ar_request, &request->ar_result);
		pthread_mutex_lock(&work.lock);
		finish(job, r);
	}
	work.n_threads--;
	pthread_mutex_unlock(&work.lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, run_jobs, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}

/* Whether somebody will do the job that has just been queued. */
static bool has_thread(void)
{
	pthread_cond_signal(&work.queued);
	if (work.n_idle == 0 && work.n_threads < THREADS_MAX && start_thread() == 0)
		work.n_threads++;
	return work.n_threads > 0;
}

/* ---- the calls ---------------------------------------------------------- */

static int enqueue(struct batch *batch, struct gaicb *request)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return EAI_MEMORY;
	job->request = request;
	job->batch = batch;
	request->ar_result = NULL;
	request->__return = EAI_INPROGRESS;
	TAILQ_INSERT_TAIL(&work.jobs, job, link);
	batch->n_left++;
	if (has_thread())
		return 0;
	TAILQ_REMOVE(&work.jobs, job, link);
	batch->n_left--;
	free(job);
	return EAI_AGAIN;
}

/* A batch cannot end before it is complete: the lock is held. */
static int enqueue_all(struct batch *batch, struct gaicb **list, int n)
{
	int result = 0;

	for (int i = 0; i < n; i++) {
		int r = list[i] ? enqueue(batch, list[i]) : 0;

		if (r != 0) {
			list[i]->__return = r;
			result = EAI_AGAIN;
		}
	}
	return result;
}

static int look_up_and_wait(struct gaicb **list, int n)
{
	struct batch batch = { .is_waited_for = true };
	int r, old;

	/* The batch lies on this stack until its last job is done. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_mutex_lock(&work.lock);
	r = enqueue_all(&batch, list, n);
	while (batch.n_left > 0)
		pthread_cond_wait(&work.changed, &work.lock);
	pthread_mutex_unlock(&work.lock);
	pthread_setcancelstate(old, NULL);
	return r;
}

static int look_up_and_notify(struct gaicb **list, int n, const struct sigevent *event)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return EAI_MEMORY;
	batch->event.sigev_notify = SIGEV_NONE;
	if (event)
		batch->event = *event;
	pthread_mutex_lock(&work.lock);
	r = enqueue_all(batch, list, n);
	if (batch->n_left == 0) {
		notify(&batch->event);
		free(batch);
	}
	pthread_mutex_unlock(&work.lock);
	return r;
}

int preload_getaddrinfo_a(int mode, struct gaicb **list, int n, struct sigevent *event)
{
	switch (mode) {
	case GAI_WAIT:
		return look_up_and_wait(list, n);
	case GAI_NOWAIT:
		return look_up_and_notify(list, n, event);
	default:
		errno = EINVAL;
		return EAI_SYSTEM;
	}
}

/* With the lock held. */
static int count_unfinished(const struct gaicb *const list[], int n)
{
	int n_unfinished = 0;

	for (int i = 0; i < n; i++)
		n_unfinished += list[i] && list[i]->__return == EAI_INPROGRESS;
	return n_unfinished;
}

static struct timespec end_of(const struct timespec *timeout)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
	return end;
}

int preload_gai_suspend(const struct gaicb *const list[], int n, const struct timespec *timeout)
{
	struct timespec end = timeout ? end_of(timeout) : (struct timespec){ 0, 0 };
	int before, r = 0;

	pthread_mutex_lock(&work.lock);
	pthread_cleanup_push(unlock, NULL);
	before = count_unfinished(list, n);
	while (r == 0 && before > 0 && count_unfinished(list, n) == before)
		r = timeout ? pthread_cond_timedwait(&work.changed, &work.lock, &end)
			    : pthread_cond_wait(&work.changed, &work.lock);
	pthread_cleanup_pop(1);
	if (before == 0)
		return EAI_ALLDONE;
	return r == 0 ? 0 : EAI_AGAIN;
}

int preload_gai_cancel(struct gaicb *request)
{
	int result = EAI_ALLDONE;
	struct job *job;

	pthread_mutex_lock(&work.lock);
	TAILQ_FOREACH(job, &work.jobs, link)
		if (job->request == request)
			break;
	if (job) {
		TAILQ_REMOVE(&work.jobs, job, link);
		finish(job, EAI_CANCELED);
		result = EAI_CANCELED;
	} else if (request->__return == EAI_INPROGRESS) {
		result = EAI_NOTCANCELED;
	}
	pthread_mutex_unlock(&work.lock);
	return result;
}

/* ---- fork --------------------------------------------------------------- */

static void on_fork_prepare(void)
{
	pthread_mutex_lock(&work.lock);
}

static void on_fork_parent(void)
{
	pthread_mutex_unlock(&work.lock);
}

/* Those who waited for a condition are not here. */
static void on_fork_child(void)
{
	pthread_cond_init(&work.queued, NULL);
	pthread_cond_init(&work.changed, NULL);
	TAILQ_INIT(&work.jobs);
	work.n_threads = 0;
	work.n_idle = 0;
	pthread_mutex_unlock(&work.lock);
}

__attribute__((constructor)) static void async_names_load(void)
{
	pthread_atfork(on_fork_prepare, on_fork_parent, on_fork_child);
}
