# SPDX-License-Identifier: MIT
"""What programs do with their sockets besides calling them; preload_acts.c says what."""

import os

import harness
from harness import Tun
from preload_support import RUN_S, PreloadCase
from runner import deadline, rows

SILENT_S = 30


@deadline(60)
class Acts(PreloadCase):
    """A program in C, an act each; it says nothing if all is well."""

    @classmethod
    def make_link(cls):
        # A name server that never answers.
        return {**super().make_link(),
                "resolver": {"servers": Tun.SILENT[4], "timeout": SILENT_S}}

    @staticmethod
    def program():
        return os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "integration",
                            "preload_acts")

    def act(self, *arguments, options=()):
        self.assertEqual(self.run_it(self.program(), *arguments, options=options), "")

    @rows("G10")
    def test_vfork_leaves_the_parents_sockets_alone(self):
        self.act("vfork")

    def test_vfork_leaves_the_parents_epoll_alone(self):
        self.act("vfork_epoll")

    @rows("G10")
    def test_posix_spawn_gives_a_socket_as_standard_input(self):
        self.act("spawn")

    @rows("G10")
    def test_passed_to_a_program_that_was_started_apart(self):
        """SCM_RIGHTS: a connection, a listener, a datagram socket."""
        path = os.path.join(self.folder, "meeting")
        taker = self.start(self.program(), "take", path)
        self.act("give", path)
        self.assertEqual(taker.wait(RUN_S * harness.time_scale()), 0)
        self.assertEqual(taker.stdout.read(), b"")

    def test_closing_all_spares_what_gets_the_numbers(self):
        self.act("close_all")

    @rows("G10")
    def test_threads_that_use_sockets_while_others_fork(self):
        self.act("threads")

    def test_handlers_end_calls_that_wait(self):
        self.act("interrupt")

    def test_handlers_that_restart_do_not(self):
        self.act("restart")

    def test_handlers_that_make_calls(self):
        self.act("call_in_handler")

    def test_handlers_that_jump_out_of_a_call(self):
        self.act("jump")

    def test_cancelled_threads_leave_nothing_behind(self):
        self.act("cancel")

    def test_shells_and_pipes_carry_a_connection(self):
        """cat, as inetd would start it, and a pipe between two programs."""
        self.script("""
            import subprocess
            for argv in ["cat"], ["sh", "-c", "cat | cat"]:
                a, b = pair()
                child = subprocess.Popen(argv, stdin=b, stdout=b, env={"PATH": "/usr/bin:/bin"})
                b.close()
                a.sendall(b"through")
                a.shutdown(socket.SHUT_WR)
                got = b""
                while part := a.recv(100):
                    got += part
                assert got == b"through", got
                assert child.wait(20) == 0
            """)
