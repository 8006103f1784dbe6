"""PostgreSQL's own regression scripts against Nyala and a PostgreSQL 15, statement by statement.

The scripts come from Debian's source package at run time and are kept in the cache directory. Each script gets a fresh
database on both sides, with the tables of `test_setup`. Counts per file: equal, refused, different, left out, as
comparison.py says. `--details FILE` writes every statement that is refused or different with both answers. Of the different
ones named.py knows the cause; the exit status is 1 when it does not know one.
"""

import argparse
import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile

from comparison import DIFFERENT, EQUAL, LEFT_OUT, REFUSED, Comparison
from named import Named
from protocol import Connection
from script import Script
from server import Nyala, Postgres

TYPES = (
    "boolean char name varchar text int2 int4 int8 float4 float8 numeric uuid strings regex date time timetz timestamp "
    "timestamptz interval arrays json jsonb jsonb_jsonpath enum domain"
).split()
OTHERS = (
    "select select_distinct select_distinct_on select_having select_implicit union case join subselect aggregates "
    "groupingsets window with insert insert_conflict update delete merge returning copy2 copyselect sequence identity "
    "generated create_view matview rangefuncs rowtypes"
).split()
# As PostgreSQL's own driver of these scripts sets them, but for the name of the zone: the editions of the tz database
# differ in what PST8PDT was before 1900.
SETTINGS = {"TimeZone": "America/Los_Angeles", "DateStyle": "Postgres, MDY", "IntervalStyle": "postgres_verbose"}


def debian():
    """The mirror and release that this machine takes Debian's packages from."""
    release = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line
    )["VERSION_CODENAME"].strip('"')
    lines = []
    for path in [*pathlib.Path("/etc/apt").glob("sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
        lines += path.read_text().splitlines()
    mirror = None
    for line in lines:
        if line.startswith("URIs:"):
            mirror = line.split()[1]
        elif line.startswith("Suites:") and release in line.split()[1:] and mirror:
            return mirror, release
        elif line.startswith("deb "):
            words = [word for word in line.split()[1:] if not word.startswith("[")]
            if len(words) > 2 and words[1] == release and "main" in words[2:]:
                return words[0], release
    raise SystemExit("no source of Debian's packages was found")


def sources(cache):
    """The directory src/test/regress of PostgreSQL 15, fetched once with a package configuration of its own."""
    directory = cache / "postgresql-15-source"
    found = list(directory.glob("*/src/test/regress"))
    if found:
        return found[0]
    for part in ["state/lists/partial", "cache/archives/partial"]:
        (directory / part).mkdir(parents=True, exist_ok=True)
    mirror, release = debian()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (directory / "sources.list").write_text(f"deb-src [signed-by={keyring}] {mirror} {release} main\n")
    options = []
    for key, value in {
        "Dir::Etc::sourcelist": directory / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": directory / "state",
        "Dir::Cache": directory / "cache",
        "APT::Sandbox::User": "",
    }.items():
        options += ["-o", f"{key}={value}"]
    subprocess.run(["apt-get", "-q", *options, "update"], check=True, cwd=directory)
    subprocess.run(["apt-get", "-q", *options, "source", "--download-only", "postgresql-15"], check=True, cwd=directory)
    (archive,) = directory.glob("postgresql-15_*.orig.tar.bz2")
    subprocess.run(["tar", "xjf", archive, "--wildcards", "*/src/test/regress/*"], check=True, cwd=directory)
    return next(directory.glob("*/src/test/regress"))


def run_file(name, regress, postgres, program, directory):
    """Runs `test_setup`, then the script. Gives its comparison."""
    data = directory / f"nyala-{name}"
    nyala = Nyala(program, data, regress)
    try:
        environment = {"PG_ABS_SRCDIR": str(regress), "PG_LIBDIR": "/nowhere", "PG_DLSUFFIX": ".so", "PG_ABS_BUILDDIR": str(directory)}
        connect = lambda: Connection(nyala.host, nyala.port, settings=SETTINGS)
        comparison = Comparison(postgres.fresh(SETTINGS), connect(), connect)
        for part in ["test_setup", name]:
            comparison.counts.clear()
            comparison.details.clear()
            script = Script((regress / "sql" / f"{part}.sql").read_text(), environment)
            for statement in script:
                if statement.startswith("\\"):
                    comparison.counts[LEFT_OUT] += 1
                else:
                    comparison.run(statement, script.block)
        comparison.postgres.close()
        comparison.nyala.close()
        return comparison
    finally:
        nyala.stop()
        shutil.rmtree(data, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="directory kept between runs")
    parser.add_argument("--details", type=pathlib.Path, help="file for what is refused or different")
    parser.add_argument("files", nargs="*", help=f"default: all of {' '.join(TYPES + OTHERS)}")
    arguments = parser.parse_args()
    regress = sources(arguments.cache)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-regress-"))
    directory.chmod(0o755)
    # Where the user of PostgreSQL can read its data files.
    regress = shutil.copytree(regress, directory / "regress")
    postgres = Postgres(directory)
    total = {"types": {}, "others": {}}
    causes, unknown = collections.Counter(), 0
    details = open(arguments.details, "w") if arguments.details else None
    try:
        print("| file | equal | refused | different | left out | equal of the rest |\n|---|---|---|---|---|---|")
        for name in arguments.files or TYPES + OTHERS:
            comparison = run_file(name, regress, postgres, arguments.program, directory)
            counts = comparison.counts
            kind = total["types" if name in TYPES else "others"]
            for verdict, count in counts.items():
                kind[verdict] = kind.get(verdict, 0) + count
            print(line(name, counts), flush=True)
            named = Named(name)
            for verdict, sql, theirs, ours in comparison.details:
                cause = named.cause(sql) if verdict == DIFFERENT else None
                if verdict == DIFFERENT:
                    causes[cause or "not known"] += 1
                    unknown += cause is None
                if details:
                    shown = f"{verdict}: {cause}" if cause else verdict
                    details.write(f"==== {name}: {shown}\n{sql}\n---- PostgreSQL\n{theirs}\n---- Nyala\n{ours}\n")
            for begin in named.unmet():
                print(f"named and not different: {name}: {begin}", file=sys.stderr)
        for kind, counts in total.items():
            print(line(f"**{kind}**", counts))
        print("\n| different because | statements |\n|---|---|")
        for cause, count in causes.most_common():
            print(f"| {cause} | {count} |")
    finally:
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if unknown else 0


def line(name, counts):
    equal, refused, different = (counts.get(v, 0) for v in (EQUAL, REFUSED, DIFFERENT))
    counted = max(equal + refused + different, 1)
    return f"| {name} | {equal} | {refused} | {different} | {counts.get(LEFT_OUT, 0)} | {100 * equal / counted:.1f} % |"


if __name__ == "__main__":
    sys.exit(main())
