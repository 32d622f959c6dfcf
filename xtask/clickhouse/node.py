"""Starts a ClickHouse server for tests, from the library libchdb.so (npm: @chdb/lib-linux-x64-gnu).

Usage: node.py DIRECTORY HTTP_PORT TCP_PORT

LIBCHDB in the environment is the path of the library. The server listens on 127.0.0.1 and keeps its data in
DIRECTORY. Of the disk it keeps 32 MiB free, as docs/scaling.md asks for. It ends when its standard input is closed, so that it never outlives the process that started it.
"""
import ctypes
import os
import sys
import threading


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


directory, http_port, tcp_port = sys.argv[1:4]
threading.Thread(target=end_with_input, daemon=True).start()
os.makedirs(directory, exist_ok=True)
fifo = os.path.join(directory, "stop.fifo")
if not os.path.exists(fifo):
    os.mkfifo(fifo)

# A file, since the server knows no argument for it.
configuration = os.path.join(directory, "config.xml")
with open(configuration, "w", encoding="utf-8") as file:
    file.write(
        "<clickhouse><storage_configuration><disks><default>"
        f"<keep_free_space_bytes>{32 << 20}</keep_free_space_bytes>"
        "</default></disks></storage_configuration></clickhouse>"
    )

library = ctypes.CDLL(os.environ["LIBCHDB"])
library.chdb_query_cmdline.restype = ctypes.c_void_p
library.chdb_result_error.restype = ctypes.c_char_p
library.chdb_result_error.argtypes = [ctypes.c_void_p]

# The last statement reads a FIFO that nobody writes to. The server listens meanwhile.
statements = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    f"SELECT count() FROM file('{fifo}', 'LineAsString') SETTINGS max_execution_time = 0 FORMAT Null"
)
arguments = [
    "clickhouse-local",
    "--config-file", configuration,
    "--path", directory,
    "--listen_host", "127.0.0.1",
    "--http_port", http_port,
    "--tcp_port", tcp_port,
    "--logger.log", os.path.join(directory, "server.log"),
    "--logger.level", "warning",
    "--query", statements,
]
argv = (ctypes.c_char_p * (len(arguments) + 1))(*[argument.encode() for argument in arguments], None)
result = library.chdb_query_cmdline(len(arguments), argv)
sys.exit((library.chdb_result_error(result) or b"").decode())
