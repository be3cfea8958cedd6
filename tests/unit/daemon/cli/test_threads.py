"""One heap for all threads, seen from outside: glibc's own account of its heaps."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

ACCOUNT = """
import ctypes, sys, threading
from daemon.cli.threads import share_heap

if sys.argv[1] == "shared":
    share_heap()
meeting = threading.Barrier(4)
def allocate():
    meeting.wait()
    held = [bytearray(50_000) for _ in range(20)]
    meeting.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
"""


def heaps(how: str, **environment: str) -> int:
    """Return how many heaps four threads at once allocate from."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", ACCOUNT, how]
    ran = subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.count("<heap nr")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps by thread")
def test_all_threads_share_a_heap_unless_the_environment_says_otherwise() -> None:
    assert heaps("own") > 1
    assert heaps("shared") == 1
    assert heaps("shared", MALLOC_ARENA_MAX="4") > 1
