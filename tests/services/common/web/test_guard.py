import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.common.runtime.settings import ServerLimits
from services.common.web.addresses import client_network
from services.common.web.guard import GuardedProtocol
from services.common.web.limits import WAITS_FOR_BYTES
from tests.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf"
MEGABYTE = 1024 * 1024


class Application:
    """Answers with as many bytes as it read, or as the path says; remembers who broke off."""

    def __init__(self):
        self.begun = 0
        self.broken_off = threading.Event()

    async def __call__(self, scope, receive, send):
        self.begun += 1
        request = Request(scope, receive)
        try:
            size = len(await request.body())
        except ClientDisconnect:
            self.broken_off.set()
            return
        wanted = scope["path"].removeprefix("/")
        await Response(b"x" * int(wanted) if wanted else str(size).encode())(scope, receive, send)


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def connect(application, monkeypatch):
    """Makes connections to a server that is guarded by these limits."""
    with ExitStack() as stack:
        ports = []

        def connect(*, proxies="", **limits):
            if not ports:
                monkeypatch.setattr(GuardedProtocol, "limits", ServerLimits(**limits))
                ports.append(stack.enter_context(_served(application, proxies)))
            return stack.enter_context(socket.create_connection(("127.0.0.1", ports[0]), timeout=20))

        yield connect


@contextmanager
def _served(application, proxies):
    options = {"ws": "none", "lifespan": "off", "log_config": None, "forwarded_allow_ips": proxies}
    config = uvicorn.Config(application, http=GuardedProtocol, port=0, **options)
    server = uvicorn.Server(config)
    with config.bind_socket() as listener:
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def ask(connection, *pieces):
    """Send pieces as far as they are taken; gives the status and the body of the answer, or None without one."""
    for piece in pieces:
        try:
            connection.sendall(piece)
        except OSError:
            break
    reader = connection.makefile("rb")
    try:
        status = reader.readline()
        size = 0
        while status and (line := reader.readline().rstrip()):
            size = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else size
        return (int(status.split()[1]), reader.read(size)) if status else None
    except ConnectionResetError:
        return None


def is_closed(connection):
    """Whether the server hangs up without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_requests_on_one_connection_are_answered_one_after_the_other(connect):
    connection = connect()
    post = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nfour"
    assert [ask(connection, GET)[1], ask(connection, post)[1], ask(connection, GET)[1]] == [b"0", b"4", b"0"]


def test_a_large_body_passes(connect):
    head = f"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: {MEGABYTE}\r\n\r\n".encode()
    assert ask(connect(head_bytes=1000), head + b"x" * MEGABYTE) == (200, b"1048576")


def test_a_body_of_many_small_pieces_passes(connect):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(connect(head_bytes=200), head, b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n") == (200, b"1000")


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX-A: ",
        b"\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A: ",
    ],
    ids=["address", "header", "nothing", "trailer"],
)
def test_a_head_without_an_end_is_refused(connect, begin):
    endless = b"\r\n" * 2000 if begin == b"\r\n" else b"x" * 4000
    status, _ = ask(connect(head_bytes=1000), begin, endless)
    assert status in {400, 431}


def test_a_slow_head_is_refused(connect):
    assert ask(connect(head_seconds=0.1), b"GET / HT")[0] == 408


def test_who_sends_nothing_is_hung_up_on(connect):
    assert is_closed(connect(head_seconds=0.1))


def test_after_an_answer_a_slow_head_is_refused_too(connect):
    connection = connect(head_seconds=0.5)
    assert ask(connection, GET)[0] == 200
    assert ask(connection, b"G")[0] == 408


def test_a_body_that_stops_is_refused_and_the_application_never_hears_of_it(connect, application):
    assert ask(connect(body_pause_seconds=0.1), HALF)[0] == 408
    assert application.begun == 0


def test_where_a_large_body_stops_the_application_is_told(connect, application):
    half = HALF.replace(b"9", b"999999") + b"x" * WAITS_FOR_BYTES
    assert ask(connect(body_pause_seconds=0.1), half)[0] == 408
    assert application.broken_off.wait(10)


def test_a_body_that_comes_later_than_its_head_is_waited_for(connect, application):
    connection = connect()
    connection.sendall(HALF)
    assert ask(connect(), GET) == (200, b"0")  # by which time the half has been read
    assert application.begun == 1
    assert ask(connection, b"whole") == (200, b"9")


def test_who_asks_first_whether_a_body_is_wanted_is_told_to_go_on(connect):
    connection = connect()
    connection.sendall(HALF.removesuffix(b"half").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    assert ask(connection, b"nine char") == (200, b"9")


def drip(connection):
    while True:
        connection.sendall(b"x")
        time.sleep(0.01)


def test_a_body_that_drips_is_refused(connect):
    connection = connect(body_pause_seconds=0.5)
    connection.sendall(HALF.replace(b"9", b"9000000"))
    with pytest.raises(ConnectionError):
        drip(connection)


def test_who_does_not_read_the_answer_is_hung_up_on(connect):
    connection = connect(unread_seconds=1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /50000000 HTTP/1.1\r\nHost: shop\r\n\r\n")
    wait_until(lambda: not GuardedProtocol._peers)


def test_who_asks_on_and_on_without_reading_is_hung_up_on(connect):
    connection = connect()
    try:
        for _ in range(100):
            connection.sendall(GET * 10_000)
    except OSError:
        return
    pytest.fail("a million requests were taken in")


def test_some_requests_may_wait_behind_the_first(connect):
    connection = connect()
    connection.sendall(GET * 49 + GET[:-2] + b"Connection: close\r\n\r\n")
    assert connection.makefile("rb").read().count(b"HTTP/1.1 200 OK") == 50


def test_an_upgrade_is_ignored_and_its_connection_ends_with_the_answer(connect):
    connection = connect()
    wish = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"
    assert ask(connection, GET[:-2] + wish) == (200, b"0")
    assert is_closed(connection)


@pytest.mark.parametrize("framing", [b"Content-Length: 4", b"Transfer-Encoding: chunked"])
def test_a_body_beside_an_upgrade_is_refused_for_nobody_could_read_it(connect, framing):
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + framing + b"\r\n\r\n"
    assert ask(connect(), head + b"4\r\nfour\r\n0\r\n\r\n")[0] == 400


def test_where_an_address_has_too_many_the_one_that_is_waited_for_longest_ends(connect):
    first, second, third = (connect(connections_per_address=2) for _ in range(3))
    first.sendall(b"GET")
    assert ask(first)[0] == 503
    assert [ask(each, GET)[0] for each in (second, third)] == [200, 200]


def test_of_very_many_the_last_stay(connect):
    connections = [connect(connections_per_address=4) for _ in range(20)]
    assert all(is_closed(each) for each in connections[:16])
    assert [ask(each, GET)[0] for each in connections[16:]] == [200] * 4


def test_who_asks_all_the_time_has_no_more_connections_than_others(connect):
    connections = [connect(connections_per_address=1) for _ in range(3)]
    while len(connections) > 1:
        connections = [each for each in connections if ask(each, GET) == (200, b"0")]
    assert len(connections) == 1


def test_a_stated_proxy_may_have_many(connect):
    first, second = (connect(connections_per_address=1, proxies="127.0.0.1") for _ in range(2))
    first.sendall(b"GET / HTTP/1.1\r\n")
    assert ask(second, GET)[0] == 200
    assert ask(first, b"Host: shop\r\n\r\n")[0] == 200


def test_where_a_server_has_too_many_the_idle_one_ends(connect):
    first = connect(connections=1)
    assert ask(first, GET)[0] == 200
    second = connect()
    assert is_closed(first)
    assert ask(second, GET)[0] == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_customer_is_known_by_the_network(address, network):
    assert client_network(address) == network
