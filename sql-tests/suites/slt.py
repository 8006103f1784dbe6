"""The statements of the .slt files to a PostgreSQL 15 and to Nyala: beside the rows, which the files themselves are checked for on
both, names, type OIDs, tags and SQLSTATEs, by the rule of comparison.py.

What a file keeps from PostgreSQL is Nyala's own and left out, and so is what stands behind it in the same file on the same
objects, as comparison.py says of what was refused.
"""

import argparse
import collections
import pathlib
import shutil
import sys
import tempfile

from comparison import DIFFERENT, EQUAL, LEFT_OUT, REFUSED, Comparison, objects
from protocol import Connection
from server import Nyala, Postgres

DIRECTORY = pathlib.Path(__file__).parent.parent / "slt"
_HEADS = ("statement", "query")


def records(text):
    """Pairs of a statement and whether PostgreSQL is to see it."""
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line and not line.startswith("#")]
        shared = True
        while lines and lines[0].startswith(("skipif", "onlyif")):
            shared = shared and lines[0].split() != ["skipif", "postgres"] and not lines[0].startswith("onlyif")
            lines = lines[1:]
        if not lines or not lines[0].startswith(_HEADS):
            continue
        sql = []
        for line in lines[1:]:
            if line == "----":
                break
            sql.append(line)
        yield "\n".join(sql), shared


def run_file(path, postgres, nyala, settings):
    connect = lambda: Connection("127.0.0.1", nyala.port, timeout=300, settings=settings)
    comparison = Comparison(postgres.fresh(settings), connect(), connect)
    for sql, shared in records(path.read_text()):
        if shared:
            comparison.run(sql, lambda: None)
        else:
            # What it makes is there on one side only.
            comparison.nyala.query(sql)
            comparison.tainted |= objects(sql)
            comparison.counts[LEFT_OUT] += 1
    comparison.postgres.close()
    comparison.nyala.close()
    return comparison


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("files", nargs="*", help="names without ending; default: all")
    arguments = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-slt-"))
    directory.chmod(0o755)
    postgres = Postgres(directory)
    total = collections.Counter()
    try:
        for path in sorted(DIRECTORY.glob("*.slt")):
            if arguments.files and path.stem not in arguments.files:
                continue
            nyala = Nyala(arguments.program, directory / path.stem, directory)
            try:
                comparison = run_file(path, postgres, nyala, {"TimeZone": "UTC"})
            finally:
                nyala.stop()
                shutil.rmtree(directory / path.stem, ignore_errors=True)
            total += comparison.counts
            for verdict, sql, theirs, ours in comparison.details:
                if verdict == DIFFERENT:
                    print(f"==== {path.stem}\n{sql}\n---- PostgreSQL\n{theirs}\n---- Nyala\n{ours}\n", flush=True)
    finally:
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print(", ".join(f"{name} {total[name]}" for name in (EQUAL, REFUSED, DIFFERENT, LEFT_OUT)))
    return 1 if total[DIFFERENT] else 0


if __name__ == "__main__":
    sys.exit(main())
