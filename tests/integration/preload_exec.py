# SPDX-License-Identifier: MIT
"""Programs that a program starts: with any environment they have the library, or do not run."""

import os
import subprocess
import sys
import textwrap

import harness
from harness import Tun
from preload_support import PreloadCase
from runner import deadline

# Says whose a new internet socket of its is, and whether 10.9.0.66 is denied to it.
CHILD = """
import socket, os
s = socket.socket()
with open("/proc/net/unix") as f:
    ours = any(line.split()[6] == str(os.fstat(s.fileno()).st_ino) for line in f.readlines()[1:])
s.settimeout(0.01)
denied = s.connect_ex(("10.9.0.66", 9)) == 13
print("stack" if ours else "kernel", "denied" if denied else "open", flush=True)
"""

# What the parents below begin with: argv of the child, and ways to wait for it.
PARENT = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
child = sys.argv[1]
ARGV = [sys.executable, "-c", child]

def strings(list):
    return (ctypes.c_char_p * (len(list) + 1))(*[s.encode() for s in list], None)

def forked(f, *arguments):
    pid = os.fork()
    if pid == 0:
        f(*arguments)
        os._exit(99)
    assert os.waitpid(pid, 0)[1] == 0
"""

STATIC = "int main(void) { return 0; }\n"


@deadline(90)
class Exec(PreloadCase):
    def parent(self, text, options=("--deny", Tun.SILENT[4]), expected=0, **more):
        return self.run_it(sys.executable, "-c", PARENT + textwrap.dedent(text), CHILD,
                           options=options, expected=expected, **more)

    def assert_stack(self, said, n):
        self.assertEqual(said, "stack denied\n" * n)

    def test_each_call_with_an_empty_environment(self):
        said = self.parent("""
            path, argv, none = ARGV[0].encode(), strings(ARGV), strings([])
            at_null = ctypes.c_char_p()
            each = [s.encode() for s in ARGV] + [at_null]
            fd = os.open(ARGV[0], os.O_RDONLY | os.O_CLOEXEC)
            forked(libc.execve, path, argv, none)
            forked(libc.execve, path, argv, None)
            forked(libc.execvpe, path, argv, none)
            forked(libc.execle, path, *each, none)
            forked(libc.fexecve, fd, argv, none)
            forked(libc.execveat, -1, path, argv, none, 0)
            forked(libc.execveat, fd, b"", argv, none, 0x1000)
            forked(libc.syscall, 59 if os.uname().machine == "x86_64" else 221, path, argv, none)
            pid = ctypes.c_int()
            for spawn in libc.posix_spawn, libc.posix_spawnp:
                assert spawn(ctypes.byref(pid), path, None, None, argv, none) == 0
                assert os.waitpid(pid.value, 0)[1] == 0
            """)
        self.assert_stack(said, 10)

    def test_each_call_of_a_program_that_emptied_its_own(self):
        said = self.parent("""
            import shlex
            libc.clearenv()
            path, argv = ARGV[0].encode(), strings(ARGV)
            each = [s.encode() for s in ARGV] + [ctypes.c_char_p()]
            forked(libc.execv, path, argv)
            forked(libc.execvp, path, argv)
            forked(libc.execl, path, *each)
            forked(libc.execlp, path, *each)
            line = shlex.join(ARGV).encode()
            assert libc.system(line) == 0
            libc.clearenv()
            libc.popen.restype = ctypes.c_void_p
            libc.pclose.argtypes = ctypes.c_void_p,
            assert libc.pclose(libc.popen(line, b"w")) == 0
            """)
        self.assert_stack(said, 6)

    def test_pythons_and_shells_ways(self):
        said = self.parent("""
            subprocess.run(ARGV, env={}, check=True)
            subprocess.run(ARGV, env={}, check=True, close_fds=False)
            subprocess.run(["env", "-i", *ARGV], check=True)
            subprocess.run(["env", "-u", "LD_PRELOAD", *ARGV], check=True)
            subprocess.run(["sh", "-c", 'unset LD_PRELOAD; "$@"', "sh", *ARGV], check=True)
            subprocess.run(["nice", *ARGV], env={"PATH": "/usr/bin:/bin"}, check=True)
            """)
        self.assert_stack(said, 6)

    def test_what_is_there_is_left_as_it_is(self):
        said = self.parent("""
            one = {"A": "1", "LD_PRELOAD": "libm.so.6", "USOCKET_RUN_DENY": "192.0.2.1"}
            show = "import os; print(sorted((k, v) for k, v in os.environ.items() if k in %r))"
            ARGV[2] = show % (list(one),)
            library = os.environ["LD_PRELOAD"]
            out = subprocess.run(ARGV, env=one, check=True, capture_output=True, text=True).stdout
            assert eval(out) == sorted({**one, "LD_PRELOAD": "libm.so.6:" + library}.items()), out
            # What has everything is not touched.
            ARGV[2] = "import os; print(dict(os.environ))"
            out = subprocess.run(ARGV, check=True, capture_output=True, text=True).stdout
            assert eval(out) == dict(os.environ), out
            """)
        self.assertEqual(said, "")

    def test_errors_are_the_kernels(self):
        self.assertEqual(self.parent("""
            import errno
            for path, number in ("/nowhere", errno.ENOENT), ("/", errno.EACCES), \\
                    ("/dev/null", errno.EACCES), ("x" * 5000, errno.ENAMETOOLONG):
                try:
                    os.execve(path, ["x"], {})
                except OSError as e:
                    assert e.errno == number, (path, e)
            """), "")

    def test_scripts_without_an_interpreter(self):
        path = os.path.join(self.folder, "plain")
        with open(path, "w") as f:
            f.write("echo plain\n")
        os.chmod(path, 0o755)
        said = self.parent(f"forked(libc.execvp, {path.encode()!r}, strings(['x']))")
        self.assertEqual(said, "plain\n")

    def test_the_dynamic_linker(self):
        self.assertIn("libc.so", self.run_it("ldd", "/bin/sh"))

    def build_static(self):
        path = os.path.join(self.folder, "static")
        with open(path + ".c", "w") as f:
            f.write(STATIC)
        if subprocess.run(["gcc", "-static", "-o", path, path + ".c"], check=False).returncode:
            self.skipTest("no static programs can be made here")
        return path

    def assert_refused(self, path, why):
        log = os.path.join(self.folder, "log")
        said = self.parent(f"""
            import errno
            for start in (lambda: os.execv({path!r}, ["x"]),
                          lambda: os.posix_spawn({path!r}, ["x"], {{}}),
                          lambda: subprocess.run([{path!r}], env={{}})):
                try:
                    start()
                    raise AssertionError("it ran")
                except OSError as e:
                    assert e.errno == errno.EACCES, e
            """, options=("--log", log))
        lines = said.splitlines()
        self.assertEqual(len(lines), 3, said)
        for line in lines:
            self.assertTrue(line.startswith(f"usocket-run: {path} {why}"), line)
            self.assertIn("--allow-others", line)
        with open(log) as f:
            self.assertEqual(f.read().count(f"exec {path}: refused"), 3)

    def test_static_child_is_refused(self):
        self.assert_refused(self.build_static(), "is statically linked")

    def test_set_uid_child_is_refused(self):
        harness.need_other_users()
        path = os.path.join(self.folder, "setuid")
        subprocess.run(["cp", "/bin/true", path], check=True)
        os.chown(path, harness.OTHER_UID, harness.OTHER_UID)
        os.chmod(path, 0o4755)
        self.assert_refused(path, "gains privileges")

    def test_others_are_allowed_if_asked_for(self):
        path, log = self.build_static(), os.path.join(self.folder, "allowed")
        said = self.parent(f"subprocess.run([{path!r}], env={{}}, check=True)",
                           options=("--allow-others", "--log", log))
        self.assertEqual(said, "")
        with open(log) as f:
            self.assertIn(f"exec {path}: has the kernel's sockets", f.read())

    def test_library_out_of_reach(self):
        """After chroot() ld.so would only warn."""
        harness.need_other_users()
        self.build_static()
        said = self.run_it(sys.executable, "-c", textwrap.dedent("""
            import errno, os, sys
            if os.fork() == 0:
                os.chroot(sys.argv[1])
                try:
                    os.execve("/static", ["static"], {})
                except OSError as e:
                    os._exit(e.errno)
            assert os.waitstatus_to_exitcode(os.wait()[1]) == errno.EACCES
            """), self.folder)
        self.assertIn("the library cannot be read from here", said)
