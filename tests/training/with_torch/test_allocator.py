"""What a trainer's steps free is kept: in a process of its own, for it cannot be undone."""

import platform
import subprocess
import sys

import psutil
import pytest

FREE_AND_LOOK = """
import resource
import torch
from training.allocator import keep_freed_memory

def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    one, other = torch.ones(16 * 2**20), torch.ones(16 * 2**20)  # 64 MB each
    both = one + other
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = sum(faults_of_a_step() for _ in range(20))
assert keep_freed_memory()
for _ in range(20):  # the heap grows until it has room for a step
    faults_of_a_step()
print(usual, sum(faults_of_a_step() for _ in range(20)))
"""


KEEP_AND_GIVE_BACK = """
import psutil
import torch
from training import allocator

def held():
    return psutil.Process().memory_info().rss

assert allocator.keep_freed_memory()
blocks = [torch.ones(8 * 2**20) for _ in range(30)]  # 32 MB each
wall = torch.ones(1024)  # stays, so that the heap does not end with free memory
del blocks
kept = held()
assert not allocator.give_back_when_short()
still = held()
allocator._SHORT = 2**60
assert allocator.give_back_when_short()
print(kept, still, held())
"""


@pytest.mark.skipif(psutil.virtual_memory().available < 17 * 2**30, reason="too little memory is free")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has its own allocator")
def test_freed_memory_is_not_faulted_in_again() -> None:
    done = subprocess.run([sys.executable, "-c", FREE_AND_LOOK], capture_output=True, text=True, check=True)
    usual, kept = map(int, done.stdout.split())
    assert kept < usual / 10


@pytest.mark.skipif(psutil.virtual_memory().available < 17 * 2**30, reason="too little memory is free")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has its own allocator")
def test_kept_memory_is_given_back_when_the_machine_runs_short() -> None:
    done = subprocess.run([sys.executable, "-c", KEEP_AND_GIVE_BACK], capture_output=True, text=True, check=True)
    kept, still, left = map(int, done.stdout.split())
    assert still == pytest.approx(kept, rel=0.05)
    assert left < kept - 800 * 2**20
