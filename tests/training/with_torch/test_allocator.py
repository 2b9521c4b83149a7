"""What a trainer's steps free is kept: in a process of its own, for it cannot be undone."""

import platform
import subprocess
import sys

import pytest

FREE_AND_LOOK = """
import resource
import torch
from training.allocator import keep_freed_memory

def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20).add_(1)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults_of_a_step()
usual = faults_of_a_step()
assert keep_freed_memory()
faults_of_a_step()
print(usual, faults_of_a_step())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has its own allocator")
def test_freed_memory_is_not_faulted_in_again() -> None:
    done = subprocess.run([sys.executable, "-c", FREE_AND_LOOK], capture_output=True, text=True, check=True)
    usual, kept = map(int, done.stdout.split())
    assert kept < usual / 10
