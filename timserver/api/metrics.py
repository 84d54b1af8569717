"""What Prometheus is told: requests by operation and status, their time, who waits, the pool.

Labels never hold a tenant, a user or a path: operations and statuses are few. With several workers the numbers of
all are added up through files in a folder that the parent makes (the client library's multiprocess mode).
"""

import os

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90)


class Metrics:
    """One per process. The library decides at its import how it counts, so it is imported in the worker."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: PLC0415 - see above

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "timserver_requests_total", "Answered requests.", ("operation", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "timserver_request_seconds",
            "Time to the answer; of sync it is mostly waiting.",
            ("operation",),
            registry=self._registry,
            buckets=_BUCKETS_S,
        )
        self._running = Gauge(
            "timserver_requests_running",
            "Requests without an answer yet, long polls included.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

        self._transactions = Counter(
            "timserver_federation_transactions_total",
            "Transactions to other servers by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        self._items = Counter(
            "timserver_federation_items_sent_total", "PDUs and EDUs that arrived.", registry=self._registry
        )
        self._under_way = Gauge(
            "timserver_federation_sends_running",
            "Transactions to other servers without an answer yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._waiting = Gauge(
            "timserver_federation_tenants_waiting",
            "Tenants with something that another server has not received yet, in the whole deployment.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )

        self._unlisted = Gauge(
            "timserver_tenants_not_in_federation_list",
            "TI-M tenants that other servers of the TI do not talk to, as found at the start.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    def unlisted(self, count: int) -> None:
        """How many TI-M tenants are in no list."""
        self._unlisted.set(count)

    def transaction(self, outcome: str, items: int) -> None:
        """A transaction to another server has ended; so many PDUs and EDUs arrived."""
        self._transactions.labels(outcome).inc()
        self._items.inc(items)

    def sending(self, under_way: int, tenants_waiting: int) -> None:
        """How much there is to send now."""
        self._under_way.set(under_way)
        self._waiting.set(tenants_waiting)

    def begin(self) -> None:
        """A request came."""
        self._running.inc()

    def end(self, operation: str, status: int, seconds: float) -> None:
        """A request was answered; `operation` is empty when nothing serves its path."""
        self._running.dec()
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def text(self) -> bytes:
        """The page for Prometheus: of this process, or of all workers."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess  # noqa: PLC0415 - as above

        if MULTIPROCESS_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
