"""ClickHouse behind a pipe: what `cargo xtask bench query` and `cargo xtask oracle` compare with.

Reads one request a line from standard input, as JSON, and writes one line of JSON for each:
`{"sql": …}` runs a statement, `{"drop_cache": [FOLDER, …]}` makes the system forget
the files of these folders. Knows neither the queries nor the product. Never touches a network,
and writes nowhere but below the folder that it is started with.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from chdb.session import Session

DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def run(session: Session, sql: str) -> dict[str, Any]:
    """The rows of a statement, and the milliseconds of the call alone."""
    start = time.perf_counter()
    result = session.query(sql, "JSONEachRow")
    millis = (time.perf_counter() - start) * 1000.0
    text = result.bytes().decode() if result.size() else ""
    return {"millis": millis, "rows": [json.loads(line) for line in text.splitlines()]}


def drop_cache(folders: list[str]) -> dict[str, Any]:
    """Everything that is cached of any file where the system lets us, else these folders' files."""
    os.sync()
    try:
        DROP_CACHES.write_text("1\n")
        return {"way": "drop_caches"}
    except OSError:
        for path in (file for folder in folders for file in Path(folder).rglob("*") if file.is_file()):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return {"way": "posix_fadvise"}


def respond(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    """The response to one request, also if its statement fails."""
    try:
        if "drop_cache" in request:
            return drop_cache(request["drop_cache"])
        return run(session, request["sql"])
    except Exception as error:  # Every error is reported to the caller, which ends the run.
        return {"error": str(error)}


def main(folder: str, responses: TextIO) -> None:
    """Responds until the input ends."""
    session = Session(folder)
    for line in sys.stdin:
        responses.write(json.dumps(respond(session, json.loads(line))) + "\n")
        responses.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout)
