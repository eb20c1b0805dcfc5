# SPDX-License-Identifier: MIT
"""usocket-micropython, and which modules a script gets."""

import os
import subprocess
import sys

from ffi_support import FfiCase

WHOSE = """
import usocket, socket, usocket as third
print(*(hasattr(m.socket, "getsocketsta") for m in (usocket, socket, third)))
print(usocket.__name__, hasattr(usocket, "_links"), socket.__name__)
"""
OURS = "True True True\nusocket True socket\n"


class Launcher(FfiCase):
    def test_script_is_main_with_its_arguments_and_folder(self):
        self.script("import sys\nprint('imported', __name__, sys.argv[1:])\n", "sub/beside.py")
        path = self.script("import sys, beside\n"
                           "print(__name__, __file__, sys.argv, sys.path[0])\n", "sub/main.py")
        code, out, err = self.launch("sub/main.py", "-x", "a  b", "*")
        self.assertEqual((code, err), (0, ""))
        arguments = ["-x", "a  b", "*"]
        self.assertEqual(out, f"imported beside {arguments}\n__main__ sub/main.py "
                              f"{['sub/main.py', *arguments]} {os.path.dirname(path)}\n")

    def test_command_has_its_arguments(self):
        code, out, err = self.launch("-c", "import sys, usocket\n"
                                     "print(__name__, sys.argv, usocket.AF_INET)", "-c", "x y")
        self.assertEqual((code, out, err), (0, "__main__ ['-c', '-c', 'x y'] 2\n", ""))

    def test_module_is_main(self):
        self.script("import sys, usocket\nprint(__name__, sys.argv, usocket._links)\n", "mod.py")
        code, out, err = self.launch("-m", "mod", "x")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("__main__ ['mod', 'x'] <function", out)

    def test_package_runs_its_main(self):
        self.script("", "pack/__init__.py")
        self.script("print(__name__)\n", "pack/__main__.py")
        self.assertEqual(self.launch("-m", "pack"), (0, "__main__\n", ""))

    def test_standard_input_is_a_script(self):
        self.assertEqual(self.launch(stdin=WHOSE), (0, OURS, ""))

    def test_prompt_after_the_script_has_its_names(self):
        path = self.script("import usocket\nx = usocket.AF_INET6\n")
        code, out, _ = self.launch("-i", path, stdin="print('x is', x)\n\x04")
        self.assertEqual(code, 0)
        self.assertIn("x is 10", out)

    def test_options_reach_the_interpreter(self):
        code, out, err = self.launch("-X", "heapsize=8M", "-O2", "-c",
                                     "import gc, micropython\n"
                                     "print(gc.mem_free() > 4000000, micropython.opt_level())")
        self.assertEqual((code, out, err), (0, "True 2\n", ""))

    def test_exit_status_is_the_scripts(self):
        self.assertEqual(self.launch("-c", "import sys; sys.exit(7)")[0], 7)
        code, _, err = self.launch(self.script("def f():\n    raise ValueError('why')\nf()\n"))
        self.assertEqual(code, 1)
        self.assertIn('script.py", line 2, in f\nValueError: why\n', err)

    def test_what_is_wrong_is_said(self):
        for arguments, status, text in (
                (["absent.py"], 2, "can't open file 'absent.py'"),
                (["-c"], 2, "-c needs an argument"), (["-m"], 2, "-m needs an argument"),
                (["-X"], 2, "-X needs an argument"), (["-q"], 2, "unknown option -q")):
            with self.subTest(arguments):
                code, out, err = self.launch(*arguments)
                self.assertEqual((code, out), (status, ""))
                self.assertIn(text, err)

    def test_missing_interpreter_is_named(self):
        code, _, err = self.launch("-c", "1", USOCKET_MICROPYTHON="/nonexistent/micropython")
        self.assertEqual(code, 127)
        self.assertIn("/nonexistent/micropython: install MicroPython", err)

    def test_help(self):
        code, out, err = self.launch("--help")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("usage: usocket-micropython", out)

    def test_companions_are_on_the_path(self):
        out = self.run_script("import checkNet, log\n"
                              "print(checkNet.CheckNetwork('n', '1')"
                              ".wait_network_connected(20))\n")
        self.assertEqual(out, "(3, 1)\n")


class WhoseModules(FfiCase):
    def plain(self, code, path):
        """Runs it in the interpreter without the launcher."""
        child = self.start(self.ffi.interpreter, self.script(code), MICROPYPATH=path)
        out, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, err), (0, ""))
        return out

    def test_launcher_wins_over_a_socket_py_beside_the_script(self):
        path = self.script(WHOSE, "own/main.py")
        self.script("raise ImportError('the wrong one')\n", "own/socket.py")
        self.script("raise ImportError('the wrong one')\n", "own/usocket.py")
        self.assertEqual(self.launch(path), (0, OURS, ""))

    def test_launcher_wins_whatever_the_order_of_imports(self):
        for order in ("import socket\nimport usocket\n", "import asyncio\n", "import requests\n"):
            with self.subTest(order):
                self.assertEqual(self.launch(self.script(order + WHOSE)), (0, OURS, ""))

    def test_one_line_in_a_boot_file(self):
        for path in (f"{self.ffi.modules}:.frozen", f".frozen:/nonexistent:{self.ffi.modules}"):
            with self.subTest(path):
                self.assertEqual(self.plain("import usocket_boot\n" + WHOSE, path), OURS)

    def test_boot_line_leaves_the_path_as_it_was(self):
        out = self.plain("import sys\np = list(sys.path)\nimport usocket_boot\n"
                         "print(sys.path == p)\n", f"/nonexistent:{self.ffi.modules}")
        self.assertEqual(out, "True\n")

    def test_path_alone_gives_socket(self):
        out = self.plain("import socket\nprint(hasattr(socket.socket, 'getsocketsta'))\n",
                         f"{self.ffi.modules}:.frozen")
        self.assertEqual(out, "True\n")


class Library(FfiCase):
    IMPORT = ("-c", "import usocket")

    def test_override_is_what_is_loaded(self):
        library = os.path.join(os.environ["USOCKETD_BUILDDIR"], ".libs/libusocket.so.0")
        code, out, err = self.launch("-c", WHOSE, USOCKET_LIBRARY=library, LD_LIBRARY_PATH="")
        self.assertEqual((code, out, err), (0, OURS, ""))

    def test_missing_library_is_named_and_what_to_do(self):
        for env, name in (({"USOCKET_LIBRARY": "/nonexistent/lib.so"}, "/nonexistent/lib.so"),
                          ({"USOCKET_LIBRARY": "libnonesuch.so.0"}, "libnonesuch.so.0")):
            with self.subTest(name):
                code, _, err = self.launch(*self.IMPORT, **env)
                self.assertEqual(code, 1)
                self.assertIn(f"ImportError: cannot load {name}: install usocketd's library", err)
                self.assertIn("USOCKET_LIBRARY", err)
                self.assertIn("LD_LIBRARY_PATH", err)

    def test_library_without_the_calls_is_too_old(self):
        code, _, err = self.launch(*self.IMPORT, USOCKET_LIBRARY="libc.so.6")
        self.assertEqual(code, 1)
        self.assertIn("ImportError: libusocket has no usocket_script_", err)
        self.assertIn("install the same release", err)

    def test_interpreter_without_ffi_is_told(self):
        # CPython is one: the module stops before it needs anything else.
        done = subprocess.run([sys.executable, "-c", "import usocket_ffi.lib"], text=True,
                              stderr=subprocess.PIPE, check=False, timeout=60,
                              env={"PYTHONPATH": self.ffi.modules, "PYTHONDONTWRITEBYTECODE": "1"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("ImportError: no module ffi in this MicroPython", done.stderr)

    def test_missing_daemon_is_19_and_what_to_do(self):
        out = self.run_script("import usocket\n"
                              "for f in (usocket.socket, usocket._links,\n"
                              "          lambda: usocket._wait_link(0),\n"
                              "          lambda: usocket.getaddrinfo('name.test', 1)):\n"
                              "    try: f()\n"
                              "    except OSError as e: print(e.args)\n",
                              USOCKETD_SOCKET="/nonexistent/usocketd.sock")
        lines = out.splitlines()
        self.assertEqual(len(lines), 4, out)
        for line in lines:
            self.assertTrue(line.startswith("(19, "), line)
            self.assertIn("/nonexistent/usocketd.sock", line)
            self.assertIn("systemctl start usocketd", line)
