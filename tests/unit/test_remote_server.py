"""Servers of tests are strangers to each other, and to whoever has met one before."""

from tests.support.remote_server import on_new_port


def test_no_two_servers_of_a_process_have_one_port() -> None:
    with on_new_port("127.0.0.1") as first:
        port = first.getsockname()[1]
    with on_new_port("127.0.0.1", port) as second:
        assert second.getsockname()[1] != port
