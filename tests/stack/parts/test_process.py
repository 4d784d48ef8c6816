import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import psycopg
import pytest

from stack.parts.broker import Broker
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, PartError, Process, free_port, is_port_free
from stack.parts.valkey import Valkey
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
PARENT = """
    import sys, time, pathlib
    from stack.parts.{module} import {name}
    part = {name}(pathlib.Path(sys.argv[1]) / "part"{extra})
    part.start()
    print(part.pid, flush=True)
    time.sleep(300)
"""


@pytest.mark.repeated
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is a Linux feature")
@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("postgres", "Postgres", ', password="x"'), ("broker", "Broker", ""), ("valkey", "Valkey", "")],
)
def test_a_part_dies_with_its_parent_even_by_kill_9(tmp_path, module, name, extra):
    program = textwrap.dedent(PARENT.format(module=module, name=name, extra=extra))
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    "part",
    [lambda d, port: Postgres(d / "p", port, password="x"), Broker, Valkey],
    ids=["postgres", "broker", "valkey"],
)
def test_a_part_starts_on_the_given_port_and_stops_cleanly(tmp_path, part):
    port = free_port()
    server = part(tmp_path, port)
    server.start()
    assert server.port == port
    assert psutil.pid_exists(server.pid)
    assert server.stop() in (0, -signal.SIGTERM)
    assert server.pid is None


def test_a_taken_port_is_named(tmp_path, valkey):
    with pytest.raises(PartError, match=f"broker cannot start: port {valkey.port} is in use"):
        Broker(tmp_path, valkey.port)


def test_postgres_keeps_its_data_over_a_restart(tmp_path):
    for expected in (0, 1):
        with Postgres(tmp_path / "data", password="x") as server, psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (expected,)
            connection.execute("INSERT INTO kept VALUES (1)")


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(tmp_path):
    broken = Process("broken", ["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log", is_ready=lambda: False)
    with pytest.raises(PartError, match=r"broken exited with code 3; see .*log: no such thing"):
        broken.start()


def words(log, lines):
    program = Process("broken", ["printf", "%s\n", *lines], log)
    program.spawn()
    wait_until(lambda: program.exit_code == 0)
    return program.last_words()


@pytest.mark.parametrize("quiet", ['{"level":"INFO","message":"end"}', '{"level": "INFO", "message": "end"}'])
def test_the_last_words_are_of_the_error_and_not_of_the_shutdown_after_it(tmp_path, quiet):
    error = '{"level":"ERROR","message":"address already in use"}'
    assert words(tmp_path / "log", [error, quiet]) == error


def test_the_last_words_are_not_of_an_error_of_a_run_before(tmp_path):
    (tmp_path / "log").write_text('{"level":"ERROR","message":"of a run before"}\n')
    quiet = '{"level":"INFO","message":"end"}'
    assert words(tmp_path / "log", [quiet]) == quiet


def test_the_last_words_are_found_in_a_log_that_was_rotated(tmp_path):
    log = tmp_path / "log"
    log.write_text("of a run before\n" * 10)
    program = Process("broken", ["true"], log)
    program.spawn()
    wait_until(lambda: program.exit_code == 0)
    log.write_text("no such thing\n")
    assert program.last_words() == "no such thing"


def test_a_restart_that_has_said_nothing_yet_has_the_last_words_of_the_crash_before_it(tmp_path):
    script = f"test -e {tmp_path}/crashed && exec sleep 300; touch {tmp_path}/crashed; echo no such thing; exit 1"
    program = Process("broken", ["sh", "-c", script], tmp_path / "log")
    program.spawn()
    wait_until(lambda: program.exit_code == 1)
    program.spawn()
    assert program.last_words() == "no such thing"
    program.kill()


def test_a_free_port_is_given_once_and_a_server_can_listen_there():
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
    with socket.create_server((HOST, port)):
        assert not is_port_free(port)


def test_a_program_that_ignores_the_stop_signal_is_killed(tmp_path):
    stubborn = Process("stubborn", ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], tmp_path / "log")
    stubborn.start()
    wait_until(lambda: "up" in stubborn.log.read_text())
    assert stubborn.stop(seconds=0.1) == -signal.SIGKILL


@pytest.mark.repeated
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is a Linux feature")
@pytest.mark.parametrize("how", ["the parent is killed", "the program ends"])
def test_what_a_kept_program_started_does_not_outlive_it(tmp_path, how):
    program = """
        import sys, time, pathlib
        from stack.parts.process import Process, with_subreaper
        child = Process("family", with_subreaper(["sh", "-c", sys.argv[2]]), pathlib.Path(sys.argv[1]) / "log")
        child.start()
        print("up", flush=True)
        time.sleep(300)
    """
    last = "wait" if how == "the parent is killed" else "exit 0"
    script = f"sleep 300 & echo $! > {tmp_path}/pid; {last}"
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        parent.stdout.readline()
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        if how == "the parent is killed":
            parent.kill()
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        parent.kill()
