# SPDX-License-Identifier: MIT
"""The daemon where the system grants no message queues, or not enough."""

import os
import resource

import harness
import rows_connect
import rows_data
import rows_dgram
import rows_holders
import rows_open
import rows_options
import usock

from daemon_case import DaemonCase
from harness import OTHER_UID, in_child
from rawclient import QUEUES, RawClient


class NoQueues(DaemonCase):
    def use_it(self):
        """A little of everything; returns what it has seen."""
        listener = usock.Sock()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        a = usock.Sock()
        a.connect(listener.getsockname())
        b, _ = listener.accept_timeout(5000)
        a.send(b"without queues")
        return b.recv_exactly(14), a.state(), usock.getaddrinfo("127.0.0.1", "80")[0].address

    def check(self, daemon):
        self.use(daemon)
        expected = b"without queues", 4, ("127.0.0.1", 80)
        self.assertEqual(self.use_it(), expected)
        self.assertEqual(usock.status().sessions_without_queue, 1)
        for _ in range(5):
            self.assertEqual(in_child(self.use_it), expected)
        self.eventually(lambda: usock.status().sessions == 1)

    def test_configured(self):
        daemon = self.daemon({"daemon": {"queues": "no"}}).start()
        self.check(daemon)
        client = self.keep(RawClient(daemon.socket))
        reply = client.hello(capabilities=QUEUES)
        self.assertEqual(len(reply.fds), 1)
        self.assertEqual(reply.body[3].get(4, 0) & QUEUES, 0)
        daemon.stop()

    def test_not_granted_by_the_system(self):
        harness.need_other_users()

        def no_queues():
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
        daemon = self.daemon(uid=OTHER_UID, preexec=no_queues).start()
        self.check(daemon)
        lines = [x for x in daemon.log().splitlines() if "no message queues" in x]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], "^<4>.*RLIMIT_MSGQUEUE")
        daemon.stop()

    def test_granted_to_some(self):
        harness.need_other_users()

        def few_queues():
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (40000, 40000))
        # The kernel counts by user: nobody else may be this one.
        uid = OTHER_UID + 1000 + os.getpid() % 10000
        daemon = self.daemon(uid=uid, preexec=few_queues).start()
        clients = [self.keep(RawClient(daemon.socket)) for _ in range(12)]
        granted = [len(c.hello(capabilities=QUEUES).fds) == 3 for c in clients]
        self.assertTrue(granted[0])
        self.assertFalse(granted[-1])
        self.assertEqual(granted, sorted(granted, reverse=True))
        self.use(daemon)
        self.assertEqual(usock.status().sessions_without_queue, granted.count(False) + 1)
        # What is given back is granted again.
        clients[0].close()
        self.eventually(lambda: usock.status().sessions == 12)
        late = self.keep(RawClient(daemon.socket))
        self.assertEqual(len(late.hello(capabilities=QUEUES).fds), 3)
        daemon.stop()


class _WithoutQueues:
    config = {"daemon": {"queues": "no"}}

    def tearDown(self):
        status = usock.status()
        self.assertEqual(status.sessions_without_queue, status.sessions)
        super().tearDown()


class NoQueuesConnect(_WithoutQueues, rows_connect.Connect):
    pass


class NoQueuesAccept(_WithoutQueues, rows_open.Accept):
    pass


class NoQueuesReceive(_WithoutQueues, rows_data.Receive):
    pass


class NoQueuesDatagrams(_WithoutQueues, rows_dgram.Datagrams):
    pass


class NoQueuesHolders(_WithoutQueues, rows_holders.Holders):
    pass


class NoQueuesOptions(_WithoutQueues, rows_options.Options):
    pass
