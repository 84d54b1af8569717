"""The load generator's own sums: real processes and a real socket, no homeserver."""

import asyncio
import io
import os
import subprocess
import sys
from subprocess import PIPE

import pytest
from rich.console import Console

from conformance.bench import accounting, figures, profiler
from conformance.bench.connection import Connection, ConnectionLost, content_length, dechunk
from conformance.bench.figures import Result
from conformance.bench.run import SCENARIOS, parser

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_percentiles_are_the_nearest_rank() -> None:
    latencies = [float(number) for number in range(1, 101)]
    assert [figures.percentile(latencies, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert figures.percentile([7.0], 50) == 7.0
    assert figures.percentile([], 99) == 0.0


def test_the_ratio_compares_server_and_database_per_operation() -> None:
    ours = Result(scenario="send", server="timserver", operations=2000, server_cpu_s=1.5, database_cpu_s=0.5)
    theirs = Result(scenario="send", server="synapse", operations=100, server_cpu_s=0.7, database_cpu_s=0.3)
    assert ours.cpu_s_per_1000 == 1.0
    assert figures.ratio(ours, theirs) == pytest.approx(0.1)
    assert figures.ratio(ours, Result(scenario="send", server="synapse", error="refused")) is None


def test_the_table_shows_ratio_and_failure() -> None:
    measured = Result(scenario="send", server="a", operations=1000, seconds=2.0, server_cpu_s=1.0)
    slower = Result(scenario="send", server="b", operations=1000, seconds=2.0, server_cpu_s=4.0)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(figures.table([measured, Result(scenario="sync", server="a", error="404"), slower]))
    text = console.export_text()
    assert "1/4.0" in text
    assert "failed: 404" in text


def test_a_child_that_ended_is_still_counted() -> None:
    before = accounting.cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert accounting.cpu_seconds(os.getpid()) - before >= 0.28


def test_a_child_that_runs_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN + "\nprint(flush=True)\ninput()"], stdin=PIPE, stdout=PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert accounting.cpu_seconds(child.pid) >= 0.28
        assert accounting.peak_memory_bytes(child.pid) >= accounting.memory_bytes(child.pid) > 1_000_000
        child.communicate(b"\n")


def test_no_process_costs_nothing() -> None:
    assert accounting.cpu_seconds(None) == 0.0
    assert accounting.memory_bytes(None) == 0


def test_profiles_are_summed_by_function() -> None:
    text = profiler.summary(
        ["main (a.py:1);send (b.py:7) 30", "main (a.py:2);send (b.py:9) 50", "main (a.py:3) 20"]
    )
    own, inclusive = text.split("with callees")
    assert " 80.0%  send (b.py)" in own
    assert "100.0%  main (a.py)" in inclusive


def test_answers_are_measured_by_length_or_chunks() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\ncontent-length: 12") == 12
    assert content_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked") is None
    assert dechunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([b"HTTP/1.1 201 Created\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"], b"abcd"),
        ([b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab", b"\r\n0\r\n\r\n"], b"ab"),
        ([b"HTTP/1.1 201 Created\r\n\r\n"], b""),
    ],
)
async def test_an_answer_may_come_in_pieces(pieces: list[bytes], body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        connection = Connection(*server.sockets[0].getsockname())
        assert await connection.exchange(b"GET / HTTP/1.1\r\n\r\n") == (201, body)
        assert await connection.exchange(b"GET / HTTP/1.1\r\n\r\n") == (201, body)
        connection.close()


async def test_a_hang_up_in_an_answer_is_an_error() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with pytest.raises(ConnectionLost):
            await Connection(*server.sockets[0].getsockname()).exchange(b"GET / HTTP/1.1\r\n\r\n")


def test_every_scenario_can_be_asked_for() -> None:
    asked = [option for name in SCENARIOS for option in ("--scenario", name)]
    assert parser().parse_args(asked).scenario == list(SCENARIOS)
