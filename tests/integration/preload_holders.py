# SPDX-License-Identifier: MIT
"""Copies of sockets: dup, fork, exec, SCM_RIGHTS; numbers that are closed and used again."""

import os
import re
import subprocess
import sys
import textwrap

from preload_support import PRELUDE, PreloadCase, usocket_run
from runner import deadline, rows


@deadline(60)
class Holders(PreloadCase):
    @rows("G10")
    def test_dup_and_fork(self):
        self.script("""
            a, b = pair()
            n = os.dup(a.fileno())
            a.close()
            os.write(n, b"x")
            assert b.recv(5) == b"x"
            m = 77
            os.dup2(n, m)
            os.close(n)
            if os.fork() == 0:
                c = socket.socket(fileno=m)
                c.sendall(b"child")
                l = socket.create_server((STACK, 0))
                d = socket.create_connection(l.getsockname())
                os._exit(0 if is_ours(d) else 1)
            assert os.wait()[1] == 0
            assert b.recv(5) == b"child"
            os.close(m)
            assert b.recv(5) == b""
            """)

    def test_exec_finds_inherited_sockets(self):
        self.script("""
            import subprocess
            a, b = pair()
            code = '''
            import os, socket, sys
            s = socket.socket(fileno=int(sys.argv[1]))
            assert s.family == socket.AF_INET and s.type == socket.SOCK_STREAM
            print(s.getpeername()[0])
            s.sendall(s.recv(10).upper())
            '''
            b.sendall(b"abc")
            import textwrap
            said = subprocess.check_output(
                [sys.executable, "-c", textwrap.dedent(code), str(a.fileno())],
                pass_fds=[a.fileno()])
            assert said == STACK.encode() + b"\\n", said
            assert b.recv(5) == b"ABC"
            os.set_inheritable(a.fileno(), False)
            gone = subprocess.call(["test", "-e", "/proc/self/fd/%d" % a.fileno()],
                                   close_fds=False)
            assert gone == 1
            """)

    def test_passed_to_another_process(self):
        self.script("""
            import array
            l, r = socket.socketpair()
            if os.fork() == 0:
                # The number it will have stands for something else now.
                n = os.dup(0)
                os.read(n, 0)
                os.close(n)
                l.close()
                data, control, _, _ = r.recvmsg(1, 100)
                fd, = array.array("i", control[0][2])
                s = socket.socket(fileno=fd)
                s.sendall(b"from the other")
                os._exit(0 if s.getpeername()[0] == STACK else 1)
            a, b = pair()
            l.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                array.array("i", [a.fileno()]))])
            a.close()
            assert b.recv(100) == b"from the other"
            assert os.wait()[1] == 0
            """)

    def test_numbers_are_used_again(self):
        self.script("""
            import tempfile
            for i in range(20):
                u = socket.socket(type=socket.SOCK_DGRAM)
                u.setblocking(False)
                fails(errno.EAGAIN, u.recv, 5)
                n = u.fileno()
                # As fclose() does: libc's own close, which nobody sees.
                libc.fdopen.restype = ctypes.c_void_p
                f = libc.fdopen(os.dup(u.fileno()), b"r")
                u.close()
                libc.fclose(ctypes.c_void_p(f))
                with tempfile.TemporaryFile(buffering=0) as file:
                    file.write(b"abc")
                    file.seek(0)
                    assert file.read(5) == b"abc"
            r, w = os.pipe()
            os.write(w, b"pipe")
            assert os.read(r, 10) == b"pipe"
            s = socket.socket()
            os.dup2(s.fileno(), r)
            assert socket.socket(fileno=r).getsockname() == ("0.0.0.0", 0)
            """)

    def test_closing_everything(self):
        self.script("""
            a, b = pair()
            os.closerange(max(a.fileno(), b.fileno()) + 1, 4096)
            for n in range(600, 2000):
                try:
                    os.close(n)
                except OSError:
                    pass
            a.sendall(b"x")
            assert b.recv(5) == b"x"
            c, d = pair()
            c.sendall(b"y")
            assert d.recv(5) == b"y"
            n = c.fileno()
            libc.close_range(n, n, 0)
            os.dup2(0, n)
            assert os.read(n, 5) == b""
            c.detach()
            """)

    def test_syscall(self):
        self.script("""
            SYS_socket, SYS_connect = {"x86_64": (41, 42)}.get(os.uname().machine, (198, 203))
            l = socket.create_server((STACK, 0))
            n = libc.syscall(SYS_socket, socket.AF_INET, socket.SOCK_STREAM, 0)
            s = socket.socket(fileno=n)
            assert is_ours(s)
            name = struct.pack("=H", socket.AF_INET) + struct.pack("!H", l.getsockname()[1]) + \
                socket.inet_aton(STACK) + bytes(8)
            assert libc.syscall(SYS_connect, n, name, 16) == 0
            assert s.getpeername() == l.getsockname()
            """)

    def test_threads_signals_and_closing(self):
        self.script("""
            a, b = pair()
            seen = []
            signal.signal(signal.SIGALRM, lambda *x: seen.append(1))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            threading.Timer(0.2, a.sendall, (b"late",)).start()
            assert b.recv(5) == b"late" and seen
            def echo(s):
                while data := s.recv(1000):
                    s.sendall(data)
            def talk(i):
                a, b = pair()
                t = threading.Thread(target=echo, args=(b,))
                t.start()
                for n in range(50):
                    a.sendall(bytes([i]) * (n + 1))
                    got = b""
                    while len(got) <= n:
                        got += a.recv(1000)
                    assert got == bytes([i]) * (n + 1)
                a.shutdown(socket.SHUT_WR)
                t.join()
                done.append(i)
            done = []
            threads = [threading.Thread(target=talk, args=(i,)) for i in range(8)]
            [t.start() for t in threads]
            [t.join() for t in threads]
            assert len(done) == 8
            """)

    def test_nothing_leaks(self):
        self.script("""
            def count():
                return len(os.listdir("/proc/self/fd"))
            a, b = pair()
            before = count()
            for i in range(100):
                a, b = pair()
                a.sendall(b"x"); b.recv(1)
                socket.socket(type=socket.SOCK_DGRAM).close()
                fails(errno.ECONNREFUSED, socket.socket().connect, (KERNEL, 1))
                s = socket.socket()
                s.connect_ex(("127.0.0.1", 1))
            a.close(); b.close(); s.close()
            assert count() <= before, (before, count())
            """)

    def test_no_system_call_more_for_a_transfer(self):
        """A hundred sends and receives under strace are just these."""
        trace = os.path.join(self.folder, "trace")
        code = PRELUDE + textwrap.dedent("""
            a, b = pair()
            def go():
                a.sendall(bytes(1000))
                got = 0
                while got < 1000:
                    got += len(b.recv(1000))
                    os.write(b.fileno(), b"x")
                    os.read(a.fileno(), 1)
            go()
            os.path.exists("/begin")
            for i in range(100):
                go()
            os.path.exists("/end")
            """)
        subprocess.run(["strace", "-f", "-o", trace, *usocket_run(), sys.executable, "-c", code],
                       env=self.environment(), check=True)
        with open(trace) as f:
            text = f.read()
        part = text[text.index('"/begin"'):text.index('"/end"')]
        calls = re.findall(r"^\d+ +(\w+)\(", part, re.M)[:-1]
        self.assertGreaterEqual(len(calls), 400)
        self.assertEqual(set(calls), {"sendto", "recvfrom", "read", "write"})
