"""A file system with one file, `disk`, whose writes stay in memory until they are flushed: a disk with a volatile cache.

    volatile-disk.py FILE MOUNTPOINT

What is written to its file `control` makes it fail:
    crash [SEED]  loses all that was not flushed, or about half of it, drawn by the seed; then as `eio`
    eio           every read, write and flush fails
    lie           flushes are answered, and not done
    ok            none of that any more
"""

import errno
import os
import random
import sys
import threading

from fusepy import FUSE, FuseOSError, Operations

SECTOR = 512


class Disk(Operations):
    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.cache = {}
        self.mode = "ok"
        self.lock = threading.Lock()

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": 0o40700, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": self.size}
        if path == "/control":
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": 0}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path, fh):
        return [".", "..", "disk", "control"]

    def open(self, path, flags):
        return 1

    def truncate(self, path, length, fh=None):
        return 0

    def read(self, path, length, offset, fh):
        self.refuse_when_broken()
        with self.lock:
            found = bytearray(os.pread(self.file, length, offset).ljust(length, b"\0"))
            for sector in range(offset // SECTOR, -(-(offset + length) // SECTOR)):
                cached = self.cache.get(sector)
                if cached is None:
                    continue
                at = sector * SECTOR - offset
                start, end = max(0, at), min(length, at + SECTOR)
                found[start:end] = cached[start - at : end - at]
            return bytes(found)

    def write(self, path, data, offset, fh):
        if path == "/control":
            self.obey(*data.decode().split())
            return len(data)
        self.refuse_when_broken()
        with self.lock:
            done = 0
            while done < len(data):
                sector, at = divmod(offset + done, SECTOR)
                part = data[done : done + SECTOR - at]
                cached = self.cache.get(sector)
                if cached is None:
                    cached = os.pread(self.file, SECTOR, sector * SECTOR).ljust(SECTOR, b"\0")
                self.cache[sector] = cached[:at] + part + cached[at + len(part) :]
                done += len(part)
        return len(data)

    def fsync(self, path, datasync, fh):
        self.refuse_when_broken()
        if self.mode == "lie":
            return 0
        with self.lock:
            for sector in self.cache:
                self.keep(sector)
            self.cache.clear()
        return 0

    def obey(self, word, seed=None):
        with self.lock:
            if word == "crash":
                self.lose(random.Random(seed) if seed else None)
                word = "eio"
            self.mode = word

    def lose(self, draw):
        for sector in sorted(self.cache):
            if draw and draw.random() < 0.5:
                self.keep(sector)
        self.cache.clear()

    def keep(self, sector):
        os.pwrite(self.file, self.cache[sector], sector * SECTOR)

    def refuse_when_broken(self):
        if self.mode == "eio":
            raise FuseOSError(errno.EIO)


FUSE(
    Disk(sys.argv[1]),
    sys.argv[2],
    foreground=True,
    nothreads=True,
    big_writes=True,
    max_write=131072,
    max_read=131072,
)
