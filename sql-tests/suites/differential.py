"""Random statements to Nyala and a PostgreSQL 15: the same names, types, rows, tags and SQLSTATEs.

Statements come in blocks (block.py says what is compared), each over tables of its own, which both hold in memory first, then in
segments, then rewritten. Blocks go in turn to servers that are set so that the same statements have other plans. A statement
that is different is made as small as it can be and still is. Everything comes from the seed: `--seed S --block N` runs block N
alone again.
"""

import argparse
import collections
import multiprocessing
import os
import pathlib
import queue
import random
import shutil
import sys
import tempfile
import traceback

from block import BIG_STATEMENTS, DIFFERENT, STATEMENTS, Block, Sides
from server import Nyala, Postgres

# Settings of the servers. "tight": what does not fit is put aside in files, and big tables have many segments.
SERVERS = {
    "plain": {},
    "one row": {"query_batch_rows": 1, "query_threads": 1},
    "eight parts": {"query_batch_rows": 3, "query_threads": 8, "memtable_flush_bytes": 1024},
    "tight": {"query_memory_bytes": 16 << 20, "query_threads": 8, "segment_rows_max": 8192, "segment_cache_bytes": 0},
}
# One block of so many has big tables; they are for servers that do not take rows one by one.
BIG_EVERY = 10
BIG_SERVERS = ["plain", "tight"]


def plan(number, servers):
    """The server of a block, and whether its tables are big."""
    big = number % BIG_EVERY == BIG_EVERY - 1
    if big:
        servers = [name for name in servers if name in BIG_SERVERS] or servers
        return servers[number // BIG_EVERY % len(servers)], True
    return servers[number % len(servers)], False


def blocks(count):
    """So many blocks that they have `count` statements."""
    number, statements = 0, 0
    while statements < count:
        statements += BIG_STATEMENTS if number % BIG_EVERY == BIG_EVERY - 1 else STATEMENTS
        number += 1
    return range(number)


def work(at, ports, postgres, seed, tasks, results):
    """A worker: runs the blocks it gets and puts what it found into `results`."""
    servers, sides = list(ports), {}
    while (number := tasks.get()) is not None:
        server, big = plan(number, servers)
        found = []
        counts, refusals = collections.Counter(), collections.Counter()
        try:
            if server not in sides:
                sides[server] = Sides(ports[server], postgres, f"w{at}")
            block = Block(sides[server], f"{seed}/{number}", big, f"--seed {seed} --block {number}: {server}", found.append)
            counts, refusals = block.counts, block.refusals
            block.run()
        except Exception:
            # A server that is gone, or a flaw of this program: of no use to hide either.
            found.append(f"## --seed {seed} --block {number}: {server}\n{traceback.format_exc()}")
            counts[DIFFERENT] += 1
            sides.pop(server, None)
        results.put((number, server, counts, refusals, found))
    for side in sides.values():
        side.close()


def run(arguments, seed, directory):
    """Counts, by server too, and refusals."""
    numbers = [arguments.block] if arguments.block is not None else blocks(arguments.count)
    names = list(SERVERS)
    needed = {plan(number, names)[0] for number in numbers}
    servers, workers = {}, []
    by_server, refusals = {name: collections.Counter() for name in needed}, collections.Counter()
    postgres = Postgres(directory)
    try:
        postgres.fresh({}).close()
        for at, name in enumerate(names):
            if name in needed:
                servers[name] = Nyala(arguments.program, directory / f"data{at}", directory, SERVERS[name])
        # What does not run has no port, but its place in turn.
        ports = {name: servers[name].port if name in servers else None for name in names}
        tasks, results = multiprocessing.Queue(), multiprocessing.Queue()
        for number in [*numbers, *[None] * arguments.workers]:
            tasks.put(number)
        for at in range(arguments.workers):
            workers.append(multiprocessing.Process(target=work, args=(at, ports, postgres.port, seed, tasks, results), daemon=True))
            workers[-1].start()
        for done in range(1, len(numbers) + 1):
            number, server, counts, refused, found = next_result(results, workers)
            by_server[server] += counts
            refusals += refused
            for text in found:
                print(text, file=arguments.details, flush=True)
            if done % 50 == 0:
                print(f"{done} of {len(numbers)} blocks: {listed(sum(by_server.values(), collections.Counter()))}", flush=True)
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.kill()
        for server in servers.values():
            server.stop()
        postgres.stop()
    return by_server, refusals


def next_result(results, workers):
    while True:
        try:
            return results.get(timeout=10)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise SystemExit("the workers ended before their blocks did") from None


def listed(counts):
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("--count", type=int, default=400, help="statements, about")
    parser.add_argument("--seed", type=int, help="default: a random one, which is printed")
    parser.add_argument("--block", type=int, help="only this block of the seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="connections that run blocks at once")
    parser.add_argument("--details", type=argparse.FileType("w"), default=sys.stdout, help="file for what is different")
    parser.add_argument("--refusals", action="store_true", help="also say what was refused, and how often")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-differential-"))
    directory.chmod(0o755)
    try:
        by_server, refusals = run(arguments, seed, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, counts in by_server.items():
        print(f"{name}: {listed(counts)}")
    if arguments.refusals:
        for message, count in refusals.most_common():
            print(f"{count:6} {message}")
    together = sum(by_server.values(), collections.Counter())
    print(f"together: {listed(together)}")
    return 1 if together[DIFFERENT] else 0


if __name__ == "__main__":
    sys.exit(main())
